/** watch: from a version, from now, or beginning with what is there. Upstream: endpoints/handlers/watch.go, storage/cacher. */
import type { Clock, Timer } from '../../base/env.ts'
import { StatusError } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { WatchResponse, WatchResponseEvent } from '../handler.ts'
import { Cached, withResourceVersion } from '../registry/cached.ts'
import type { ResourceStorage } from '../registry/resource-storage.ts'
import type { Served } from '../registry/resource-registry.ts'
import { plainError } from '../registry/resource-store.ts'
import type { Watcher } from '../registry/watcher.ts'
import type { RequestContext } from './context.ts'
import { storeOf } from './context.ts'
import type { ListOptions } from './options.ts'
import { listOptions, parseResourceVersion, resourceVersionText } from './options.ts'
import { selectionOf } from './selection.ts'

const initialEventsEnd = 'k8s.io/initial-events-end'
const bookmarkIntervalMs = 60_000
/** The last bookmark comes this long before the watch ends, so that its reader resumes from there. */
const lastBookmarkMs = 2000
const defaultMinTimeoutMs = 30 * 60_000

export async function handleWatch(context: RequestContext): Promise<WatchResponse> {
  const { request, served, deps } = context
  const options = listOptions(request.query, true)
  const { selection, converted: select } = selectionOf(served, request.info.namespace, request.info.name, options)
  const { storage } = storeOf(context)
  if (!/^\d*$/.test(options.resourceVersion)) throw plainError(resourceVersionText(options.resourceVersion))
  const timeoutMs = options.timeoutSeconds !== undefined && options.timeoutSeconds > 0
    ? options.timeoutSeconds * 1000
    : (deps.minRequestTimeoutMs ?? defaultMinTimeoutMs) * (1 + deps.env.random.next())
  try {
    const start = await locate(storage, options, request.signal)
    const end = options.allowWatchBookmarks ? bookmark(served, storage.revision(), { [initialEventsEnd]: 'true' }) : undefined
    const prelude = start.initial ? { items: storage.cache.page(selection).items, end } : undefined
    // What others convert goes through the queue as it is stored, and is converted behind it.
    const view = served.prepare === undefined ? (cached: Cached) => served.view(cached) : (cached: Cached) => cached
    const watcher = storage.cache.watch({ selection, view, from: start.revision, prelude, withPrevious: select !== undefined })
    limitLife(watcher, context, timeoutMs, options.allowWatchBookmarks ? () => bookmark(served, storage.revision()) : undefined)
    return { type: 'watch', events: served.prepare === undefined ? watcher : converted(served, watcher, select) }
  } catch (error) {
    // A version that is too old or yet to come is told in the stream, where watchers look for it.
    if (!(error instanceof StatusError) || (error.code !== 410 && error.code !== 504)) throw error
    return { type: 'watch', events: one({ type: 'ERROR', object: error.status }) }
  }
}

interface Start {
  readonly revision: number
  readonly initial: boolean
}

async function locate(storage: ResourceStorage, o: ListOptions, signal: AbortSignal): Promise<Start> {
  if (o.sendInitialEvents === undefined) return { revision: parseResourceVersion(o.resourceVersion), initial: false }
  if (o.resourceVersion === '') await storage.catchUp(signal)
  else await storage.waitFor(parseResourceVersion(o.resourceVersion), signal)
  const resumes = !o.sendInitialEvents && o.resourceVersion !== '' && o.resourceVersion !== '0'
  return { revision: resumes ? parseResourceVersion(o.resourceVersion) : storage.revision(), initial: o.sendInitialEvents }
}

function bookmark(served: Served, revision: number, annotations?: Record<string, string>): WatchResponseEvent {
  const object: KubeObject = {
    kind: served.kind, apiVersion: served.apiVersion,
    metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) },
  }
  return { type: 'BOOKMARK', object }
}

/** Ends the watch when its time is over or its client is gone, and sends bookmarks until then. */
function limitLife(watcher: Watcher, context: RequestContext, timeoutMs: number, mark: (() => WatchResponseEvent) | undefined): void {
  const { clock } = context.deps.env
  const { signal } = context.request
  const timers: Timer[] = [clock.setTimeout(() => watcher.close(), timeoutMs)]
  let stopBookmarks = () => {}
  if (mark !== undefined) {
    stopBookmarks = repeat(clock, bookmarkIntervalMs, () => watcher.push(mark()))
    if (timeoutMs > lastBookmarkMs) timers.push(clock.setTimeout(() => watcher.push(mark()), timeoutMs - lastBookmarkMs))
  }
  const onAbort = () => watcher.close()
  watcher.onClosed(() => {
    for (const timer of timers) timer.cancel()
    stopBookmarks()
    signal.removeEventListener('abort', onAbort)
  })
  if (signal.aborted) watcher.close()
  else signal.addEventListener('abort', onAbort)
}

function repeat(clock: Clock, intervalMs: number, action: () => void): () => void {
  let timer: Timer
  const arm = () => {
    timer = clock.setTimeout(() => {
      action()
      arm()
    }, intervalMs)
  }
  arm()
  return () => timer.cancel()
}

type Select = (object: KubeObject) => boolean

/** The events in the version that was asked for, selected there; a conversion that fails ends the watch. */
async function* converted(
  served: Served, events: AsyncIterable<readonly WatchResponseEvent[]>, select: Select | undefined,
): AsyncGenerator<readonly WatchResponseEvent[]> {
  for await (const batch of events) {
    try {
      await served.prepare!(batch.flatMap(({ entry, previous }) => [entry, previous].filter((e) => e instanceof Cached)))
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      yield [{ type: 'ERROR', object: error.status }]
      return
    }
    const wanted = batch.flatMap((event) => shown(served, event, select) ?? [])
    if (wanted.length > 0) yield wanted
  }
}

/** An event as the watcher sees it; undefined when it is about an object that the watcher does not select. */
function shown(served: Served, event: WatchResponseEvent, select: Select | undefined): WatchResponseEvent | undefined {
  if (!(event.entry instanceof Cached)) return event
  const entry = served.view(event.entry)
  if (select === undefined) return { type: event.type, object: entry.object, entry }
  const is = select(entry.object)
  if (event.type === 'DELETED') return is ? { type: 'DELETED', object: entry.object, entry } : undefined
  const before = event.previous instanceof Cached ? served.view(event.previous).object : undefined
  const was = before !== undefined && select(before)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: entry.object, entry }
  return was ? { type: 'DELETED', object: withResourceVersion(before, entry.object.metadata.resourceVersion ?? '') } : undefined
}

async function* one(event: WatchResponseEvent): AsyncGenerator<readonly WatchResponseEvent[]> {
  yield [event]
}
