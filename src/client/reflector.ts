/**
 * List and watch, for ever (upstream: client-go/tools/cache/reflector.go): a consistent start, resumption from the last
 * resourceVersion, a new list when the server has forgotten it, back-off when the server is away. Time and chance are
 * injected, so that a run can be repeated.
 */
import type { Clock, Logger, Random } from '../base/env.ts'
import { isStatus, StatusError } from '../api/meta/errors.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import { Backoff } from './backoff.ts'
import type { Client } from './client.ts'

/** Where a reflector puts what it sees. Called synchronously, in order. */
export interface ReflectorSink<T> {
  /** The whole state as of `resourceVersion`; what is not in it is gone. */
  replace(objects: readonly T[], resourceVersion: string): void
  upsert(object: T, resourceVersion: string): void
  remove(object: T, resourceVersion: string): void
  /** Nothing happened up to `resourceVersion`. */
  bookmark(resourceVersion: string): void
}

export interface ReflectorOptions<T> {
  readonly client: Client
  readonly resource: Resource<T>
  readonly sink: ReflectorSink<T>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** Gets the first state as a stream of events instead of a list, which spares a remote server memory. */
  readonly watchList?: boolean
  /** Objects a page for lists; default: all at once. */
  readonly pageSize?: number
  readonly backoff?: { readonly initialMs: number; readonly maxMs: number }
}

/** A watch ends by itself after 5 to 10 minutes, so that load spreads again after a server restart. */
const minWatchSeconds = 300
/** Within a process there is nothing to spread, and nobody to tell that all is well. */
const localWatchSeconds = 30 * 86_400
const initialEventsEnd = 'k8s.io/initial-events-end'

/** Runs until the signal is aborted. Never throws for what the server does. */
export async function runReflector<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  const { clock, random, log, resource } = options
  const backoff = new Backoff(clock, random, {
    ...(options.backoff ?? { initialMs: 800, maxMs: 30_000 }), jitter: 1, resetAfterMs: 120_000,
  })
  const state: State = { version: undefined, lastListed: '0', streaming: options.watchList ?? false }
  while (!signal.aborted) {
    try {
      if (state.version === undefined) await start(options, state, signal)
      if (state.version !== undefined) await follow(options, state, signal)
    } catch (error) {
      if (signal.aborted) return
      if (isExpired(error)) {
        // The history is gone: ask for the newest state, not for one that some cache may still hold.
        state.version = undefined
        state.lastListed = ''
        log.debug('watch history is gone, listing again', { resource: resource.resource })
      } else {
        log.debug('list or watch failed', { resource: resource.resource, error })
        if (isTooLarge(error)) state.lastListed = ''
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined)
    }
  }
}

interface State {
  /** Where the watch goes on; undefined: the state has to be fetched anew. */
  version: string | undefined
  lastListed: string
  streaming: boolean
}

async function start<T extends KubeObject>(options: ReflectorOptions<T>, state: State, signal: AbortSignal): Promise<void> {
  if (state.streaming) {
    try {
      await streamInitial(options, state, signal)
      return
    } catch (error) {
      if (!isStatus(error, 'Invalid') && !isStatus(error, 'BadRequest') && !isStatus(error, 'MethodNotAllowed')) throw error
      // A server without WatchList.
      state.streaming = false
    }
  }
  const { client, resource, namespace, labelSelector, fieldSelector, pageSize } = options
  const objects: T[] = []
  let next: string | undefined
  let version = ''
  do {
    const list = await client.list(resource, {
      namespace, labelSelector, fieldSelector, limit: pageSize, continue: next, signal,
      resourceVersion: next === undefined ? state.lastListed : undefined,
    })
    objects.push(...list.items)
    version = list.metadata.resourceVersion ?? ''
    next = list.metadata.continue === '' ? undefined : list.metadata.continue
  } while (next !== undefined)
  state.version = version
  state.lastListed = version
  options.sink.replace(objects, version)
}

/** The first state by a watch with sendInitialEvents, and everything after it while the same watch lasts. */
async function streamInitial<T extends KubeObject>(options: ReflectorOptions<T>, state: State, signal: AbortSignal): Promise<void> {
  const initial: T[] = []
  let synced = false
  const events = options.client.watch(options.resource, {
    ...selection(options), ...watchOptions(options), allowWatchBookmarks: true, signal, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan',
    resourceVersion: state.lastListed === '0' ? '' : state.lastListed,
  })
  for await (const { type, object } of events) {
    if (synced) deliver(options, state, type, object)
    else if (type === 'ADDED') initial.push(object)
    else if (type === 'BOOKMARK' && object.metadata.annotations?.[initialEventsEnd] === 'true') {
      synced = true
      state.version = object.metadata.resourceVersion ?? ''
      state.lastListed = state.version
      options.sink.replace(initial, state.version)
    }
  }
  if (!synced && !signal.aborted) throw new Error('the watch ended before the initial events did')
}

async function follow<T extends KubeObject>(options: ReflectorOptions<T>, state: State, signal: AbortSignal): Promise<void> {
  const startedAt = options.clock.monotonic()
  let seen = 0
  const events = options.client.watch(options.resource, {
    ...selection(options), ...watchOptions(options), signal, resourceVersion: state.version,
  })
  for await (const { type, object } of events) {
    seen++
    deliver(options, state, type, object)
  }
  if (signal.aborted || seen > 0 || options.clock.monotonic() - startedAt >= 1000) return
  throw new Error('very short watch: unexpected watch close - watch lasted less than a second and no items received')
}

function deliver<T extends KubeObject>(options: ReflectorOptions<T>, state: State, type: string, object: T): void {
  const version = object.metadata.resourceVersion ?? ''
  if (type === 'ADDED' || type === 'MODIFIED') options.sink.upsert(object, version)
  else if (type === 'DELETED') options.sink.remove(object, version)
  else if (type === 'BOOKMARK') options.sink.bookmark(version)
  else return
  state.version = version
  state.lastListed = version
}

function selection<T>(options: ReflectorOptions<T>): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
  const { namespace, labelSelector, fieldSelector } = options
  return { namespace, labelSelector, fieldSelector }
}

function watchOptions<T>({ random, client }: ReflectorOptions<T>): { allowWatchBookmarks: boolean; timeoutSeconds: number } {
  if (client.local === true) return { allowWatchBookmarks: false, timeoutSeconds: localWatchSeconds }
  return { allowWatchBookmarks: true, timeoutSeconds: Math.floor(minWatchSeconds * (1 + random.next())) }
}

function isExpired(error: unknown): boolean {
  return error instanceof StatusError && (error.reason === 'Expired' || error.reason === 'Gone' || error.code === 410)
}

function isTooLarge(error: unknown): boolean {
  return error instanceof StatusError && error.status.details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge') === true
}
