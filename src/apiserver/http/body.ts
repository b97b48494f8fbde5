/** Request bodies: reading within the limit, and decoding by content type. */
import type { Readable } from 'node:stream'
import {
  StatusError, badRequest, requestEntityTooLarge, unsupportedMediaType,
} from '../../api/meta/errors.ts'
import type { RequestBody, RequestInfo } from '../handler.ts'
import { decodeProtobuf } from '../../api/codec/protobuf.ts'
import { decodeJson } from '../../api/codec/json.ts'
import { decodeYaml } from '../../api/codec/yaml.ts'

/** Upstream's MaxRequestBodyBytes. */
export const maxBodyBytes = 3 * 1024 * 1024

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
export const patchTypes = [
  'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]
/** CRDs have no strategic merge. */
export const customPatchTypes = [patchTypes[0]!, patchTypes[1]!, patchTypes[3]!]

/** The whole body. Throws RequestEntityTooLarge as soon as it is more than `limit` bytes; the rest is left unread. */
export async function readBody(stream: Readable, limit: number, contentLength?: string): Promise<Buffer> {
  const tooLarge = () => requestEntityTooLarge(`Request entity too large: limit is ${limit}`)
  if (contentLength !== undefined && Number(contentLength) > limit) throw tooLarge()
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    const done = (error: StatusError | Error | undefined) => {
      stream.off('data', onData)
      stream.off('end', onEnd)
      stream.off('error', done)
      stream.off('aborted', onAbort)
      stream.off('close', onAbort)
      if (error === undefined) resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
      else reject(error)
    }
    const onEnd = () => done(undefined)
    const onAbort = () => done(badRequest('unexpected EOF'))
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > limit) {
        stream.pause()
        done(tooLarge())
      } else chunks.push(chunk)
    }
    stream.on('data', onData)
    stream.on('end', onEnd)
    stream.on('error', done)
    stream.on('aborted', onAbort)
    stream.on('close', onAbort)
  })
}

/** A media type without parameters, in lower case; undefined when it is malformed. */
export function mediaTypeOf(contentType: string): string | undefined {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase()
  return /^[^/\s]+\/[^/\s]+$/.test(type) ? type : undefined
}

export interface DecodeOptions {
  /** False for CRDs: no protobuf, no strategic merge patch. */
  readonly builtIn: boolean
  readonly strict: boolean
  /** The kind that the endpoint takes, for the texts of refusals. */
  readonly kind: string
}

/**
 * The body of a request that may have one, or undefined when it is empty and may be. Throws 415 for formats that the
 * verb does not take and 400 for bytes that are not what they claim to be.
 */
export function decodeBody(info: RequestInfo, contentType: string | undefined, bytes: Buffer, options: DecodeOptions): RequestBody | undefined {
  if (info.verb === 'patch') return decodePatch(contentType, bytes, options)
  const accepted = options.builtIn ? objectTypes : objectTypes.slice(0, 2)
  const declared = contentType === undefined || contentType === '' ? 'application/json' : mediaTypeOf(contentType)
  if (declared === undefined || !accepted.includes(declared)) {
    // An empty delete may say anything about the body that it does not have.
    if (bytes.length === 0 && (info.verb === 'delete' || info.verb === 'deletecollection')) return undefined
    throw unsupportedMediaType(accepted)
  }
  const ofDelete = info.verb === 'delete' || info.verb === 'deletecollection'
  if (bytes.length === 0 && info.verb !== 'create' && info.verb !== 'update') return undefined
  if (declared === 'application/vnd.kubernetes.protobuf') {
    const value = orBadRequest(() => decodeProtobuf(bytes), (why) => unrecognized(options.kind, why, bytes))
    return { mediaType: declared, value, strictErrors: [] }
  }
  const format = declared === 'application/yaml' ? 'yaml' : 'json'
  const decoded = orBadRequest(
    () => decodeText(declared, bytes, options.strict),
    (why) => {
      const text = `couldn't get version/kind; ${format} parse error: ${why}`
      return ofDelete ? text : unrecognized(options.kind, text, bytes)
    },
  )
  return { mediaType: declared, ...decoded }
}

function unrecognized(kind: string, why: string, bytes: Buffer): string {
  return `the object provided is unrecognized (must be of type ${kind}): ${why} (${summarize(bytes)})`
}

const summaryLength = 30

/** The beginning of a body: as text when it looks like JSON, in hex else. */
function summarize(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>'
  const text = bytes[0] === 0x7b
  const shown = bytes.subarray(0, summaryLength).toString(text ? 'utf8' : 'hex')
  return bytes.length > summaryLength ? `${shown} ...` : shown
}

/** Built-in kinds are refused by upstream's router before its handler sees the type. */
export const patchNotRouted = (): StatusError => new StatusError({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: '415: Unsupported Media Type',
  reason: 'UnsupportedMediaType', details: {}, code: 415,
})

/** The value of a patch. Throws 400 when its text was none. */
export function patchOf(body: RequestBody): unknown {
  if (body.unreadable !== undefined) throw body.unreadable
  return body.value
}

/** Throws 415 for a patch of no known type, before anything of the body is read. */
export function checkPatchRouted(contentType: string | undefined): void {
  if (!patchTypes.includes(patchTypeOf(contentType))) throw patchNotRouted()
}

const patchTypeOf = (contentType: string | undefined): string => contentType?.split(';', 1)[0]!.trim() ?? ''

function decodePatch(contentType: string | undefined, bytes: Buffer, options: DecodeOptions): RequestBody {
  const declared = patchTypeOf(contentType)
  if (options.builtIn) checkPatchRouted(contentType)
  else if (!customPatchTypes.includes(declared)) throw unsupportedMediaType(customPatchTypes)
  const yaml = declared === 'application/apply-patch+yaml'
  try {
    return { mediaType: declared, ...decodeText(yaml ? 'application/yaml' : 'application/json', bytes, options.strict) }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { mediaType: declared, value: undefined, strictErrors: [], unreadable: badRequest(`error decoding ${yaml ? 'YAML' : 'patch'}: ${why}`) }
  }
}

interface Decoded {
  value: unknown
  strictErrors: readonly string[]
}

function decodeText(mediaType: string, bytes: Buffer, strict: boolean): Decoded {
  const text = bytes.toString('utf8')
  return mediaType === 'application/yaml' ? decodeYaml(text, strict) : decodeJson(text, strict)
}

function orBadRequest<T>(decode: () => T, message: (why: string) => string): T {
  try {
    return decode()
  } catch (error) {
    throw badRequest(message(error instanceof Error ? error.message : String(error)))
  }
}
