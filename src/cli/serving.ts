/**
 * Health and metrics of a component over HTTPS, open to those whom the API server knows and lets (upstream:
 * apiserver/pkg/server/options: secure serving, delegating authentication and authorization).
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Env } from '../base/env.ts'
import type { TokenReview } from '../api/generated/types/authentication-v1.ts'
import type { SubjectAccessReview } from '../api/generated/types/authorization-v1.ts'
import { subjectAccessReviews, tokenReviews } from '../api/generated/resources.ts'
import { createAuthority, issueCertificate } from '../apiserver/auth/certificates.ts'
import { keptCertificate } from '../apiserver/http/files.ts'
import { ComponentPages } from '../api/pages/component-pages.ts'
import type { Client } from '../client/client.ts'
import { type FlagValues, UsageError } from './command.ts'
import { clientFromKubeconfig } from './component.ts'

/** A check of health: why not, or undefined when all is well. */
export type HealthCheck = () => string | undefined

export interface Served {
  readonly checks: Readonly<Record<string, HealthCheck>>
  /** What /configz shows, by the name of the configuration. */
  readonly config?: () => Readonly<Record<string, unknown>>
  /** Whether there are /statusz and /flagz; default: there are. */
  readonly statusPages?: boolean
}

export interface ComponentServer {
  readonly port: number
  close(): Promise<void>
}

interface Caller {
  readonly name: string
  readonly groups: readonly string[]
}

/** Serves as the flags of flags/serving.ts say; undefined when --secure-port is 0. */
export async function serveComponent(env: Env, flags: FlagValues, name: string, served: Served): Promise<ComponentServer | undefined> {
  const port = flags.number('secure-port') ?? 0
  if (port === 0) return undefined
  const clients: (Client & { close(): Promise<void> })[] = []
  const clientOf = async (flag: string): Promise<Client | undefined> => {
    const file = flags.string(flag) ?? ''
    if (file === '') return undefined
    const client = await clientFromKubeconfig(file, env, name)
    clients.push(client)
    return client
  }
  const authenticate = authenticator(env, flags, await clientOf('authentication-kubeconfig'))
  const authorize = authorizer(env, flags, await clientOf('authorization-kubeconfig'))
  const pages = pagesOf(env, flags, name, served)
  const clientCA = text(flags, 'client-ca-file')
  const server = https.createServer({
    ...await serverCertificate(flags, name), ca: clientCA, requestCert: clientCA !== undefined, rejectUnauthorized: false,
    minVersion: minVersion(flags), ...cipherSuites(flags),
  }, (request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '/', 'https://component')
      const path = url.pathname
      const caller = await authenticate(request)
      if (caller === undefined) return answer(response, 401, 'Unauthorized\n')
      const refusal = await authorize(caller, request.method ?? 'GET', path)
      if (refusal !== undefined) return answer(response, 403, refusal)
      const page = pages.answer(request.method ?? 'GET', path, { accept: request.headers.accept, userAgent: request.headers['user-agent'], query: url.searchParams })
      if (page !== undefined) return void response.writeHead(page.code, page.headers).end(page.body)
      serve(env, flags, path, served, pages, response)
    })().catch((error: unknown) => {
      env.log.warn('request failed', { path: request.url, error })
      answer(response, 500, 'Internal Server Error\n')
    })
  })
  await new Promise<void>((done, failed) => {
    server.once('error', failed)
    server.listen(port, flags.string('bind-address'), done)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      await Promise.all(clients.map((client) => client.close()))
    },
  }
}

function pagesOf(env: Env, flags: FlagValues, component: string, { statusPages = true }: Served): ComponentPages {
  const gate = (name: string): boolean => statusPages && flags.map('feature-gates')[name]?.toLowerCase() !== 'false'
  return new ComponentPages({
    ...env, component, statusz: gate('ComponentStatusz'), flags: gate('ComponentFlagz') ? () => flags.texts() : undefined,
    paths: () => ['/healthz', '/livez', '/readyz', '/metrics', '/configz', ...(gate('ComponentFlagz') ? ['/flagz'] : [])],
  })
}

function serve(env: Env, flags: FlagValues, path: string, served: Served, pages: ComponentPages, response: ServerResponse): void {
  const health = /^\/(healthz|livez|readyz)(?:\/(.+))?$/.exec(path)
  if (health !== null) return serveHealth(served.checks, health[1]!, health[2], pages, response)
  if (path === '/metrics') {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
    return answer(response, 200, without(env.metrics.render(), flags.list('disabled-metrics')))
  }
  if (path === '/configz') {
    response.setHeader('Content-Type', 'application/json')
    return answer(response, 200, JSON.stringify(served.config?.() ?? {}))
  }
  answer(response, 404, '404 page not found\n')
}

function serveHealth(checks: Served['checks'], root: string, name: string | undefined, pages: ComponentPages, response: ServerResponse): void {
  const asked = name === undefined ? Object.entries(checks) : Object.entries(checks).filter(([one]) => one === name)
  if (name !== undefined && asked.length === 0 && name !== 'ping') return answer(response, 404, '404 page not found\n')
  const failed = asked.flatMap(([one, check]) => {
    const why = check()
    if (name === undefined) pages.observe(one, root, why === undefined)
    return why === undefined ? [] : [`[-]${one} failed: ${why}`]
  })
  if (failed.length === 0) return answer(response, 200, 'ok')
  const fine = asked.filter(([one]) => !failed.some((line) => line.startsWith(`[-]${one} `))).map(([one]) => `[+]${one} ok`)
  answer(response, 500, [...fine, ...failed, `${root} check failed`, ''].join('\n'))
}

