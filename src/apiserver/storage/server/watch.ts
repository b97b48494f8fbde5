/** etcd's Watch service: many watches on one stream, each fed from a watch of the store. */
import type { Clock } from '../../../base/env.ts'
import { CompactedError, type KVStore, type KeyValue, type RevisionBatch, type StoreEvent } from '../store.ts'
import type { Header, WatchCreateRequest, WatchRequest, WireKeyValue } from './messages.ts'
import { type KeyRange, inRange, keyRange } from './ranges.ts'

export interface WatchStream {
  receive(request: WatchRequest): void
  /** Ends every watch of the stream. */
  close(): void
}

export interface WatchServiceOptions {
  readonly store: KVStore
  readonly clock: Clock
  readonly header: (revision: number) => Header
  readonly wire: (item: KeyValue) => WireKeyValue
  /** How often watches that want it are told how far they are when nothing happens. ms. */
  readonly progressIntervalMs: number
}

/** `send` resolves when more may be sent, so that a slow reader holds only its own stream up. */
export function createWatchStream({ store, clock, header, wire, progressIntervalMs }: WatchServiceOptions, send: (response: object) => Promise<void>): WatchStream {
  const watches = new Map<number, AbortController>()
  let nextId = 0

  async function create(request: WatchCreateRequest): Promise<void> {
    const keys = keyRange(request.key, request.range_end)
    if (request.watch_id > 0 && watches.has(request.watch_id)) {
      await send({ header: header(await store.revision()), watch_id: request.watch_id, created: true, canceled: true, cancel_reason: 'watch ID already exists on the stream' })
      return
    }
    while (watches.has(nextId)) nextId++
    const id = request.watch_id > 0 ? request.watch_id : nextId++
    const controller = new AbortController()
    watches.set(id, controller)
    const revision = await store.revision()
    const from = request.start_revision > 0 ? request.start_revision - 1 : revision
    await send({ header: header(revision), watch_id: id, created: true, events: [] })
    try {
      if (request.progress_notify) void askForProgress(keys.prefix, controller.signal)
      for await (const batch of store.watch(keys.prefix, from, controller.signal)) {
        const response = responseFor(batch, id, keys, request)
        if (response !== undefined) await send(response)
      }
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error
      await send({
        header: header(await store.revision()), watch_id: id, canceled: true, compact_revision: error.compactRevision,
        cancel_reason: 'etcdserver: mvcc: required revision has been compacted', events: [],
      })
    } finally {
      if (watches.get(id) === controller) watches.delete(id)
    }
  }

  async function askForProgress(prefix: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(progressIntervalMs, signal).catch(() => undefined)
      if (!signal.aborted) await store.requestProgress(prefix)
    }
  }

  function responseFor({ revision, events }: RevisionBatch, id: number, keys: KeyRange, request: WatchCreateRequest): object | undefined {
    if (events.length === 0) return { header: header(revision), watch_id: id, events: [] }
    const wanted = events.filter(({ key, type }) => inRange(keys, key) && !request.filters.includes(type === 'put' ? 'Noput' : 'Nodelete'))
    if (wanted.length === 0) return undefined
    return { header: header(revision), watch_id: id, events: wanted.map((event) => eventOf(event, revision, request.prev_kv)) }
  }

  function eventOf(event: StoreEvent, revision: number, withPrevious: boolean): object {
    const previous = withPrevious && event.previous !== undefined ? { prev_kv: wire(event.previous) } : {}
    if (event.type === 'delete') return { type: 'Delete', kv: { key: Buffer.from(event.key), mod_revision: revision }, ...previous }
    return { type: 'Put', kv: wire({ key: event.key, value: event.value!, createRevision: event.createRevision, modRevision: revision }), ...previous }
  }

  return {
    receive(request) {
      if (request.create_request) {
        create(request.create_request).catch(() => undefined)
      } else if (request.cancel_request) {
        const id = request.cancel_request.watch_id
        watches.get(id)?.abort()
        watches.delete(id)
        void store.revision().then((revision) => send({ header: header(revision), watch_id: id, canceled: true, events: [] })).catch(() => undefined)
      } else {
        store.requestProgress().catch(() => undefined)
      }
    },
    close() {
      for (const controller of watches.values()) controller.abort()
      watches.clear()
    },
  }
}
