/**
 * One resource between its keys in the store and its watch cache: writes go to the store, every read is served from the
 * cache, and the cache has seen a write before the write is acknowledged.
 */
import type { BTree } from '../../base/btree.ts'
import { newBTree } from '../../base/btree.ts'
import type { Clock, Logger, Timer } from '../../base/env.ts'
import { internalError, tooLargeResourceVersion, tooManyRequests } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { KVStore, KeyValue, ListResult, StoreEvent, WriteResult } from '../storage/store.ts'
import { CompactedError } from '../storage/store.ts'
import { Cached, deepCopy, deepFreeze } from './cached.ts'
import type { StorageCodec } from './codec.ts'
import { sameStored } from './equal.ts'
import { canonicalObject } from './metadata.ts'
import { withDefaults } from './strategy.ts'
import type { HistoryLimits } from './history.ts'
import { WatchCache } from './watch-cache.ts'

export interface ResourceStorageOptions {
  readonly store: KVStore
  readonly codec: StorageCodec
  readonly clock: Clock
  readonly log: Logger
  readonly definition: ResourceDefinition
  /** "/registry/pods/". */
  readonly prefix: string
  readonly history?: HistoryLimits
  /** What a cache of the same state holds already: nothing is read from the store. */
  readonly inherit?: WatchCache
}

export type Stored = { readonly ok: true; readonly cached: Cached } | { readonly ok: false }

/** How long a read waits for a cache that is behind, as upstream does. */
const freshnessTimeoutMs = 3000
/** A store passes over requests for progress while a watch is behind. */
const progressIntervalMs = 100

export class ResourceStorage {
  readonly cache: WatchCache
  /** Resolves when the cache holds what was stored when it began. */
  readonly ready: Promise<void>
  /** How often it was filled. */
  initializations = 1
  #filled = false
  readonly #o: ResourceStorageOptions
  /** What this process is writing, so that its own events need no decoding. */
  readonly #written = new WeakMap<Uint8Array, Cached>()
  #stop: () => void = () => undefined

  constructor(o: ResourceStorageOptions) {
    this.#o = o
    const { local } = o.store
    const now = () => o.clock.now()
    this.cache = o.inherit?.fork(now) ?? new WatchCache({ revision: local?.revision() ?? 0, now, limits: o.history })
    if (local === undefined) {
      const controller = new AbortController()
      this.#stop = () => controller.abort()
      this.ready = this.#follow(controller.signal).then(() => void (this.#filled = true))
    } else {
      if (o.inherit === undefined) for (const item of local.entries(o.prefix)) this.#load(item)
      this.#stop = local.subscribe(o.prefix, (event, revision) => this.#onEvent(event, revision))
      this.ready = Promise.resolve()
      this.#filled = true
    }
  }

  /** Until this is so the cache must not be read: whoever did would believe that nothing is stored. */
  get filled(): boolean {
    return this.#filled
  }

