/**
 * Shared informers (upstream: client-go/tools/cache/shared_informer.go): one reflector and one cache a resource, any
 * number of handlers. Handlers run synchronously, in order, after the cache has changed.
 */
import type { Env } from '../base/env.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Client, ObjectKey } from './client.ts'
import { type Index, keyOf, type Lister, ObjectCache } from './lister.ts'
import { runReflector } from './reflector.ts'

export interface InformerHandler<T> {
  /** `initial`: the object was there before the informer had its first full state. */
  add?(object: T, initial: boolean): void
  update?(object: T, old: T): void
  /** The last state known: objects that vanished while no watch ran are the cache's. */
  delete?(object: T): void
}

export interface Informer<T> extends Lister<T> {
  readonly resource: Resource<T>
  /** Past objects are replayed as adds. Answers how to stop being called. */
  addHandler(handler: InformerHandler<T>): () => void
  readonly hasSynced: boolean
  /** Resolves when the cache holds its first full state. */
  readonly synced: Promise<void>
  /** How far the cache has come; '' before the first state. */
  readonly resourceVersion: string
  /** Calls back, once, as soon as the condition on the cache holds; at once when it does. */
  when(condition: () => boolean, callback: () => void): void
}

export interface InformerOptions {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly watchList?: boolean
  /** Cuts off what nobody reads before an object is kept. */
  readonly transform?: (object: KubeObject) => KubeObject
}

/**
 * For informers over the wire: without the fields' managers, which are often half of an object and nobody reads (as
 * upstream's controllers and scheduler do). What is in this process already is shared as it is.
 */
export function trimmed(client: Client): InformerOptions {
  return client.local === true ? {} : { transform: withoutManagers }
}

function withoutManagers(object: KubeObject): KubeObject {
  const { metadata } = object as { metadata: { managedFields?: unknown } }
  // Not deleted: the object would become a slow one.
  if (metadata.managedFields !== undefined) metadata.managedFields = undefined
  return object
}

/** An informer that is started by hand. Most code asks an InformerFactory. */
export class SharedInformer<T extends KubeObject> implements Informer<T> {
  readonly resource: Resource<T>
  readonly synced: Promise<void>
  readonly #cache = new ObjectCache<T>()
  readonly #handlers = new Set<InformerHandler<T>>()
  readonly #env: Env
  readonly #options: InformerOptions
  #waiting: { condition: () => boolean; callback: () => void }[] = []
  #resolveSynced!: () => void
  #hasSynced = false
  #version = ''

  constructor(env: Env, resource: Resource<T>, options: InformerOptions = {}) {
    this.#env = env
    this.#options = options
    this.resource = resource
    this.synced = new Promise((resolve) => (this.#resolveSynced = resolve))
  }

  get hasSynced(): boolean {
    return this.#hasSynced
  }
  get resourceVersion(): string {
    return this.#version
  }
  get size(): number {
    return this.#cache.size
  }
  get(key: string | ObjectKey): T | undefined {
    return this.#cache.get(key)
  }
  list(namespace?: string): T[] {
    return this.#cache.list(namespace)
  }
  by(index: Index<T>, value: string): T[] {
    return this.#cache.by(index, value)
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#cache.list()) this.#call(() => handler.add?.(object, true))
    return () => void this.#handlers.delete(handler)
  }

  when(condition: () => boolean, callback: () => void): void {
    if (condition()) callback()
    else this.#waiting.push({ condition, callback })
  }

  /** Lists and watches until the signal is aborted. */
  run(client: Client, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#env
    const { namespace, labelSelector, fieldSelector, watchList, transform } = this.#options
    const keep = (object: T): T => (transform === undefined ? object : (transform(object) as T))
    return runReflector({
      client, resource: this.resource, clock, random, log, namespace, labelSelector, fieldSelector, watchList,
      sink: {
        replace: (objects, version) => this.#replace(objects.map(keep), version),
        upsert: (object, version) => {
          this.#upsert(keep(object), !this.#hasSynced)
          this.#advance(version)
        },
        remove: (object, version) => {
          this.#remove(keyOf(object), keep(object))
          this.#advance(version)
        },
        bookmark: (version) => this.#advance(version),
      },
    }, signal)
  }

  #replace(objects: readonly T[], version: string): void {
    const initial = !this.#hasSynced
    const kept = new Set(objects.map(keyOf))
    for (const key of this.#cache.keys()) if (!kept.has(key)) this.#remove(key, undefined)
    for (const object of objects) this.#upsert(object, initial)
    if (initial) {
      this.#hasSynced = true
      this.#resolveSynced()
    }
    this.#advance(version)
  }

  #upsert(object: T, initial: boolean): void {
    const key = keyOf(object)
    const known = this.#cache.get(key)
    if (known !== undefined && known.metadata.resourceVersion === object.metadata.resourceVersion) return
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) {
      // Deleted and made again while no watch ran: handlers see both.
      this.#remove(key, undefined)
    }
    const old = this.#cache.set(key, object)
    for (const handler of this.#handlers) {
      this.#tell(object, () => (old === undefined ? handler.add?.(object, initial) : handler.update?.(object, old)))
    }
  }

