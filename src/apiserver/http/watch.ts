/** Watches on the wire: JSON lines, protobuf frames, tables, and either over a WebSocket. */
import { Buffer } from 'node:buffer'
import { encodeWatchEventProtobuf } from '../../api/codec/protobuf.ts'
import { type Status, StatusError, internalError } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ApiRequest, WatchResponse, WatchResponseEvent } from '../handler.ts'
import { encodeObject, jsonFrame, watchFrameJson, watchFrameProtobuf } from './encode.ts'
import type { HttpExchange } from './exchange.ts'
import { type MediaType, type Negotiated, jsonType } from './negotiate.ts'
import { type TableOptions, toPartial, toTable } from './transform.ts'
import { isWebSocket, sendWatch } from './websocket.ts'
import { ClientGoneError, commonHeaders, startResponse, writeChunk } from './wire.ts'

/** Sends events until the watch ends or the client is gone. */
export async function writeWatch(
  exchange: HttpExchange, request: ApiRequest, watch: WatchResponse, frame: Framer, mediaType: MediaType,
): Promise<void> {
  const response = exchange.response
  if (response === undefined) return
  if (isWebSocket(exchange)) return sendWatch(exchange, watch.events, frame, mediaType === jsonType)
  startResponse(response, 200, {
    ...commonHeaders(exchange, request.warnings),
    'content-type': mediaType === jsonType ? mediaType : `${mediaType};stream=watch`,
  })
  if (exchange.method === 'HEAD') {
    response.end()
    return
  }
  // HTTP/2 sends them with writeHead.
  if (!('stream' in response)) response.flushHeaders()
  try {
    for await (const events of watch.events) {
      if (events.length === 0) continue
      const waiting = writeChunk(response, joined(events.map(frame)), request.signal)
      if (waiting !== undefined) await waiting
    }
  } catch (error) {
    if (error instanceof ClientGoneError || request.signal.aborted) return
    try {
      await writeChunk(response, frame(errorEvent(error)), request.signal)
    } catch {
      // There is nobody to tell.
    }
  }
  response.end()
}

let last: { readonly frames: readonly Buffer[]; readonly joined: Buffer } | undefined

/** Frames as one buffer. Watchers of the same objects get the same frames one after another: they share it. */
function joined(frames: readonly Buffer[]): Buffer {
  if (frames.length === 1) return frames[0]!
  if (last?.frames.length === frames.length && last.frames.every((frame, i) => frame === frames[i])) return last.joined
  const bytes = Buffer.concat(frames)
  // A long one would be held for nothing.
  last = bytes.length > 1 << 20 ? undefined : { frames, joined: bytes }
  return bytes
}

/** A failure in mid-stream is an ERROR event: the headers have long been sent. */
export function errorEvent(error: unknown): WatchResponseEvent {
  const failure = error instanceof StatusError ? error : internalError(error instanceof Error ? error.message : String(error))
  return { type: 'ERROR', object: failure.status }
}

/** Makes an event a frame. */
type Framer = (event: WatchResponseEvent) => Buffer

/** One event as one frame. Stateful for tables: their columns are sent once. */
export function createFramer(negotiated: Negotiated, hidden: readonly string[], table: TableOptions | undefined): Framer {
  const { mediaType, transform } = negotiated
  const json = mediaType === jsonType
  if (transform === undefined) return json ? watchFrameJson : watchFrameProtobuf
  let headers = true
  return (event) => {
    const shown = isStatusObject(event.object) ? event.object : transformed(event.object)
    const body = encodeObject(shown, mediaType, false)
    return json ? jsonFrame(event.type, trimNewline(body)) : encodeWatchEventProtobuf(event.type, body)
  }

  function transformed(object: KubeObject): object {
    if (table === undefined) return toPartial(object, transform!.version, hidden)
    const { resourceVersion } = object.metadata
    const shown = toTable([object], { resourceVersion }, table, headers)
    headers = false
    return shown
  }
}

function trimNewline(bytes: Buffer): Buffer {
  return bytes[bytes.length - 1] === 0x0a ? bytes.subarray(0, -1) : bytes
}

function isStatusObject(object: KubeObject | Status): object is Status {
  return object.kind === 'Status' && object.apiVersion === 'v1'
}

