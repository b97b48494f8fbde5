/** One HTTP request with its socket, as filters and streaming handlers see it: `ApiRequest.raw` on the HTTP road. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { X509Certificate } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Negotiated } from './negotiate.ts'

/** What is known of the other end of a connection; one value a socket, so filters may cache by it. */
export interface Peer {
  readonly address: string
  /** The certificate that the client showed, verified or not. */
  readonly certificate: X509Certificate | undefined
  /** Certificates sent with it. */
  readonly intermediates: readonly X509Certificate[]
  /** Filters keep here what they worked out for this socket. */
  readonly cache: Map<string, unknown>
}

export interface HttpExchange {
  readonly method: string
  /** As sent: still percent-encoded, without the query. */
  readonly rawPath: string
  /** As sent, without "?". */
  readonly rawQuery: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as sent: repeated headers are not joined here. */
  readonly rawHeaders: readonly string[]
  readonly peer: Peer
  /** "https" or "http". */
  readonly scheme: string
  readonly request: IncomingMessage | Http2ServerRequest
  /** Absent for upgrades, which have `upgrade`. */
  readonly response?: ServerResponse | Http2ServerResponse
  /** A connection that the client wants to speak another protocol on. */
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer }
  readonly auditId: string
  /** Set by the content filter: how the answer is to be written. */
  negotiated?: Negotiated
  /** Response headers that filters want besides the writer's own. */
  readonly responseHeaders: Record<string, string>
}

/** The exchange behind a request; undefined for requests that were made in-process. */
export function exchangeOf(request: { readonly raw?: unknown }): HttpExchange | undefined {
  return request.raw as HttpExchange | undefined
}

/** The first value of a header. */
export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Every value of a header that may be repeated, in their order. `name` is in lower case. */
export function headerValues(exchange: HttpExchange, name: string): string[] {
  const values: string[] = []
  const { rawHeaders } = exchange
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!)
  return values
}

/** Ends an HTTP/2 connection as soon as what is under way on it is answered. */
export function sendAway({ request }: HttpExchange): void {
  if ('stream' in request) request.stream.session?.close()
}
