/** Everything that is no resource: version, health, metrics, OpenAPI, the issuer's documents. Hono routes them. */
import { Hono } from 'hono/tiny'
import type { Metrics } from '../../base/env.ts'
import { pathNotFound } from '../../api/meta/errors.ts'
import type { ApiHandler, ApiRequest, ApiResponse } from '../handler.ts'
import { exchangeOf } from '../http/exchange.ts'
import { type HealthCheck, type HealthEndpoint, health } from './health.ts'
import { versionInfo } from './version.ts'

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
}

type Routes = { Bindings: { request: ApiRequest } }

const plainText = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
const healthEndpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz']

export function createEndpoints(options: EndpointOptions): ApiHandler {
  const app = new Hono<Routes>()
  app.get('/version', (c) => c.body(JSON.stringify(versionInfo, null, 2) + '\n', 200, { 'content-type': 'application/json' }))
  app.get('/metrics', (c) => c.body(options.metrics.render(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores' }))
  for (const endpoint of healthEndpoints) {
    app.on('GET', [`/${endpoint}`, `/${endpoint}/:check{.+}`], async (c) => {
      const name = c.req.path.slice(endpoint.length + 2)
      const answer = await health(options.checks(), endpoint, name, c.env.request.query)
      if (answer === undefined) return c.body('404 page not found\n', 404, plainText)
      return c.body(answer.body, answer.code as 200 | 500, plainText)
    })
  }
  const { openid } = options
  if (openid !== undefined) {
    const cache = { 'cache-control': 'public, max-age=3600' }
    app.get('/.well-known/openid-configuration', (c) =>
      c.body(JSON.stringify(openid.configuration()), 200, { 'content-type': 'application/json', ...cache }))
    app.get('/openid/v1/jwks', (c) =>
      c.body(JSON.stringify(openid.keys()), 200, { 'content-type': 'application/jwk-set+json', ...cache }))
  }
  app.get('/', (c) => c.body(JSON.stringify({ paths: indexPaths }, null, 2), 200, { 'content-type': 'application/json' }))
  app.notFound((c) => c.body(JSON.stringify({ paths: indexPaths }, null, 2), 404, { 'content-type': 'application/json' }))
  app.onError((error) => {
    throw error
  })

  return async (request) => {
    const { path } = request.info
    if (path.startsWith('/openapi/')) {
      const answer = await options.openapi.answer(request)
      if (answer === undefined) throw pathNotFound()
      return answer
    }
    return rawResponse(await app.fetch(webRequest(request), { request }))
  }
}

const indexPaths: readonly string[] = [
  '/.well-known/openid-configuration', '/api', '/api/v1', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v2',
  '/openapi/v3', '/openid/v1/jwks', '/readyz', '/version',
]

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
