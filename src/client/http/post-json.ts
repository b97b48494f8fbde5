/** POSTs JSON to any server by URL, for callers that have no API server at the other end (scheduler extenders). */
import { type Connection, type TlsMaterial, createConnection } from './connection.ts'

export interface JsonAnswer {
  readonly code: number
  /** undefined where the answer is no JSON. */
  readonly body: unknown
}

/** Connections are kept by origin. `tls` says how to reach an origin over HTTPS. */
export function createJsonPoster(tls: (url: string) => TlsMaterial): (url: string, body: unknown, signal: AbortSignal) => Promise<JsonAnswer> {
  const connections = new Map<string, Connection>()
  return async (url, body, signal) => {
    const { origin, pathname, search } = new URL(url)
    let connection = connections.get(origin)
    if (connection === undefined) connections.set(origin, (connection = createConnection(origin, tls(url), { http1: true })))
    const { code, body: answer } = await connection.exchange({
      method: 'POST', path: `${pathname}${search}`, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)), signal,
    })
    return { code, body: code === 200 ? JSON.parse(answer.toString()) : undefined }
  }
}
