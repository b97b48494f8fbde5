/**
 * Which form of a status page a client gets (upstream: apiserver/pkg/server/{statusz,flagz}/negotiate): plain text, or an
 * object of config.k8s.io that has to be asked for by its kind and version.
 */
import { encodeYaml } from '../codec/yaml.ts'
import { type Clause, parseAccept, takes, wantsPretty } from '../meta/accept.ts'
import { notAcceptable } from '../meta/errors.ts'

/** What a request says of the form of the answer. */
export interface PageRequest {
  /** The Accept header. */
  readonly accept?: string | undefined
  readonly userAgent?: string | undefined
  readonly query: URLSearchParams
}

/** An answer as it goes over the wire; names of headers are in lower case. */
export interface PageAnswer {
  readonly code: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One page in all its forms, made only as they are asked for. */
export interface Page {
  readonly kind: 'Statusz' | 'Flagz'
  text(): string
  /** The object without `kind` and `apiVersion`. */
  object(): object
}

const group = 'config.k8s.io'
const versions: readonly string[] = ['v1beta1', 'v1alpha1']
const structured = ['application/json', 'application/yaml'] as const
const mediaTypes = [...structured, 'text/plain'] as const
type MediaType = (typeof mediaTypes)[number]

export const textHeaders: Readonly<Record<string, string>> = { 'content-type': 'text/plain; charset=utf-8' }

/** The page in the form that was asked for, or 406 with the forms that there are. */
export function pageAnswer(page: Page, request: PageRequest): PageAnswer {
  const accept = request.accept ?? ''
  const pretty = wantsPretty(request.query, request.userAgent ?? '')
  const found = accept.trim() === '' ? { mediaType: 'text/plain' as const } : choose(accept, page.kind)
  if (found === undefined) return refusal(accept, pretty)
  const { clause, mediaType } = found
  if (mediaType === 'text/plain' || clause === undefined) return { code: 200, headers: textHeaders, body: page.text() }
  const version = clause.params['v']!
  const object = { kind: page.kind, apiVersion: `${group}/${version}`, ...page.object() }
  const old = version !== versions[0]
  return {
    code: 200,
    headers: {
      'content-type': `${mediaType};g=${group};v=${version};as=${page.kind}`,
      ...(old ? { warning: `299 - "This version of the ${page.kind.toLowerCase()} endpoint is deprecated. Please use a newer version."` } : {}),
    },
    body: encoded(object, mediaType, pretty || clause.params['pretty'] === '1'),
  }
}

/** The first clause and form that go together. */
function choose(accept: string, kind: Page['kind']): { mediaType: MediaType; clause?: Clause } | undefined {
  for (const clause of parseAccept(accept)) {
    const { as, g, v, stream = '', sv = '' } = clause.params
    if (stream !== '' || sv !== '') continue
    const plain = as === undefined && g === undefined && v === undefined
    const known = as === kind && g === group && versions.includes(v ?? '')
    for (const mediaType of mediaTypes) {
      if (takes(clause, mediaType) && (mediaType === 'text/plain' ? plain : known)) return { mediaType, clause }
    }
  }
  return undefined
}

/** The refusal is an object without a version, so it can be had in any form; who takes none of them is taken for a person. */
function refusal(accept: string, pretty: boolean): PageAnswer {
  const { status } = notAcceptable(mediaTypes)
  for (const clause of parseAccept(accept)) {
    const { as, g, v, stream = '', sv = '' } = clause.params
    if (stream !== '' || sv !== '' || as !== undefined || g !== undefined || v !== undefined) continue
    const mediaType = structured.find((one) => takes(clause, one))
    if (mediaType !== undefined) return { code: 406, headers: { 'content-type': mediaType }, body: encoded(status, mediaType, pretty || clause.params['pretty'] === '1') }
  }
  return { code: 406, headers: { 'content-type': 'application/json' }, body: encoded(status, 'application/json', true) }
}

function encoded(object: object, mediaType: MediaType, pretty: boolean): string {
  if (mediaType === 'application/yaml') return encodeYaml(object)
  return pretty ? JSON.stringify(object, null, 2) : `${JSON.stringify(object)}\n`
}
