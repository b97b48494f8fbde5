/** Writes what the handler answered onto the wire in the negotiated format. */
import { constants, gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { AuthorizationError, type Status, StatusError, internalError } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { StoreError } from '../storage/store.ts'
import type { ApiRequest, ApiResponse, ListResponse, ObjectResponse, RawResponse } from '../handler.ts'
import type { Column } from '../resources/define.ts'
import { encodeObject, listObject } from './encode.ts'
import type { HttpExchange } from './exchange.ts'
import { type ListBody, gzipChunks, jsonListBody, plainChunks, protobufListBody, wholeBody } from './list-body.ts'
import { type MediaType, type Negotiated, jsonType, negotiate, protobufType } from './negotiate.ts'
import {
  type TableOptions, assertTransformFits, defaultColumns, goPackage, parseIncludeObject, toPartial, toPartialList, toTable,
} from './transform.ts'
import { createFramer, writeWatch } from './watch.ts'
import { isWebSocket, sendBody } from './websocket.ts'
import { commonHeaders, startResponse, writeChunk } from './wire.ts'

export interface RespondContext {
  now(): Date
  /** The columns that a request's resource shows as a table. */
  columnsFor(request: ApiRequest): readonly Column<KubeObject>[] | undefined
  /** Annotations that the metadata alone of a request's objects is shown without. */
  hiddenAnnotations(request: ApiRequest): readonly string[]
  /** Whether the kind is one of upstream's Go types, which lists show without their names. */
  isTyped(request: ApiRequest): boolean
}

/** Upstream's threshold and level: smaller bodies cost more to compress than to send. */
const gzipThresholdBytes = 128 * 1024
const compress = promisify(gzip)

/** Writes a whole answer. Throws StatusError when the answer cannot take the form asked for and nothing was sent yet. */
export async function writeResponse(exchange: HttpExchange, request: ApiRequest, response: ApiResponse, context: RespondContext): Promise<void> {
  const negotiated = exchange.negotiated ?? { mediaType: jsonType, pretty: false }
  switch (response.type) {
    case 'object':
      return writeObject(exchange, request, response, negotiated, context)
    case 'list':
      return writeList(exchange, request, response, negotiated, context)
    case 'watch':
      return writeWatch(exchange, request, response, createFramer(negotiated, context.hiddenAnnotations(request), tableOptions(request, negotiated, context)), negotiated.mediaType)
    case 'raw':
      return writeRaw(exchange, request, response)
    case 'taken-over':
      return
  }
}

async function writeObject(
  exchange: HttpExchange, request: ApiRequest, response: ObjectResponse, negotiated: Negotiated, context: RespondContext,
): Promise<void> {
  const { transform, mediaType, pretty } = negotiated
  const { object, entry } = response
  if (transform === undefined || isStatus(object)) {
    return sendBytes(exchange, request, response.code, mediaType, encodeObject(object, mediaType, pretty, entry))
  }
  assertTransformFits(transform, false, String(object.kind), goPackage(request.info.apiGroup))
  const options = tableOptions(request, negotiated, context)
  const { resourceVersion } = object.metadata
  const body = options === undefined
    ? toPartial(object as KubeObject, transform.version, context.hiddenAnnotations(request))
    : toTable([object as KubeObject], { resourceVersion }, options)
  await sendBytes(exchange, request, response.code, mediaType, encodeObject(body, mediaType, pretty))
}

async function writeList(
  exchange: HttpExchange, request: ApiRequest, response: ListResponse, negotiated: Negotiated, context: RespondContext,
): Promise<void> {
  const { transform, mediaType, pretty } = negotiated
  let bytes: Buffer
  const typed = context.isTyped(request)
  const row = mediaType === jsonType ? !pretty : mediaType === protobufType
  if (transform === undefined && row) return sendList(exchange, request, mediaType, mediaType === jsonType ? jsonListBody(response, typed) : protobufListBody(response))
  if (transform === undefined) bytes = encodeObject(listObject(response, typed), mediaType, pretty)
  else {
    assertTransformFits(transform, true, response.kind, goPackage(request.info.apiGroup))
    const objects = response.items.map((entry) => entry.object)
    const options = tableOptions(request, negotiated, context)
    const body = options === undefined
      ? toPartialList(objects, response.metadata, transform.version, context.hiddenAnnotations(request))
      : toTable(objects, response.metadata, options)
    bytes = encodeObject(body, mediaType, pretty)
  }
  await sendBytes(exchange, request, 200, mediaType, bytes)
}

async function sendList(exchange: HttpExchange, request: ApiRequest, mediaType: MediaType, body: ListBody): Promise<void> {
  if (body.length <= gzipThresholdBytes) return sendBytes(exchange, request, 200, mediaType, wholeBody(body))
  const headers = commonHeaders(exchange, request.warnings)
  headers['content-type'] = mediaType
  const packed = acceptsGzip(exchange)
  if (packed) {
    headers['content-encoding'] = 'gzip'
    headers['vary'] = 'Accept-Encoding'
  } else headers['content-length'] = String(body.length)
  const { response } = exchange
  if (response === undefined || response.headersSent || response.destroyed) return
  startResponse(response, 200, headers)
  if (exchange.method !== 'HEAD') {
    for await (const chunk of packed ? gzipChunks(body) : plainChunks(body)) await writeChunk(response, chunk, request.signal)
  }
  response.end()
}

function tableOptions(request: ApiRequest, negotiated: Negotiated, context: RespondContext): TableOptions | undefined {
  const { transform } = negotiated
  if (transform?.kind !== 'Table') return undefined
  return {
    columns: context.columnsFor(request) ?? defaultColumns,
    includeObject: parseIncludeObject(request.query), version: transform.version, now: context.now(), hidden: context.hiddenAnnotations(request),
  }
}

function isStatus(object: KubeObject | Status): object is Status {
  return object.kind === 'Status' && object.apiVersion === 'v1'
}

async function sendBytes(exchange: HttpExchange, request: ApiRequest, code: number, mediaType: MediaType, bytes: Buffer): Promise<void> {
  const headers = commonHeaders(exchange, request.warnings)
  headers['content-type'] = mediaType
  let body = bytes
  if (bytes.length > gzipThresholdBytes && acceptsGzip(exchange)) {
    body = await compress(bytes, { level: constants.Z_BEST_SPEED })
    headers['content-encoding'] = 'gzip'
    headers['vary'] = 'Accept-Encoding'
  }
  headers['content-length'] = String(body.length)
  send(exchange, code, headers, body)
}

export function acceptsGzip(exchange: HttpExchange): boolean {
  const accepted = exchange.headers['accept-encoding']
  return typeof accepted === 'string' && accepted.split(',').some((token) => token.trim() === 'gzip')
}

function send(exchange: HttpExchange, code: number, headers: Record<string, string | string[]>, body: Buffer): void {
  const response = exchange.response
  if (response === undefined || response.headersSent || response.destroyed) return
  startResponse(response, code, headers)
  const bodiless = exchange.method === 'HEAD' || code === 204 || code === 304
  if (bodiless) response.end()
  else response.end(body)
}

async function writeRaw(exchange: HttpExchange, request: ApiRequest, raw: RawResponse): Promise<void> {
  const headers = { ...commonHeaders(exchange, request.warnings), ...raw.headers }
  if (typeof raw.body === 'string' || raw.body instanceof Uint8Array) {
    const bytes = typeof raw.body === 'string' ? Buffer.from(raw.body) : Buffer.from(raw.body.buffer, raw.body.byteOffset, raw.body.byteLength)
    let body = bytes
    if (bytes.length > gzipThresholdBytes && acceptsGzip(exchange) && headers['content-encoding'] === undefined) {
      body = await compress(bytes, { level: constants.Z_BEST_SPEED })
      headers['content-encoding'] = 'gzip'
      headers['vary'] = 'Accept-Encoding'
    }
    if (raw.code !== 304 && raw.code !== 204) headers['content-length'] = String(body.length)
    send(exchange, raw.code, headers, body)
    return
  }
  if (isWebSocket(exchange)) return sendBody(exchange, raw.body)
  const response = exchange.response
  if (response === undefined) return
  startResponse(response, raw.code, headers)
  if (exchange.method === 'HEAD') {
    response.end()
    return
  }
  // HTTP/2 sends them with writeHead.
  if (!('stream' in response)) response.flushHeaders()
  for await (const chunk of raw.body) await writeChunk(response, chunk, request.signal)
  response.end()
}

/** Any failure as the Status that tells of it; details of unforeseen ones stay in the log. */
export function statusOf(error: unknown): StatusError {
  if (error instanceof StoreError) return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: error.message, code: 500 })
  return error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error))
}

