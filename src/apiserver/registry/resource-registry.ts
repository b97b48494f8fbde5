/**
 * Which resources are served, and the store of each. Kinds come and go while the server runs (CRDs); whoever publishes
 * them (discovery, OpenAPI, the handler) reads here and may ask to be told of changes.
 */
import type { Env } from '../../base/env.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { goShape } from '../../api/codec/go-shape.ts'
import { apiVersionOf } from '../../api/meta/object.ts'
import type { Schema } from '../../api/schema/schema.ts'
import type { Entry } from '../handler.ts'
import type { ObjectConverter } from '../resources/converter.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { KVStore } from '../storage/store.ts'
import type { Cached } from './cached.ts'
import type { EncryptionHolder } from '../encryption/configuration.ts'
import { preparedStore } from '../encryption/prepared-store.ts'
import type { StorageCodec } from './codec.ts'
import { encryptingCodec, jsonCodec, protobufCodec } from './codec.ts'
import { measuredStore, publishStorageMetrics } from './metrics.ts'
import { ResourceStorage } from './resource-storage.ts'
import { ResourceStore } from './resource-store.ts'
import type { HistoryLimits } from './history.ts'
import type { WatchCache } from './watch-cache.ts'

/** A resource in one of the versions that it is served in. */
export interface Served {
  readonly group: string
  readonly version: string
  readonly apiVersion: string
  readonly resource: string
  readonly kind: string
  readonly listKind: string
  /** What is asked for by name here; for a view its own definition, not that of what it shows. */
  readonly definition: ResourceDefinition
  readonly schema: Schema
  readonly namespaced: boolean
  /** Undefined for kinds that are not stored (reviews). */
  readonly store: ResourceStore | undefined
  /** Converts a decoded object of this version to the stored one. */
  toStored(object: KubeObject): KubeObject
  fromStored(object: KubeObject): KubeObject
  /** Runs what converts objects, when whoever converts them has been asked: `run` may run more than once and must be pure. */
  settled<T>(run: () => T): Promise<T>
  /** A stored object as this version shows it, converted at most once; `prepare` comes first where there is one. */
  view(cached: Cached): Entry
  /** There for kinds that others convert: has the views of these objects made. Throws a StatusError. */
  prepare?(cached: readonly Cached[]): Promise<void>
}

export interface ResourceRegistryOptions {
  /** Without metrics nothing is counted for them. */
  readonly env: Pick<Env, 'clock' | 'random' | 'log'> & Partial<Pick<Env, 'metrics'>>
  readonly store: KVStore
  /** Default: JSON in this process, upstream's protobuf elsewhere. */
  readonly codec?: StorageCodec
  /** Which values lie encrypted; default: none. */
  readonly encryption?: EncryptionHolder | undefined
  readonly history?: HistoryLimits
  readonly feature?: (name: string) => boolean
  /** Handed to hooks: allocators and the like. */
  readonly services?: Readonly<Record<string, unknown>>
  /** The kinds and caches of a registry over the same state. */
  readonly inherit?: RegistrySnapshot
}

/** What a registry serves at a moment. */
export interface RegistrySnapshot {
  readonly definitions: readonly ResourceDefinition[]
  readonly listFloor: number
  cache(definition: ResourceDefinition): WatchCache | undefined
}

/** How often the store forgets old revisions; exact lists and continue tokens live one to two times as long. */
export const compactionIntervalMs = 5 * 60_000

export class ResourceRegistry {
  readonly #o: ResourceRegistryOptions
  readonly #definitions = new Map<string, ResourceDefinition>()
  readonly #served = new Map<string, Served>()
  readonly #stores = new Map<string, ResourceStore>()
  readonly #prefixes = new Map<string, string>()
  readonly #listeners = new Set<() => void>()
  #allFilled = false
  #listFloor = 0
  #nextFloor = 0

  constructor(o: ResourceRegistryOptions) {
    this.#o = o
    if (o.env.metrics !== undefined) publishStorageMetrics(o.env.metrics, o.store, this)
    if (o.inherit === undefined) return
    this.#listFloor = o.inherit.listFloor
    this.#nextFloor = o.inherit.listFloor
    this.addAll(o.inherit.definitions)
  }

