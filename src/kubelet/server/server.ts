/** The kubelet's HTTPS server, and those of plain HTTP for health and for reading. Upstream: pkg/kubelet/server/server.go. */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from '../../base/env.ts'
import { createGate } from './auth.ts'
import { refuseUpgrade, relayUpgrade } from './relay.ts'
import { type KubeletServerEnv, createRoutes } from './routes.ts'
import { StreamError } from './streams.ts'
import { offersV5, translateV5 } from './translate.ts'

export interface KubeletServer {
  readonly port: number
  close(): Promise<void>
}

/** "VersionTLS13" to Node's name of it. */
function tlsVersion(name: string | undefined): 'TLSv1.2' | 'TLSv1.3' {
  return name === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2'
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
}

/** Serves requests without looking who asks. */
async function plainServer(log: Logger, port: number, address: string, serve: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>): Promise<http.Server> {
  const answer: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '/', 'http://kubelet')
    void serve(request, response, url).catch((error: unknown) => answerError(log, response, error))
  }
  const server = http.createServer(answer)
  await listen(server, port, address)
  return server
}

/** Listens. Rejects when the port is taken. */
export async function createKubeletServer(env: KubeletServerEnv): Promise<KubeletServer> {
  const { server: options, log } = env
  const gate = createGate(env.clock, env.client, env.options.nodeName, options)
  const handler = createRoutes(env)
  const secure = { ca: options.clientCA, minVersion: tlsVersion(options.tlsMinVersion), ...cipherList(options.tlsCipherSuites) }
  const server = https.createServer({
    cert: options.cert, key: options.key, requestCert: options.clientCA !== undefined, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...secure,
  })
  options.renewals?.(({ cert, key }) => server.setSecureContext({ cert, key, ...secure }))
  server.requestTimeout = 0
  server.keepAliveTimeout = 90_000

  /** Answers a refusal, or undefined when the caller may. */
  async function refusal(request: IncomingMessage, path: string): Promise<StreamError | undefined> {
    const caller = await gate.authenticate(request)
    if (caller === undefined) return new StreamError(401, 'Unauthorized')
    const why = await gate.authorize(caller, request.method ?? '', path)
    return why === undefined ? undefined : new StreamError(403, why)
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'https://kubelet')
    void (async () => {
      try {
        const refused = await refusal(request, url.pathname)
        if (refused !== undefined) throw refused
        await handler.serve(request, response, url, false)
      } catch (error) {
        answerError(log, response, error)
      }
    })()
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const url = new URL(request.url ?? '/', 'https://kubelet')
    void (async () => {
      try {
        const refused = await refusal(request, url.pathname)
        if (refused !== undefined) throw refused
        const { runtimeUrl, choice } = await handler.stream(url)
        if (choice !== undefined && offersV5(request)) await translateV5(request, socket, head, runtimeUrl, choice)
        else relayUpgrade(request, socket, head, runtimeUrl)
      } catch (error) {
        refuseUpgrade(socket, error instanceof StreamError ? error.status : 500, (error as Error).message)
      }
    })()
  })
  await listen(server, options.port ?? 10250, options.address ?? '0.0.0.0')
  const plain: http.Server[] = []
  if ((options.healthzPort ?? 0) > 0) {
    plain.push(await plainServer(log, options.healthzPort!, options.healthzBindAddress ?? '127.0.0.1', async (request, response, url) => {
      if (!/^\/healthz(\/|$)/.test(url.pathname)) throw new StreamError(404, '404 page not found')
      await handler.serve(request, response, url, true)
    }))
  }
  if ((options.readOnlyPort ?? 0) > 0) plain.push(await plainServer(log, options.readOnlyPort!, options.address ?? '0.0.0.0', (request, response, url) => handler.serve(request, response, url, true)))
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      await Promise.all([server, ...plain].map((one) => new Promise<void>((resolve) => {
        one.close(() => resolve())
        one.closeAllConnections()
      })))
    },
  }
}

function answerError(log: Logger, response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const status = error instanceof StreamError ? error.status : 500
  if (status === 500) log.warn('request failed', { error })
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end((error as Error).message)
}

/** Go's names of suites to OpenSSL's; those of TLS 1.3 are not chosen. */
function cipherList(names: readonly string[] | undefined): { ciphers?: string } {
  if (names === undefined || names.length === 0) return {}
  return { ciphers: names.map((name) => name.replace(/^TLS_/, '').replace('_WITH_', '-').replace('AES_128', 'AES128').replace('AES_256', 'AES256').replaceAll('_', '-').replace('-CHACHA20-POLY1305-SHA256', '-CHACHA20-POLY1305')).join(':') }
}