  /** Resolves when the cache may be read; throws 429 after three seconds, as upstream does. */
  async whenFilled(signal: AbortSignal): Promise<void> {
    if (this.#filled) return
    const over = new AbortController()
    const timer = this.#o.clock.setTimeout(() => over.abort(), freshnessTimeoutMs)
    try {
      await Promise.race([this.ready, aborted(AbortSignal.any([signal, over.signal]))])
    } finally {
      timer.cancel()
    }
    if (!this.#filled) throw tooManyRequests('storage is (re)initializing', 1)
  }

  /** The latest revision of the whole store that the cache reflects. */
  revision(): number {
    const { local } = this.#o.store
    if (local !== undefined) this.cache.advance(local.revision())
    return this.cache.revision
  }

  /**
   * Everything as it is in the store now: the revision that shows it, and the objects where the cache cannot be brought
   * to that revision for sure. At once for a store in this process.
   */
  async fresh(signal: AbortSignal): Promise<{ revision: number; tree?: BTree<string, Cached> }> {
    const { store } = this.#o
    if (store.local !== undefined) return { revision: this.revision() }
    if (await store.progressIsOrdered?.() === false) return this.#listed()
    return { revision: await this.catchUp(signal) }
  }

  /** Brings the cache to what the store has now, and answers its revision. Throws 504 after three seconds. */
  async catchUp(signal: AbortSignal): Promise<number> {
    const { store } = this.#o
    if (store.local === undefined) await this.waitFor(await store.revision(), signal)
    return this.revision()
  }

  /** Moves the cache's revision on, or has the store move it. */
  async #progress(): Promise<void> {
    const { store, prefix } = this.#o
    if (await store.progressIsOrdered?.() !== false) return store.requestProgress(prefix)
    // The store's marks cannot be trusted; but a list that equals the cache shows that nothing is missing.
    const { items, revision } = await store.list(prefix)
    const same = items.length === this.cache.size
      && items.every((item) => this.cache.get(item.key.slice(prefix.length))?.revision === item.modRevision)
    if (same) this.cache.advance(revision)
  }

  /** The store's own list; what the cache has already is not decoded again. */
  async #listed(): Promise<{ revision: number; tree: BTree<string, Cached> }> {
    const { store, prefix } = this.#o
    const { items, revision } = await store.list(prefix)
    const tree = newBTree<Cached>()
    for (const item of items) {
      const cached = this.#known(item)
      if (cached !== undefined) tree.set(cached.key, cached)
    }
    return { revision, tree }
  }

  #known(item: KeyValue): Cached | undefined {
    const key = item.key.slice(this.#o.prefix.length)
    const cached = this.cache.get(key)
    return cached?.revision === item.modRevision ? cached : this.#decode(key, item.value, item.modRevision)
  }

  /** Resolves when the cache has seen the revision; throws 504 after three seconds. */
  async waitFor(revision: number, signal: AbortSignal): Promise<void> {
    if (this.revision() >= revision) return
    if (await this.#waitUntil(() => this.cache.revision >= revision, signal)) return
    throw tooLargeResourceVersion(revision, this.cache.revision, 1)
  }

  /** Waits for the condition on the cache, for three seconds at most, asking the store for progress meanwhile. */
  async #waitUntil(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
    const { store, clock } = this.#o
    const stop = new AbortController()
    const timer = clock.setTimeout(() => stop.abort(), freshnessTimeoutMs)
    let asking: Timer | undefined
    const ask = () => {
      this.#progress().catch(() => undefined)
      asking = clock.setTimeout(ask, progressIntervalMs)
    }
    if (store.local === undefined) ask()
    try {
      return await this.cache.waitUntil(condition, AbortSignal.any([signal, stop.signal]))
    } finally {
      timer.cancel()
      asking?.cancel()
    }
  }

  /** The object as it is in the store now. */
  async read(key: string): Promise<Cached | undefined> {
    const { store, prefix } = this.#o
    if (store.local !== undefined) return this.cache.get(key)
    const { item } = await store.get(prefix + key)
    return item === undefined ? undefined : this.#known(item)
  }

  /** The object as the cache has it. */
  get(key: string): Cached | undefined {
    return this.cache.get(key)
  }

  /** Owns and freezes the object. Fails when the key exists. */
  create(key: string, object: KubeObject, ttlSeconds?: number): Promise<Stored> {
    return this.#write(key, object, (value) => ({ type: 'create', key: this.#o.prefix + key, value, ttlSeconds }))
  }

  /** Owns and freezes the object. Fails when the key does not have that revision. */
  update(key: string, object: KubeObject, expectedRevision: number, ttlSeconds?: number): Promise<Stored> {
    return this.#write(key, object, (value) => ({ type: 'update', key: this.#o.prefix + key, value, expectedRevision, ttlSeconds }))
  }

