/** A whole server on a free port for tests: memory store, its own certificates, clients by certificate and token. */
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, type IncomingHttpHeaders, connect } from 'node:http2'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Env } from '../base/env.ts'
import { createSystemEnv } from '../base/real/env.ts'
import type { CertificatePair } from './auth/certificates.ts'
import { type ServerPki, loadPki } from './http/files.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts'

export interface TestApiServer {
  readonly env: Env
  readonly server: ApiServer
  readonly pki: ServerPki
  /** One HTTP/1.1 request. */
  call(method: string, path: string, call?: TestCall): Promise<TestAnswer>
  /** An HTTP/2 session of the administrator, or of nobody. */
  session(pair?: CertificatePair): ClientHttp2Session
  tlsOptions(pair?: CertificatePair): RequestOptions
  stop(): Promise<void>
}

export interface TestCall {
  /** Objects are sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Whose certificate is shown; null for none. Default: the administrator's. */
  readonly as?: CertificatePair | null
}

export interface TestAnswer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  /** The body as JSON. */
  readonly json: Record<string, unknown>
}

export async function startTestServer(options: Partial<ApiServerOptions> = {}): Promise<TestApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'apiserver-'))
  const pki = loadPki(folder, { now: new Date(), dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
  const quiet = () => undefined
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log }
  const env = createSystemEnv({ log })
  const server = await createApiServer(env, {
    tls: pki.server, bindAddress: '127.0.0.1', securePort: 0, advertiseAddress: '192.0.2.10', caCertificate: pki.ca.cert, clientCA: pki.ca.cert,
    serviceAccount: { issuers: ['https://issuer.test'], signingKey: pki.serviceAccountKey, keys: [pki.serviceAccountKey] }, ...options,
  })
  await server.start()
  await server.ready
  const tlsOptions = (pair?: CertificatePair): RequestOptions => ({ host: '127.0.0.1', port: server.port, ca: pki.ca.cert, ...pair })
  return {
    env, server, pki, tlsOptions,
    call: (method, path, call = {}) => callServer(tlsOptions(call.as === null ? undefined : (call.as ?? pki.admin)), method, path, call),
    session: (pair = pki.admin) => connect(server.url, { ca: pki.ca.cert, ...pair }),
    async stop() {
      await server.stop()
      await env.tasks.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

function callServer(tls: RequestOptions, method: string, path: string, { body, headers = {} }: TestCall): Promise<TestAnswer> {
  const bytes = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ ...tls, method, path, headers: { ...headers }, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const all = Buffer.concat(chunks)
        const text = all.toString('utf8')
        resolve({
          code: response.statusCode ?? 0, headers: response.headers, bytes: all, text,
          get json() {
            return JSON.parse(text) as Record<string, unknown>
          },
        })
      })
    })
    request.on('error', reject)
    request.end(bytes)
  })
}