  /** In a time that does not grow with what is stored. */
  snapshot(): RegistrySnapshot {
    const now = () => this.#o.env.clock.now()
    const caches = new Map([...this.#stores.values()].map((store) => [store.definition, store.storage.cache.fork(now)]))
    return { definitions: this.definitions(), listFloor: this.#listFloor, cache: (definition) => caches.get(definition) }
  }

  /** Serves a kind. Adding it again replaces it: its watches end, its objects are read anew. */
  add(definition: ResourceDefinition): void {
    this.#put(definition)
    this.#changed()
  }

  /** Serves many kinds with one notification. */
  addAll(definitions: readonly ResourceDefinition[]): void {
    // Views need the stores that they look into.
    for (const definition of definitions) if (definition.viewOf === undefined) this.#put(definition)
    for (const definition of definitions) if (definition.viewOf !== undefined) this.#put(definition)
    this.#changed()
  }

  /** Stops serving a kind; its stored objects stay. */
  remove(group: string, resource: string): void {
    if (this.#drop(group, resource)) this.#changed()
  }

  get(group: string, version: string, resource: string): Served | undefined {
    return this.#served.get(`${group}/${version}/${resource}`)
  }

  /** The stored kind of a group's resource, whatever the version. */
  store(group: string, resource: string): ResourceStore | undefined {
    return this.#stores.get(`${group}/${resource}`)
  }

  /** Every stored kind with what keeps it. */
  *storages(): Iterable<readonly [ResourceDefinition, ResourceStorage]> {
    for (const { definition, storage } of this.#stores.values()) yield [definition, storage]
  }

  /** Whether anything is served in this group and version. */
  hasVersion(group: string, version: string): boolean {
    for (const served of this.#served.values()) if (served.group === group && served.version === version) return true
    return false
  }

  /** Whether anything of the group is served. */
  hasGroup(group: string): boolean {
    for (const served of this.#served.values()) if (served.group === group) return true
    return false
  }

  /** Whether any served resource has this kind. */
  hasKind(group: string, version: string, kind: string): boolean {
    for (const served of this.#served.values()) {
      if (served.kind === kind && served.group === group && served.version === version) return true
    }
    return false
  }

  /** Every kind, in the order in which it was added. */
  definitions(): readonly ResourceDefinition[] {
    return [...this.#definitions.values()]
  }

  /** Calls back after each change of what is served; answers how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Resolves when the kind's cache may be read; for a write, which admission decides by looking at other kinds, when all
   * may that the server began with. Throws 429 after three seconds.
   */
  filled(store: ResourceStore | undefined, forWrite: boolean, signal: AbortSignal): Promise<void> | undefined {
    if (forWrite && !this.#allFilled) return this.#fillAll(signal)
    return store === undefined || store.storage.filled ? undefined : store.storage.whenFilled(signal)
  }

  async #fillAll(signal: AbortSignal): Promise<void> {
    for (const { storage } of this.#stores.values()) await storage.whenFilled(signal)
    this.#allFilled = true
  }

  /** Resolves when every cache is filled. */
  async ready(): Promise<void> {
    await Promise.all([...this.#stores.values()].map((store) => store.storage.ready))
  }

  /** The last revision up to that time, in ms since the epoch. */
  revisionAt(time: number): number {
    let revision = 0
    for (const store of this.#stores.values()) revision = Math.max(revision, store.storage.cache.revisionAt(time))
    return revision
  }

  /** Lists at revisions before this one are answered with 410. */
  get listFloor(): number {
    return this.#listFloor
  }

  /** Forgets the revisions that were old already the last time. To be called every `compactionIntervalMs`. */
  async compact(): Promise<void> {
    const floor = this.#nextFloor
    this.#nextFloor = await this.#o.store.revision()
    const { store, env } = this.#o
    try {
      if (store.compactInTurn !== undefined) this.#forgetPast(await store.compactInTurn(floor))
      else if (floor > this.#listFloor) {
        this.#forgetPast(floor)
        await store.compact(floor)
      }
    } catch (error) {
      env.log.error('compaction failed', { revision: floor, error })
    }
  }

  #forgetPast(floor: number): void {
    if (floor <= this.#listFloor) return
    this.#listFloor = floor
    for (const { storage } of this.#stores.values()) storage.cache.forgetPast(floor)
  }

  close(): void {
    for (const store of this.#stores.values()) store.storage.close()
  }

  #put(definition: ResourceDefinition): void {
    this.#drop(definition.group, definition.resource)
    const id = `${definition.group}/${definition.resource}`
    this.#definitions.set(id, definition)
    const store = this.#storeFor(definition)
    for (const served of servedVersions(definition, store)) {
      this.#served.set(`${served.group}/${served.version}/${served.resource}`, served)
    }
  }

  #storeFor(definition: ResourceDefinition): ResourceStore | undefined {
    const { viewOf } = definition
    if (viewOf !== undefined) {
      const store = this.#stores.get(`${viewOf.group}/${viewOf.resource}`)
      if (store === undefined) throw new Error(`${definition.resource}.${definition.group} shows a kind that is not served`)
      return store
    }
    if (definition.virtual === true) return undefined
    const { env, store: kv, codec: plain = defaultCodec(kv), encryption, history, feature = () => false, services = {} } = this.#o
    const codec = encryption === undefined ? plain : encryptingCodec(plain, encryption)
    const prepared = encryption === undefined ? kv : preparedStore(kv, (values) => encryption.prepare(values))
    const storage = new ResourceStorage({
      store: env.metrics === undefined ? prepared : measuredStore(prepared, env.metrics, env.clock, definition), codec, clock: env.clock, log: env.log, definition, history, inherit: this.#o.inherit?.cache(definition),
      prefix: `/registry/${this.#prefixFor(definition)}/`,
    })
    const store = new ResourceStore({ definition, storage, clock: env.clock, random: env.random, feature, services })
    this.#stores.set(`${definition.group}/${definition.resource}`, store)
    return store
  }

  /** Upstream's key prefix; two groups with one resource name are kept apart. */
  #prefixFor(definition: ResourceDefinition): string {
    const id = `${definition.group}/${definition.resource}`
    const wanted = definition.storagePrefix ?? definition.resource
    const owner = this.#prefixes.get(wanted)
    if (owner !== undefined && owner !== id) return id
    this.#prefixes.set(wanted, id)
    return wanted
  }

  #drop(group: string, resource: string): boolean {
    const id = `${group}/${resource}`
    const definition = this.#definitions.get(id)
    if (definition === undefined) return false
    this.#definitions.delete(id)
    this.#stores.get(id)?.storage.close()
    this.#stores.delete(id)
    for (const [key, served] of this.#served) if (served.definition === definition) this.#served.delete(key)
    return true
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

const defaultCodec = (store: KVStore): StorageCodec => (store.local === undefined ? protobufCodec : jsonCodec)

const same = (object: KubeObject): KubeObject => object

function* servedVersions(definition: ResourceDefinition, store: ResourceStore | undefined): Iterable<Served> {
  const { viewOf, servedVersions: wanted, converter } = definition
  const isServed = (version: string) => wanted === undefined || wanted.includes(version)
  if (converter !== undefined) {
    for (const [version, holder] of [[definition.version, definition], ...Object.entries(definition.versions ?? {})] as const) {
      if (isServed(version)) yield convertedElsewhere(definition, store, version, holder, converter)
    }
    return
  }
  if (isServed(definition.version)) {
    yield viewOf === undefined
      ? served(definition, store, definition.version, definition, same, same)
      : served(definition, store, definition.version, definition,
        (object) => viewOf.toStored(object), (object) => viewOf.fromStored(object))
  }
  for (const [version, conversion] of Object.entries(definition.versions ?? {})) {
    if (!isServed(version)) continue
    yield served(definition, store, version, conversion,
      (object) => conversion.toStored(object), (object) => conversion.fromStored(object))
  }
}

function served(
  definition: ResourceDefinition, store: ResourceStore | undefined, version: string, holder: { readonly schema: Schema },
  toStored: (object: KubeObject) => KubeObject, fromStored: (object: KubeObject) => KubeObject,
): Served {
  const { group, resource, kind } = definition
  const apiVersion = apiVersionOf({ group, version })
  return {
    group, version, apiVersion, resource, kind, listKind: definition.listKind ?? `${kind}List`, definition, store,
    // Schemas of built-in kinds are expanded when they are first needed.
    get schema() {
      return holder.schema
    },
    namespaced: definition.scope === 'Namespaced', toStored, fromStored, settled: async (run) => run(),
    view: fromStored === same ? (cached) => cached : (cached) => cached.view(apiVersion, (o) => goShape({ ...fromStored(o), kind, apiVersion })),
  }
}

/** A version of a kind whose objects somebody else converts. */
function convertedElsewhere(
  definition: ResourceDefinition, store: ResourceStore | undefined, version: string, holder: { readonly schema: Schema }, converter: ObjectConverter,
): Served {
  const { group } = definition
  const apiVersion = apiVersionOf({ group, version })
  const stored = apiVersionOf(definition)
  return {
    ...served(definition, store, version, holder, same, same),
    toStored: (object) => converter.convert(object, stored), fromStored: (object) => converter.convert(object, apiVersion),
    settled: (run) => converter.settled(run),
    view: (cached) => (cached.object.apiVersion === apiVersion ? cached : cached.view(apiVersion, (object) => converter.convert(object, apiVersion))),
    async prepare(all) {
      const missing = all.filter((cached) => !cached.hasView(apiVersion))
      const converted = await converter.convertAll(missing.map(({ object }) => object), apiVersion)
      missing.forEach((cached, i) => cached.view(apiVersion, () => converted[i]!))
    },
  }
}
