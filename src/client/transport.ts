/**
 * What carries a client's requests: the in-process transport calls the ApiHandler, http/ writes bytes, decorators wrap
 * either. A request says the same thing twice, as a line (method, path, query) and as meaning (info), so that no road
 * has to parse what the other one made.
 */
import type { RequestInfo } from '../api/meta/request.ts'
import type { WatchEvent } from '../api/meta/object.ts'

export interface TransportRequest {
  readonly method: string
  /** Percent-encoded, without query: "/api/v1/namespaces/default/pods". */
  readonly path: string
  readonly query: URLSearchParams
  readonly info: RequestInfo
  /** Of the body; "application/json" and the patch types. */
  readonly contentType?: string
  /** JSON-shaped; never changed by the transport. */
  readonly body?: unknown
  /** Who asks reads nothing of the answer but its metadata: a road over the wire need not carry more. */
  readonly metadataOnly?: boolean
  readonly signal?: AbortSignal
}

export interface Transport {
  /** The server is in this process: no road between that load could be spread on or that could break. */
  readonly local?: boolean
  /** The decoded answer: an object, or text when the answer is no JSON. Throws StatusError for every refusal. */
  send(request: TransportRequest): Promise<unknown>
  /** Batches of events, ERROR events included. Ends when the server ends the watch or the signal is aborted. */
  watch(request: TransportRequest): AsyncIterable<readonly WatchEvent<unknown>[]>
  /** Releases sockets. Optional: in-process transports hold none. */
  close?(): Promise<void>
}
