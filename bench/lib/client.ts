/** A client with a few HTTP/2 connections, as Go programs have them, and loads of many requests in flight. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'

export interface Call {
  readonly method?: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly bytes: number
  readonly text: string
}

export interface Load {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds, ascending. */
  readonly latencies: readonly number[]
}

export class BenchClient {
  readonly #sessions: ClientHttp2Session[]
  readonly #url: string
  readonly #admin: { readonly cert: string; readonly key: string }

  constructor(url: string, admin: { readonly cert: string; readonly key: string }, connections = 4) {
    this.#url = url
    this.#admin = admin
    this.#sessions = Array.from({ length: connections }, () => {
      const session = connect(url, { ...admin, rejectUnauthorized: false, settings: { initialWindowSize: 4 << 20, enablePush: false } })
      session.on('connect', () => session.setLocalWindowSize(64 << 20))
      session.setMaxListeners(0)
      session.on('error', () => undefined)
      return session
    })
  }

  /** Connections of its own to the same server. */
  another(connections: number): BenchClient {
    return new BenchClient(this.#url, this.#admin, connections)
  }

  /** `keepText` false: the body is counted and thrown away. */
  call(lane: number, call: Call, keepText = true): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.open(lane, call)
      let status = 0
      let bytes = 0
      let text = ''
      stream.on('response', (headers) => { status = headers[':status'] ?? 0 })
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (keepText || status >= 300) text += chunk.toString('latin1')
      })
      stream.on('end', () => resolve({ status, bytes, text }))
      stream.on('error', reject)
    })
  }

  /** The bare stream, for watches. */
  open(lane: number, { method = 'GET', path, body, headers }: Call): ClientHttp2Stream {
    const stream = this.#sessions[lane % this.#sessions.length]!.request({
      ':method': method, ':path': path, accept: 'application/json', 'user-agent': 'bench/1.0', ...headers,
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    return stream
  }

  /** Throws on any answer that is no success. */
  async ok(call: Call): Promise<Answer> {
    const answer = await this.call(0, call)
    if (answer.status >= 300) throw new Error(`${call.method ?? 'GET'} ${call.path}: ${answer.status} ${answer.text.slice(0, 300)}`)
    return answer
  }

  /** `count` calls by `clients` clients, each with one in flight. Throws when one fails. */
  async load(count: number, clients: number, make: (i: number, lane: number) => Call): Promise<Load> {
    const latencies: number[] = []
    let next = 0
    const started = performance.now()
    await Promise.all(Array.from({ length: clients }, async (_, lane) => {
      for (let i = next++; i < count; i = next++) {
        const call = make(i, lane)
        const at = performance.now()
        const { status, text } = await this.call(lane, call, false)
        latencies.push(performance.now() - at)
        if (status >= 300) throw new Error(`${call.method ?? 'GET'} ${call.path}: ${status} ${text.slice(0, 300)}`)
      }
    }))
    const seconds = (performance.now() - started) / 1000
    return { requests: count, seconds, latencies: latencies.sort((a, b) => a - b) }
  }

  close(): void {
    for (const session of this.#sessions) session.destroy()
  }
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
