/**
 * Reads of the past: `?asOf=REVISION`, `?asOf=2026-01-01T12:00:00Z`, or the header Coxswain-As-Of, on any get or list.
 * Clients that can set neither put "/as-of/REVISION" before the path, as part of the server's URL.
 */
import { badRequest, resourceExpired } from '../../api/meta/errors.ts'
import type { ApiRequest } from '../handler.ts'
import { exchangeOf, header } from '../http/exchange.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { ResourceStorage } from '../registry/resource-storage.ts'

/** The revision that the request wants to see; undefined: the present. Throws 400 and 410. */
export function asOfRevision(request: ApiRequest, registry: ResourceRegistry, storage: ResourceStorage): number | undefined {
  const exchange = exchangeOf(request)
  const text = request.query.get('asOf') ?? (exchange === undefined ? undefined : header(exchange.headers, 'coxswain-as-of'))
  if (text === undefined || text === '') return undefined
  const revision = /^\d+$/.test(text) ? Number(text) : momentOf(text, registry)
  if (revision > storage.revision()) throw badRequest(`asOf: revision ${revision} is yet to come; the latest is ${storage.revision()}`)
  if (revision < registry.listFloor || revision < storage.cache.oldest) throw resourceExpired(`what was stored as of ${text} is no longer kept`)
  return revision
}

function momentOf(text: string, registry: ResourceRegistry): number {
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw badRequest(`asOf: ${JSON.stringify(text)} is neither a revision nor a moment`)
  return registry.revisionAt(ms)
}

/** "/as-of/123/api/v1/pods" as the path and what it is asked as of. */
export function splitAsOf(path: string): { path: string; asOf: string } | undefined {
  if (!path.startsWith('/as-of/')) return undefined
  const match = /^\/as-of\/([^/]+)(\/.*)$/.exec(path)
  return match === null ? undefined : { asOf: match[1]!, path: match[2]! }
}
