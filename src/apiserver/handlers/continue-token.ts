/** Continue tokens of lists, byte for byte as upstream's. Upstream: apiserver/pkg/storage/continue.go. */
import { decodeJson } from '../../api/codec/json.ts'
import { badRequest } from '../../api/meta/errors.ts'
import { jsonKind } from '../../api/schema/go-decode.ts'

export interface ContinueToken {
  /** Negative: continue at whatever is the latest. */
  readonly revision: number
  /** First key of the next page, relative to what is listed. */
  readonly start: string
}

export function encodeContinue({ revision, start }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url')
}

const prefix = 'invalid continue token: continue key is not valid'

/** Throws 400. A key may begin with a slash. */
export function decodeContinue(text: string): ContinueToken {
  const token = read(text)
  if (token.v !== 'meta.k8s.io/v1') throw badRequest(`${prefix}: server does not recognize this encoded version ${typeof token.v === 'string' ? token.v : ''}`)
  const { rv, start } = token
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) {
    throw badRequest(`${prefix}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)`)
  }
  if (typeof start !== 'string' || start === '') throw badRequest(`${prefix}: encoded start key empty (version meta.k8s.io/v1)`)
  // A key must not climb out of what is listed.
  if (start.split('/').some((part, i) => part === '..' || part === '.' || (part === '' && i > 0))) throw badRequest(`${prefix}: ${start}`)
  return { revision: rv, start: start.startsWith('/') ? start.slice(1) : start }
}

function read(text: string): Record<string, unknown> {
  const bad = text.search(/[^A-Za-z0-9_-]/)
  // One letter alone is no byte: Go's decoder names the place where its four begin.
  if (bad >= 0 || text.length % 4 === 1) throw badRequest(`${prefix}: illegal base64 data at input byte ${bad >= 0 ? bad : text.length - 1}`)
  let value: unknown
  try {
    value = decodeJson(Buffer.from(text, 'base64url')).value
  } catch (error) {
    throw badRequest(`${prefix}: ${error instanceof Error ? error.message : ''}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw badRequest(`${prefix}: json: cannot unmarshal ${jsonKind(value)} into Go value of type storage.continueToken`)
}
