/** The little that writing an answer needs on either protocol. */
import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { HttpExchange } from './exchange.ts'

export type AnyResponse = ServerResponse | Http2ServerResponse

/** Headers that every answer carries. */
export function commonHeaders(exchange: HttpExchange, warnings: readonly string[] = []): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'audit-id': exchange.auditId, 'cache-control': 'no-cache, private', ...exchange.responseHeaders,
  }
  if (warnings.length > 0) headers['warning'] = warningHeaders(warnings)
  return headers
}

/** Longest total of warning texts, and the length that each is cut to when they are more (upstream: filters/warning.go). */
const maxWarningBytes = 4096
const cutWarningBytes = 256

function warningHeaders(warnings: readonly string[]): string[] {
  const unique = [...new Set(warnings)]
  const total = unique.reduce((sum, text) => sum + text.length, 0)
  const shown = total <= maxWarningBytes ? unique : unique.map((text) => text.slice(0, cutWarningBytes))
  return shown.map((text) => {
    // Header values are one line of printable characters; quotes and backslashes are escaped as in a quoted-string.
    // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
    const clean = text.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/["\\]/g, '\\$&')
    return `299 - "${Buffer.from(clean, 'utf8').toString('latin1')}"`
  })
}

/** writeHead for both protocols; on HTTP/2 without the layer that makes it look like HTTP/1.1. */
export function startResponse(response: AnyResponse, code: number, headers: Record<string, string | string[]>): void {
  if (!('stream' in response)) {
    response.writeHead(code, headers)
    return
  }
  const { stream } = response
  if (stream.destroyed || stream.headersSent) return
  headers[':status'] = String(code)
  stream.respond(headers)
}

/** Waits while the client does not read: undefined when more may be written at once. Rejects, or throws, when it is gone. */
export function writeChunk(response: AnyResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> | undefined {
  if (signal.aborted || response.destroyed) throw new ClientGoneError()
  return writeTo(response, chunk) ? undefined : drained(response, signal)
}

function drained(response: AnyResponse, signal: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const done = (error?: Error) => {
      response.off('drain', onDrain)
      response.off('close', onClose)
      signal.removeEventListener('abort', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onDrain = () => done()
    const onClose = () => done(new ClientGoneError())
    response.on('drain', onDrain)
    response.on('close', onClose)
    signal.addEventListener('abort', onClose)
  })
}

/** On HTTP/2 without the layer that makes it look like HTTP/1.1, as startResponse. */
function writeTo(response: AnyResponse, chunk: Uint8Array): boolean {
  if (!('stream' in response)) return response.write(chunk)
  const { stream } = response
  if (stream.destroyed || stream.writableEnded) throw new ClientGoneError()
  return stream.write(chunk)
}

/** The other side hung up: nothing to answer, nothing to log. */
export class ClientGoneError extends Error {}
