/** One server, two protocols: HTTP/2 over TLS with every request on one connection, HTTP/1.1 with keep-alive else. */
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { ConnectionOptions } from 'node:tls'

export interface TlsMaterial {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly insecureSkipTlsVerify?: boolean
  readonly tlsServerName?: string
}

export interface WireRequest {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body?: Buffer
  readonly signal?: AbortSignal
}

export interface WireResponse {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Ends with the response; throws when the connection breaks or the signal is aborted. */
  readonly body: AsyncIterable<Buffer>
}

/** A response that has come whole. */
export interface WireAnswer {
  readonly code: number
  readonly headers: WireResponse['headers']
  readonly body: Buffer
}

export interface Connection {
  /** Resolves with the head of the response; its body comes as it comes. */
  open(request: WireRequest): Promise<WireResponse>
  /** Resolves with the whole response: for answers, which are most of what a component hears, with as little as possible in between. */
  exchange(request: WireRequest): Promise<WireAnswer>
  close(): Promise<void>
}

/** A connection broke or could not be made: nothing is known of the request's fate. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

const windowBytes = 16 * 1024 * 1024
const maxHeldChunks = 64
/** As in client-go: a silent connection is probed, and given up when the probe is not answered. */
const pingAfterMs = 30_000
const pingTimeoutMs = 15_000

/** Speaks HTTP/2 for https unless `http1` is set. Connects on first use and again after a break. */
export function createConnection(server: string, tls: TlsMaterial, options: { http1?: boolean } = {}): Connection {
  const url = new URL(server)
  return url.protocol === 'https:' && options.http1 !== true ? http2Connection(url, tls) : http1Connection(url, tls)
}

function tlsOptions(tls: TlsMaterial): ConnectionOptions {
  return {
    ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: tls.insecureSkipTlsVerify !== true,
    ...(tls.tlsServerName === undefined ? {} : { servername: tls.tlsServerName }),
  }
}

function http2Connection(url: URL, tls: TlsMaterial): Connection {
  let session: http2.ClientHttp2Session | undefined

  function connected(): http2.ClientHttp2Session {
    if (session !== undefined && !session.closed && !session.destroyed) return session
    const made = http2.connect(url.origin, { ...tlsOptions(tls), settings: { enablePush: false, initialWindowSize: windowBytes } })
    const forget = () => {
      if (session === made) session = undefined
    }
    made.on('error', forget)
    made.on('close', forget)
    made.on('goaway', forget)
    made.once('connect', () => {
      made.setLocalWindowSize(4 * windowBytes)
      watchOver(made)
    })
    session = made
    return made
  }

  return {
    open: (request) => openStream(connected(), request),
    exchange: (request) => exchangeOver(connected(), request),
    async close() {
      session?.destroy()
      session = undefined
    },
  }
}

/** Destroys the session when the other side no longer answers, so that watches end and are made again. */
function watchOver(session: http2.ClientHttp2Session): void {
  const timer = setInterval(() => {
    if (session.destroyed) return clearInterval(timer)
    const verdict = setTimeout(() => session.destroy(new ConnectionError('http2: client connection lost')), pingTimeoutMs)
    verdict.unref()
    if (!session.ping(() => clearTimeout(verdict))) clearTimeout(verdict)
  }, pingAfterMs)
  timer.unref()
  session.once('close', () => clearInterval(timer))
}

function openStream(session: http2.ClientHttp2Session, request: WireRequest): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(request.signal?.aborted ? (request.signal.reason as Error) : asConnectionError(error))
    let stream: http2.ClientHttp2Stream
    try {
      stream = session.request({ ':method': request.method, ':path': request.path, ...request.headers }, {
        // Node takes a DELETE for one without a body unless it is told.
        endStream: request.body === undefined, signal: request.signal,
      })
    } catch (error) {
      return fail(error)
    }
    stream.once('response', (headers) => {
      const { ':status': code = 0, ...rest } = headers
      resolve({ code, headers: rest as WireResponse['headers'], body: streamBody(stream, request.signal) })
    })
    stream.on('error', fail)
    stream.once('close', () => fail(new ConnectionError('the stream was closed without an answer')))
    if (request.body !== undefined) stream.end(request.body)
  })
}

