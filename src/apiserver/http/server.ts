/** The TLS socket: HTTP/2 and HTTP/1.1 on one port, told apart by ALPN. */
import { type Http2SecureServer, type Http2Session, createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Env } from '../../base/env.ts'
import type { AnyRequest, Listener } from './listener.ts'
import { type NamedCertificate, byServerName } from './names.ts'

export interface HttpServerOptions {
  readonly bindAddress: string
  /** 0: any free port. */
  readonly port: number
  readonly cert: string
  readonly key: string
  /** CAs whose names are offered to clients that have several certificates. */
  readonly clientCAs?: readonly string[]
  /** For clients that ask for other names. */
  readonly namedCertificates?: readonly NamedCertificate[]
}

export interface HttpServer {
  readonly port: number
  /** Puts another certificate in for new connections. */
  setCertificate(cert: string, key: string): void
  /** Takes no new connections, gives running requests `graceMs`, then hangs up. */
  stop(graceMs: number): Promise<void>
}

/**
 * Go clients put every request and watch on one connection, and cancel watches all the time: node's defaults for streams,
 * windows and resets would close it.
 */
const http2Options = {
  settings: { maxConcurrentStreams: 100_000, initialWindowSize: 1 << 20, maxHeaderListSize: 1 << 20, enablePush: false },
  maxSessionMemory: 4096, streamResetBurst: 1_000_000, streamResetRate: 1_000_000,
  maxOutstandingPings: 1000, maxSettings: 1000,
}

/** Rejects when the port is taken. */
export async function startHttpServer(env: Env, options: HttpServerOptions, listener: Listener): Promise<HttpServer> {
  const sockets = new Set<Socket>()
  const sessions = new Set<Http2Session>()
  const { namedCertificates = [] } = options
  const named = namedCertificates.length === 0 ? undefined : byServerName(namedCertificates)
  const server: Http2SecureServer = createSecureServer({
    allowHTTP1: true, cert: options.cert, key: options.key, minVersion: 'TLSv1.2',
    requestCert: true, rejectUnauthorized: false,
    ...(options.clientCAs === undefined || options.clientCAs.length === 0 ? {} : { ca: [...options.clientCAs] }),
    ...(named === undefined ? {} : { SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => done(null, named(name)) }),
    maxHeaderSize: 1 << 20, keepAliveTimeout: 90_000, noDelay: true, ...http2Options,
  } as Parameters<typeof createSecureServer>[0])
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('session', (session) => {
    sessions.add(session)
    session.setLocalWindowSize(16 << 20)
    session.on('error', (error: Error) => env.log.debug('an HTTP/2 connection failed', { error: error.message }))
    session.once('close', () => sessions.delete(session))
  })
  server.on('tlsClientError', (error: Error) => env.log.debug('a TLS handshake failed', { error: error.message }))
  server.on('sessionError', (error: Error) => env.log.debug('an HTTP/2 connection failed', { error: error.message }))
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseMalformed(error, socket))
  server.on('request', (request: AnyRequest, response) => listener.request(request, response))
  server.on('upgrade', (request, socket, head) => listener.upgrade(request, socket, head))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.bindAddress, port: options.port, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', (error: Error) => env.log.error('the HTTPS server failed', { error }))
  return {
    port: (server.address() as AddressInfo).port,
    setCertificate: (cert, key) => server.setSecureContext({ cert, key }),
    stop: (graceMs) => stopServer(env, server, sockets, sessions, graceMs),
  }
}

/** Bytes that are no HTTP/1.1 request. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const line = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`)
}

async function stopServer(env: Env, server: Http2SecureServer, sockets: Set<Socket>, sessions: Set<Http2Session>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  for (const session of sessions) session.close()
  const grace = new AbortController()
  await Promise.race([closed, env.clock.sleep(graceMs, grace.signal).catch(() => undefined)])
  grace.abort()
  for (const session of sessions) session.destroy()
  for (const socket of sockets) socket.destroy()
  await closed
}