  #remove(key: string, last: T | undefined): void {
    const old = this.#cache.delete(key)
    if (old === undefined) return
    const object = last ?? old
    for (const handler of this.#handlers) this.#tell(object, () => handler.delete?.(object))
  }

  #advance(version: string): void {
    if (version === '') return
    this.#version = version
    if (this.#waiting.length === 0) return
    const ready = this.#waiting.filter((waiter) => waiter.condition())
    if (ready.length === 0) return
    this.#waiting = this.#waiting.filter((waiter) => !ready.includes(waiter))
    for (const { callback } of ready) this.#call(callback)
  }

  /** What a handler does, it does because of this revision. */
  #tell(object: T, run: () => void): void {
    const { trace } = this.#env
    if (trace === undefined) return this.#call(run)
    trace.run({ type: 'event', revision: Number(object.metadata.resourceVersion) }, () => this.#call(run))
  }

  /** A handler that throws must not keep others from hearing. */
  #call(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#env.log.error('informer handler failed', { resource: this.resource.resource, error })
    }
  }
}

/** What controllers see of the cluster: one informer a resource, shared by all who ask. */
export interface Informers {
  of<T>(resource: Resource<T>): Informer<T>
  /** The informer if somebody has asked for it, else undefined; starts nothing. */
  existing<T>(resource: Resource<T>): Informer<T> | undefined
  /** Resolves when every informer asked for so far holds its first full state. */
  synced(): Promise<void>
}

export class InformerFactory implements Informers {
  readonly #env: Env
  readonly #client: Client
  readonly #options: (resource: Resource<unknown>) => InformerOptions
  readonly #informers = new Map<string, SharedInformer<KubeObject>>()
  readonly #stops: (() => Promise<void>)[] = []

  /** `options` may narrow or trim single resources. */
  constructor(env: Env, client: Client, options: (resource: Resource<unknown>) => InformerOptions = () => ({})) {
    this.#env = env
    this.#client = client
    this.#options = options
  }

  /** The informer of the resource; its reflector starts with the first who asks. */
  of<T>(resource: Resource<T>): Informer<T> {
    const key = `${resource.group}/${resource.version}/${resource.resource}`
    const found = this.#informers.get(key)
    if (found !== undefined) return found as unknown as Informer<T>
    const informer = new SharedInformer(this.#env, resource as Resource<KubeObject>, this.#options(resource))
    this.#informers.set(key, informer)
    const task = this.#env.tasks.go(`informer ${key}`, (signal) => informer.run(this.#client, signal))
    this.#stops.push(() => task.stop())
    return informer as unknown as Informer<T>
  }

  existing<T>(resource: Resource<T>): Informer<T> | undefined {
    const key = `${resource.group}/${resource.version}/${resource.resource}`
    return this.#informers.get(key) as unknown as Informer<T> | undefined
  }

  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map((stop) => stop()))
  }
}