function exchangeOver(session: http2.ClientHttp2Session, { method, path, headers, body, signal }: WireRequest): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    let stream: http2.ClientHttp2Stream
    try {
      stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined })
    } catch (error) {
      return reject(asConnectionError(error))
    }
    const parts: Buffer[] = []
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader | undefined
    let answered = false
    let failure: unknown
    const forget = signal === undefined ? undefined : endWith(signal, stream)
    stream.on('response', (got) => (head = got))
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => (answered = true))
    stream.on('error', (error) => (failure = error))
    stream.on('close', () => {
      forget?.()
      if (head !== undefined && answered && stream.rstCode === http2.constants.NGHTTP2_NO_ERROR) {
        resolve({ code: head[':status'] ?? 0, headers: head as WireResponse['headers'], body: parts.length === 1 ? parts[0]! : Buffer.concat(parts) })
      } else if (signal?.aborted) reject(signal.reason as Error)
      else reject(asConnectionError(failure ?? new ConnectionError(head === undefined ? 'the stream was closed without an answer' : `the stream was reset with code ${stream.rstCode}`)))
    })
    if (body !== undefined) stream.end(body)
  })
}

/** The streams that end with a signal: one listener for all, since a component's signal lives as long as it does. */
const streamsOf = new WeakMap<AbortSignal, Set<http2.ClientHttp2Stream>>()

/** Ends the stream when the signal is aborted, unless the function that it answers is called before. */
function endWith(signal: AbortSignal, stream: http2.ClientHttp2Stream): () => void {
  let streams = streamsOf.get(signal)
  if (streams === undefined) {
    const made = (streams = new Set<http2.ClientHttp2Stream>())
    streamsOf.set(signal, made)
    signal.addEventListener('abort', () => {
      for (const one of made) one.close(http2.constants.NGHTTP2_CANCEL)
    }, { once: true })
  }
  const all = streams
  all.add(stream)
  return () => void all.delete(stream)
}

function http1Connection(url: URL, tls: TlsMaterial): Connection {
  const secure = url.protocol === 'https:'
  const agent = secure ? new https.Agent({ keepAlive: true, ...tlsOptions(tls) }) : new http.Agent({ keepAlive: true })
  const send = secure ? https.request : http.request
  const open = (request: WireRequest): Promise<WireResponse> => new Promise((resolve, reject) => {
    const { method, path, headers, signal, body } = request
    const outgoing = send(new URL(path, url), {
      agent, method, headers: { ...headers, ...(body === undefined ? {} : { 'content-length': body.length }) }, signal,
    })
    outgoing.once('response', (incoming) => {
      resolve({ code: incoming.statusCode ?? 0, headers: incoming.headers, body: bodyOf(incoming, signal) })
    })
    outgoing.on('error', (error) => reject(signal?.aborted ? (signal.reason as Error) : asConnectionError(error)))
    outgoing.end(body)
  })
  return {
    open,
    async exchange(request) {
      const { body, ...rest } = await open(request)
      const parts: Buffer[] = []
      for await (const part of body) parts.push(part)
      return { ...rest, body: Buffer.concat(parts) }
    },
    async close() {
      agent.destroy()
    },
  }
}

/**
 * The body of an HTTP/2 stream, taken as it comes: a server that answers before it has read the request ends the
 * stream at once, and what Node still holds of the answer would be lost to a reader that comes later.
 */
function streamBody(stream: http2.ClientHttp2Stream, signal: AbortSignal | undefined): AsyncIterable<Buffer> {
  const chunks: Buffer[] = []
  let ended = false
  let failure: unknown
  let wake = (): void => {}
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (chunks.length > maxHeldChunks) stream.pause()
    wake()
  })
  const end = (error?: unknown): void => {
    failure ??= error
    ended = true
    wake()
  }
  stream.once('end', () => end())
  stream.once('error', end)
  stream.once('close', () => end(stream.rstCode === http2.constants.NGHTTP2_NO_ERROR ? undefined : new ConnectionError(`the stream was reset with code ${stream.rstCode}`)))
  return (async function* () {
    try {
      for (;;) {
        const chunk = chunks.shift()
        if (chunk !== undefined) {
          if (chunks.length === 0 && stream.isPaused()) stream.resume()
          yield chunk
        } else if (!ended) await new Promise<void>((resolve) => (wake = resolve))
        else if (signal?.aborted) throw signal.reason
        else if (failure !== undefined) throw asConnectionError(failure)
        else return
      }
    } finally {
      if (!stream.closed) stream.close(http2.constants.NGHTTP2_CANCEL)
    }
  })()
}

async function* bodyOf(stream: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    yield* stream
  } catch (error) {
    throw signal?.aborted ? signal.reason : asConnectionError(error)
  }
}

function asConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error
  return new ConnectionError(error instanceof Error ? error.message : String(error), { cause: error })
}