  /** The revision of the deletion, or undefined when the key does not have the expected one. */
  async remove(key: string, expectedRevision: number, signal: AbortSignal): Promise<number | undefined> {
    const { store, prefix } = this.#o
    if (store.local !== undefined) {
      const result = await store.local.write({ type: 'delete', key: prefix + key, expectedRevision })
      return result.ok ? result.revision : undefined
    }
    const result = await store.delete(prefix + key, expectedRevision)
    await this.#waitUntil(() => this.cache.get(key)?.revision !== expectedRevision, signal)
    return result.ok ? result.revision : undefined
  }

  close(): void {
    this.#stop()
    this.cache.close()
  }

  async #write(
    key: string, object: KubeObject,
    op: (value: (revision: number) => Uint8Array) => Parameters<NonNullable<KVStore['local']>['write']>[0],
  ): Promise<Stored> {
    const wire = canonicalObject(this.#o.definition, object)
    const { local } = this.#o.store
    if (local === undefined) return this.#writeRemote(key, wire, op)
    let cached: Cached | undefined
    const result = await local.write(op((revision) => {
      const [made, bytes] = this.#make(key, wire, revision)
      cached = made
      this.#written.set(bytes, made)
      return bytes
    }))
    return result.ok ? { ok: true, cached: cached! } : { ok: false }
  }

  async #writeRemote(
    key: string, wire: KubeObject,
    op: (value: (revision: number) => Uint8Array) => Parameters<NonNullable<KVStore['local']>['write']>[0],
  ): Promise<Stored> {
    const { store, codec, definition } = this.#o
    const { resourceVersion: _, ...metadata } = wire.metadata
    const bytes = codec.encode(definition, { ...wire, metadata }, this.#o.prefix + key)
    const write = op(() => bytes)
    let result: WriteResult
    if (write.type === 'create') result = await store.create(write.key, bytes, { ttlSeconds: write.ttlSeconds })
    else if (write.type === 'update') result = await store.update(write.key, bytes, write.expectedRevision, { ttlSeconds: write.ttlSeconds })
    else throw internalError('a deletion has no value')
    if (!result.ok) return { ok: false }
    // Waiting for the write's own event keeps this server's clients from reading something older than what they wrote.
    await this.#waitUntil(() => this.cache.applied >= result.revision, new AbortController().signal)
    const seen = this.cache.get(key)
    if (seen?.revision === result.revision) return { ok: true, cached: seen }
    return { ok: true, cached: this.#make(key, wire, result.revision)[0] }
  }

  #make(key: string, wire: KubeObject, revision: number): [Cached, Buffer] {
    const { codec, definition } = this.#o
    wire.metadata.resourceVersion = String(revision)
    const bytes = codec.encode(definition, wire, this.#o.prefix + key)
    const cached = new Cached(deepFreeze(wire), key, revision, bytes.length)
    if (codec.wireJson(definition)) cached.encodings.json = bytes
    return [cached, bytes]
  }

  /** Whether the next write stores the object although it is the same. */
  isStale(cached: Cached): boolean {
    return cached.stale || cached.revision <= (this.#o.codec.staleUpTo?.() ?? 0)
  }

  #onEvent(event: StoreEvent, revision: number): void {
    const key = event.key.slice(this.#o.prefix.length)
    this.cache.apply(revision, key, event.type === 'delete' ? undefined : this.#decoded(key, event.value!, revision))
  }

  #decoded(key: string, bytes: Uint8Array, revision: number): Cached | undefined {
    return this.#written.get(bytes) ?? this.#decode(key, bytes, revision)
  }

  /** A value that cannot be read is left out and reported: one broken key must not take the resource down. */
  #decode(key: string, bytes: Uint8Array, revision: number): Cached | undefined {
    const { codec, definition, log } = this.#o
    try {
      const stored = codec.decode(definition, bytes, this.#o.prefix + key)
      const as = storedAs(definition, stored)
      const object = withDefaults(as, deepCopy(inStoredVersion(as, stored)))
      const wire = canonicalObject(as, object)
      wire.metadata.resourceVersion = String(revision)
      return new Cached(deepFreeze(wire), key, revision, bytes.length, as !== definition || codec.isStale?.(definition, bytes) === true || !sameStored(wire, stored))
    } catch (error) {
      log.error('stored value cannot be decoded', { resource: definition.resource, key, error })
      return undefined
    }
  }

  #load(item: KeyValue): void {
    const key = item.key.slice(this.#o.prefix.length)
    const cached = this.#decoded(key, item.value, item.modRevision)
    if (cached !== undefined) this.cache.load(cached)
  }

  /** Fills the cache from a store elsewhere and keeps it so; resolves when it is filled. */
  async #follow(signal: AbortSignal): Promise<void> {
    const first = await this.#firstList(signal)
    if (first === undefined) return
    for (const item of first.items) this.#load(item)
    this.cache.restart(first.revision)
    void this.#watch(first.revision, signal)
  }

  /** A store that is not there yet, or has no leader, is waited for. */
  async #firstList(signal: AbortSignal): Promise<ListResult | undefined> {
    const { store, prefix, log, clock, definition } = this.#o
    for (;;) {
      try {
        return await store.list(prefix)
      } catch (error) {
        if (signal.aborted) return undefined
        log.warn('the store could not be listed', { resource: definition.resource, error })
      }
      await clock.sleep(500, signal).catch(() => undefined)
      if (signal.aborted) return undefined
    }
  }

  async #watch(from: number, signal: AbortSignal): Promise<void> {
    const { store, prefix, log, clock, definition } = this.#o
    let revision = from
    while (!signal.aborted) {
      try {
        for await (const batch of store.watch(prefix, revision, signal)) {
          for (const event of batch.events) this.#onEvent(event, batch.revision)
          this.cache.advance(batch.revision)
          revision = batch.revision
        }
      } catch (error) {
        if (signal.aborted) return
        log.warn('watch of the store broke off', { resource: definition.resource, error })
        if (error instanceof CompactedError) {
          revision = await this.#resync(signal) ?? revision
          this.initializations++
        }
      }
      await clock.sleep(1000, signal).catch(() => undefined)
    }
  }

  /** After a gap: whatever differs between the store and the cache is a change now. Undefined when it was ended meanwhile. */
  async #resync(signal: AbortSignal): Promise<number | undefined> {
    const { prefix } = this.#o
    const list = await this.#firstList(signal)
    if (list === undefined) return undefined
    const gone = new Set([...this.cache.values()].map((cached) => cached.key))
    // Watchers see revisions grow.
    for (const item of [...list.items].sort((a, b) => a.modRevision - b.modRevision)) {
      const key = item.key.slice(prefix.length)
      gone.delete(key)
      if (this.cache.get(key)?.revision === item.modRevision) continue
      this.cache.apply(Math.max(item.modRevision, this.cache.revision), key, this.#decode(key, item.value, item.modRevision))
    }
    for (const key of gone) this.cache.apply(list.revision, key, undefined)
    this.cache.advance(list.revision)
    return list.revision
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** The definition by which a stored object is read: objects that others convert stay in the version in which they were stored. */
function storedAs(definition: ResourceDefinition, object: KubeObject): ResourceDefinition {
  const { version } = parseApiVersion(object.apiVersion ?? '')
  const other = definition.converter === undefined ? undefined : definition.versions?.[version]
  return other === undefined ? definition : { ...definition, version, schema: other.schema }
}

/** An object that was stored when the kind had another stored version. */
function inStoredVersion(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const { version } = parseApiVersion(object.apiVersion ?? '')
  if (version === definition.version) return object
  return definition.versions?.[version]?.toStored(object) ?? definition.reads?.[version]?.(object) ?? object
}