function without(metrics: string, names: readonly string[]): string {
  if (names.length === 0) return metrics
  const hidden = names.map((name) => new RegExp(`^(?:# (?:HELP|TYPE) )?${name}(?:_bucket|_sum|_count)?[ {]`))
  return metrics.split('\n').filter((line) => !hidden.some((pattern) => pattern.test(line))).join('\n')
}

function answer(response: ServerResponse, code: number, body: string): void {
  if (response.headersSent) return
  if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.writeHead(code)
  response.end(body)
}

const text = (flags: FlagValues, name: string): string | undefined => {
  const file = flags.string(name) ?? ''
  return file === '' ? undefined : readFileSync(file, 'utf8')
}

async function serverCertificate(flags: FlagValues, name: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [text(flags, 'tls-cert-file'), text(flags, 'tls-private-key-file')]
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert !== key) throw new UsageError('--tls-cert-file and --tls-private-key-file go together')
  const now = new Date()
  const authority = createAuthority(`${name}-ca@${Math.floor(now.getTime() / 1000)}`, now, 365)
  const request = { commonName: `${name}@${Math.floor(now.getTime() / 1000)}`, usages: ['server'] as const, dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'], now }
  const folder = flags.string('cert-dir') ?? ''
  const made = folder === '' ? issueCertificate(authority, { ...request, days: 365 }) : keptCertificate(folder, name, authority, request)
  return { cert: made.cert, key: made.key }
}

function minVersion(flags: FlagValues): 'TLSv1.2' | 'TLSv1.3' {
  const asked = flags.string('tls-min-version') ?? ''
  if (asked === 'VersionTLS13') return 'TLSv1.3'
  if (asked === '' || asked === 'VersionTLS12') return 'TLSv1.2'
  throw new UsageError(`--tls-min-version: unknown or unsafe tls version ${JSON.stringify(asked)}; use VersionTLS12 or VersionTLS13`)
}

/** Suites by the names of IANA, as upstream takes them; OpenSSL has names of its own for those of TLS 1.2. */
function cipherSuites(flags: FlagValues): { ciphers?: string } {
  const names = flags.list('tls-cipher-suites')
  if (names.length === 0) return {}
  const openssl = names.map((name) => {
    if (/^TLS_(AES|CHACHA20)/.test(name)) return name
    const match = /^TLS_(ECDHE_RSA|ECDHE_ECDSA)_WITH_(AES_128_GCM_SHA256|AES_256_GCM_SHA384|CHACHA20_POLY1305(?:_SHA256)?)$/.exec(name)
    if (match === null) throw new UsageError(`--tls-cipher-suites: Cipher suite ${name} not supported or doesn't exist`)
    const cipher = match[2]!.startsWith('CHACHA20') ? 'CHACHA20-POLY1305' : match[2]!.replace('AES_', 'AES').replaceAll('_', '-')
    return `${match[1]!.replace('_', '-')}-${cipher}`
  })
  return { ciphers: openssl.join(':') }
}

/** Values that are asked for again when they are old. */
function remembering<T>(env: Env, ask: (key: string) => Promise<T>, lifetimeMs: (value: T) => number): (key: string) => Promise<T> {
  const known = new Map<string, { value: T; until: number }>()
  return async (key) => {
    const found = known.get(key)
    if (found !== undefined && found.until > env.clock.monotonic()) return found.value
    const value = await ask(key)
    if (known.size > 1000) known.clear()
    known.set(key, { value, until: env.clock.monotonic() + lifetimeMs(value) })
    return value
  }
}

function authenticator(env: Env, flags: FlagValues, client: Client | undefined): (request: IncomingMessage) => Promise<Caller | undefined> {
  const byToken = remembering(env, async (token): Promise<Caller | undefined> => {
    const review = await client?.create<TokenReview>(tokenReviews, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } })
    if (review?.status?.authenticated !== true) return undefined
    return { name: review.status.user?.username ?? '', groups: review.status.user?.groups ?? [] }
  }, () => flags.number('authentication-token-webhook-cache-ttl') ?? 0)
  return async (request) => {
    const socket = request.socket as TLSSocket
    const subject = socket.authorized ? socket.getPeerCertificate()?.subject : undefined
    if (typeof subject?.CN === 'string') return { name: subject.CN, groups: [...[subject.O ?? []].flat(), 'system:authenticated'] }
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
    return token === undefined ? { name: 'system:anonymous', groups: ['system:unauthenticated'] } : byToken(token)
  }
}

function authorizer(env: Env, flags: FlagValues, client: Client | undefined): (caller: Caller, method: string, path: string) => Promise<string | undefined> {
  const open = flags.list('authorization-always-allow-paths')
  const [yes, no] = [flags.number('authorization-webhook-cache-authorized-ttl') ?? 0, flags.number('authorization-webhook-cache-unauthorized-ttl') ?? 0]
  const allowed = remembering(env, async (key) => {
    const { name, groups, verb, path } = JSON.parse(key) as Caller & { verb: string; path: string }
    const review = await client?.create<SubjectAccessReview>(subjectAccessReviews, {
      apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {},
      spec: { user: name, groups: [...groups], nonResourceAttributes: { path, verb } },
    })
    return review?.status?.allowed === true
  }, (value) => (value ? yes : no))
  return async ({ name, groups }, method, path) => {
    const isOpen = open.some((one) => (one.endsWith('*') ? path.startsWith(one.slice(0, -1)) : path === one))
    if (isOpen || groups.includes('system:masters')) return undefined
    const verb = method.toLowerCase()
    if (await allowed(JSON.stringify({ name, groups, verb, path }))) return undefined
    return `forbidden: User ${JSON.stringify(name)} cannot ${verb} path ${JSON.stringify(path)}\n`
  }
}