/** Answers with a failure, in the format asked for where that is possible. */
export async function writeFailure(exchange: HttpExchange, failure: StatusError, query: URLSearchParams, warnings: readonly string[] = []): Promise<void> {
  const response = exchange.response
  if (response === undefined) return
  if (response.headersSent) {
    // Too late for a Status: the client sees the answer break off.
    if ('stream' in response) response.stream?.close(2)
    else response.destroy()
    return
  }
  let status = failure.status
  let negotiated: Negotiated = { mediaType: jsonType, pretty: false }
  try {
    negotiated = negotiate(exchange.headers.accept, query, exchange.headers['user-agent'] ?? '')
  } catch (error) {
    // What is told already is that nothing acceptable can be told; upstream takes the client for a person then.
    negotiated = { mediaType: jsonType, pretty: true }
    if (error instanceof StatusError && failure.code !== 406) status = error.status
  }
  const code = status.code ?? 500
  const headers = commonHeaders(exchange, warnings)
  headers['content-type'] = negotiated.mediaType
  if (failure instanceof AuthorizationError) headers['x-content-type-options'] = 'nosniff'
  const retryAfter = status.details?.retryAfterSeconds
  if (retryAfter !== undefined && retryAfter > 0) headers['retry-after'] = String(retryAfter)
  const body = encodeObject(status, negotiated.mediaType, negotiated.pretty)
  headers['content-length'] = String(body.length)
  // A body that was left unread would be taken for the next request on an HTTP/1.1 connection.
  if (!('stream' in response) && !exchange.request.readableEnded && exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    headers['connection'] = 'close'
  }
  send(exchange, code, headers, body)
}
