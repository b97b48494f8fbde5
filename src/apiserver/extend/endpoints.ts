/** Everything that is no resource: version, health, metrics, OpenAPI, the issuer's documents. Hono routes them. */
import type { Hono } from 'hono/tiny'
import type { Metrics } from '../../base/env.ts'
import { ComponentPages, type ComponentPagesOptions } from '../../api/pages/component-pages.ts'
import { methodNotAllowed, pathNotFound } from '../../api/meta/errors.ts'
import type { ApiHandler, ApiRequest, ApiResponse, RawResponse } from '../handler.ts'
import { exchangeOf } from '../http/exchange.ts'
import { checkRouted } from '../http/negotiate.ts'
import type { DiscoveredGroup } from './discovery-model.ts'
import { type HealthCheck, type HealthEndpoint, health } from './health.ts'
import { versionInfo } from '../../api/meta/version.ts'

export interface OpenApiSource {
  /** Undefined: no such document. */
  answer(request: ApiRequest): Promise<ApiResponse | undefined>
}

export interface EndpointOptions {
  readonly metrics: Metrics
  readonly checks: () => readonly HealthCheck[]
  /** The issuer's documents; undefined when the server issues no tokens. */
  readonly openid?: { configuration(): object; keys(): object }
  readonly openapi: OpenApiSource
  /** What discovery tells. */
  readonly groups: () => readonly DiscoveredGroup[]
  /** What the server's pages about itself need. */
  readonly pages: Omit<ComponentPagesOptions, 'component' | 'paths'>
}

type Routes = { Bindings: { request: ApiRequest } }

const plainText = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }

/** What upstream says of paths that it has no handler for. */
const unknown: RawResponse = { type: 'raw', code: 404, headers: plainText, body: '404 page not found\n' }
const json = { 'content-type': 'application/json' }

export function createEndpoints(options: EndpointOptions): ApiHandler {
  let routes: Promise<Hono<Routes>> | undefined
  const pages: ComponentPages = new ComponentPages({ ...options.pages, component: 'apiserver', paths: () => indexPaths(options, pages) })
  return async (request) => {
    const { path } = request.info
    const checked = await healthAnswer(options, pages, request)
    if (checked !== undefined) return checked
    const page = pageOf(pages, request)
    if (page !== undefined) return page
    if (path.startsWith('/openapi/')) {
      const answer = await options.openapi.answer(request)
      return answer ?? unknown
    }
    if (/^\/version(?:\/|$)/.test(path)) return version(request)
    if (path.endsWith('/') && path !== '/') return unknown
    // Health must answer as soon as the server listens; all else can wait for the router to be loaded.
    const app = await (routes ??= createRoutes(options, pages))
    return rawResponse(await app.fetch(webRequest(request), { request }))
  }
}

async function healthAnswer(options: EndpointOptions, pages: ComponentPages, request: ApiRequest): Promise<ApiResponse | undefined> {
  const [, endpoint, name] = /^\/(healthz|livez|readyz)(?:\/(.*))?$/.exec(request.info.path) ?? []
  if (endpoint === undefined) return undefined
  const answer = await health(options.checks(), endpoint as HealthEndpoint, name ?? '', request.query, (check, healthy) => pages.observe(check, endpoint, healthy))
  if (answer === undefined) return unknown
  // Upstream says it of whole endpoints and of failures.
  const { 'x-content-type-options': _, ...bare } = plainText
  return { type: 'raw', code: answer.code, headers: answer.code === 200 && name !== undefined ? bare : plainText, body: answer.body }
}

/** Throws when the client takes nothing of what upstream's router has for the path. */
function routed(request: ApiRequest, mediaType: string): void {
  checkRouted(exchangeOf(request)?.headers.accept, { routed: [mediaType], mediaTypes: [mediaType] })
}

/** The version is a resource of upstream's router, which knows of methods and of what is not below it. */
function version(request: ApiRequest): ApiResponse {
  const { path, verb } = request.info
  if (path !== '/version' && path !== '/version/') throw pathNotFound()
  if ((exchangeOf(request)?.method ?? verb.toUpperCase()) !== 'GET') throw methodNotAllowed()
  routed(request, 'application/json')
  return { type: 'raw', code: 200, headers: json, body: JSON.stringify(versionInfo, null, 2) }
}

function pageOf(pages: ComponentPages, request: ApiRequest): ApiResponse | undefined {
  const exchange = exchangeOf(request)
  const { accept, 'user-agent': userAgent } = exchange?.headers ?? {}
  const page = pages.answer(exchange?.method ?? request.info.verb.toUpperCase(), request.info.path, { accept, userAgent, query: request.query })
  return page === undefined ? undefined : { type: 'raw', ...page }
}

async function createRoutes(options: EndpointOptions, pages: ComponentPages): Promise<Hono<Routes>> {
  const { metrics, openid } = options
  const { Hono } = await import('hono/tiny')
  const app = new Hono<Routes>()
  app.get('/metrics', (c) => c.body(metrics.render(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' }))
  if (openid !== undefined) {
    const cache = { 'cache-control': 'public, max-age=3600' }
    const issued = (path: string, mediaType: string, document: () => object) => app.get(path, (c) => {
      routed(c.env.request, mediaType)
      return c.body(JSON.stringify(document()), 200, { 'content-type': mediaType, ...cache })
    })
    issued('/.well-known/openid-configuration', 'application/json', () => openid.configuration())
    issued('/openid/v1/jwks', 'application/jwk-set+json', () => openid.keys())
  }
  const index = (): string => JSON.stringify({ paths: indexPaths(options, pages) }, null, 2)
  for (const path of ['/', '/index.html']) app.all(path, (c) => c.body(index(), 200, json))
  app.notFound((c) => c.body(unknown.body as string, 404, plainText))
  app.onError((error) => {
    throw error
  })
  return app
}

const fixedPaths: readonly string[] = [
  '/.well-known/openid-configuration', '/api', '/api/v1', '/apis', '/apis/', '/healthz', '/livez', '/metrics', '/openapi/v2',
  '/openapi/v3', '/openapi/v3/', '/openid/v1/jwks', '/readyz', '/version',
]

/** Everything that is served besides objects, in order. */
function indexPaths({ checks, groups }: EndpointOptions, pages: ComponentPages): string[] {
  return [
    ...fixedPaths, ...pages.served,
    ...groups().filter(({ group }) => group !== '').flatMap(({ group, versions }) => [`/apis/${group}`, ...versions.map(({ version }) => `/apis/${group}/${version}`)]),
    ...(['healthz', 'livez', 'readyz'] as const).flatMap((endpoint) =>
      checks().filter((check) => check.in === undefined || check.in.includes(endpoint)).map(({ name }) => `/${endpoint}/${name}`)),
  ].sort()
}

/** Hono routes by the web's Request; bodies do not matter here. */
function webRequest(request: ApiRequest): Request {
  const method = exchangeOf(request)?.method ?? request.info.verb.toUpperCase()
  return new Request(`https://server${encodeURI(request.info.path)}`, { method: method === 'HEAD' ? 'GET' : method })
}

async function rawResponse(response: Response): Promise<ApiResponse> {
  return {
    type: 'raw', code: response.status, headers: Object.fromEntries(response.headers),
    body: new Uint8Array(await response.arrayBuffer()),
  }
}
