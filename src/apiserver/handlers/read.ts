/** get and list. Upstream: endpoints/handlers/get.go and storage/cacher/delegator.go. */
import { badRequest, resourceExpired, tooLargeResourceVersion } from '../../api/meta/errors.ts'
import type { ApiResponse, ListResponse } from '../handler.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Cached } from '../registry/cached.ts'
import type { Served } from '../registry/resource-registry.ts'
import type { ResourceStorage } from '../registry/resource-storage.ts'
import type { CachePage } from '../registry/watch-cache.ts'
import { plainError } from '../registry/resource-store.ts'
import { notFound } from '../../api/meta/errors.ts'
import { asOfRevision } from './as-of.ts'
import { decodeContinue, encodeContinue } from './continue-token.ts'
import type { RequestContext } from './context.ts'
import { storeOf } from './context.ts'
import type { ListOptions } from './options.ts'
import { listOptions, parseBoolean, parseResourceVersion, resourceVersionText } from './options.ts'
import { selectionOf } from './selection.ts'

export async function handleGet(context: RequestContext): Promise<ApiResponse> {
  const { request, served } = context
  const { info, query } = request
  if (parseBoolean(query.get('export') ?? '')) throw badRequest('the export parameter, deprecated since v1.14, is no longer supported')
  const store = storeOf(context)
  const key = store.keyOf(info.namespace, info.name)
  const past = asOfRevision(request, context.deps.registry, store.storage)
  const resourceVersion = past === undefined ? query.get('resourceVersion') ?? '' : ''
  if (resourceVersion !== '' && resourceVersion !== '0') {
    // Where there is no cache, it is the store that reads it, and tells whose fault it is.
    if (!/^\d+$/.test(resourceVersion) && store.definition.uncached !== true) throw plainError(resourceVersionText(resourceVersion))
    await store.storage.waitFor(parseResourceVersion(resourceVersion), request.signal)
  }
  const cached = past !== undefined ? store.storage.cache.at(past).get(key)
    : resourceVersion === '' ? await store.storage.read(key) : store.storage.get(key)
  if (cached === undefined) throw notFound(served, info.name)
  await served.prepare?.([cached])
  const entry = served.view(cached)
  return { type: 'object', code: 200, object: entry.object, entry }
}

/** What is to be listed: a page of the present, or of the past. */
interface Page {
  readonly revision: number
  readonly past: boolean
  /** First key, relative to the namespace listed. */
  readonly start: string
  /** The objects, when they are not the cache's. */
  readonly tree?: Fresh['tree']
}

type Fresh = Awaited<ReturnType<ResourceStorage['fresh']>>

export async function handleList(context: RequestContext): Promise<ListResponse> {
  const { request, served } = context
  const options = listOptions(request.query, false)
  const { selection, plain, converted } = selectionOf(served, request.info.namespace, request.info.name, options)
  const { storage } = storeOf(context)
  const past = asOfRevision(request, context.deps.registry, storage)
  const page = await locate(context, storage, past === undefined || options.continue !== '' ? options
    : { ...options, resourceVersion: String(past), resourceVersionMatch: 'Exact' })
  // Keys in tokens are relative to what is listed.
  const base = served.namespaced && request.info.namespace !== '' ? `${request.info.namespace}/` : ''
  const limit = options.resourceVersion === '0' && options.continue === '' ? 0 : Math.max(0, options.limit)
  const look = (at: number): CachePage => storage.cache.page(selection, {
    limit: at, tree: page.tree, ...(page.start === '' ? {} : { from: base + page.start }), ...(page.past ? { revision: page.revision } : {}),
  })
  const found = converted === undefined ? look(limit) : await selectConverted(served, look(0), converted, limit)
  await served.prepare?.(found.items)
  const more = found.last !== undefined && found.remaining > 0
  return {
    type: 'list', apiVersion: served.apiVersion, kind: served.listKind,
    metadata: {
      resourceVersion: String(page.revision),
      ...(more ? { continue: encodeContinue({ revision: page.revision, start: `/${found.last!.slice(base.length)}\0` }) } : {}),
      ...(more && plain ? { remainingItemCount: found.remaining } : {}),
    },
    items: found.items.map((cached: Cached) => served.view(cached)),
  }
}

/** The first of those that are selected in the version in which they are shown. */
async function selectConverted(
  served: Served, { items: all }: CachePage, matches: (object: KubeObject) => boolean, limit: number,
): Promise<CachePage> {
  await served.prepare?.(all)
  const items = all.filter((cached) => matches(served.view(cached).object))
  if (limit === 0 || items.length <= limit) return { items, last: undefined, remaining: 0 }
  return { items: items.slice(0, limit), last: items[limit - 1]!.key, remaining: items.length - limit }
}

async function locate(context: RequestContext, storage: ResourceStorage, o: ListOptions): Promise<Page> {
  const { signal } = context.request
  if (o.continue !== '') {
    const token = decodeContinue(o.continue)
    if (o.resourceVersion !== '' && o.resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue')
    }
    if (token.revision < 0) return { ...await storage.fresh(signal), past: false, start: token.start }
    if (token.revision > storage.revision()) await storage.waitFor(token.revision, signal)
    if (isForgotten(context, storage, token.revision)) throw expiredToken(token.start)
    return { revision: token.revision, past: true, start: token.start }
  }
  if (o.resourceVersion === '') return { ...await storage.fresh(signal), past: false, start: '' }
  const revision = parseResourceVersion(o.resourceVersion)
  const exact = o.resourceVersionMatch === 'Exact' || (o.resourceVersionMatch === '' && o.limit > 0 && revision > 0)
  if (!exact) {
    await storage.waitFor(revision, signal)
    return { revision: storage.revision(), past: false, start: '' }
  }
  if (revision > storage.revision()) {
    await storage.catchUp(signal)
    if (revision > storage.revision()) throw tooLargeResourceVersion(revision, storage.revision())
  }
  if (isForgotten(context, storage, revision)) throw resourceExpired('The resourceVersion for the provided list is too old.')
  return { revision, past: true, start: '' }
}

function isForgotten(context: RequestContext, storage: ResourceStorage, revision: number): boolean {
  return revision < context.deps.registry.listFloor || revision < storage.cache.oldest
}

/** 410 with a token by which the rest can be read, though not from the same moment. */
function expiredToken(start: string): Error {
  const error = resourceExpired('The provided continue parameter is too old to display a consistent list result. '
    + 'You can start a new list without the continue parameter, or use the continue token in this response to retrieve '
    + 'the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that '
    + 'were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.')
  error.status.metadata.continue = encodeContinue({ revision: -1, start })
  return error
}
