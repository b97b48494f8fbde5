/** An indexed cache of one resource's objects. Synchronous: what it answers between two awaits is one consistent cut. */
import type { KubeObject } from '../api/meta/object.ts'
import type { ObjectKey } from './client.ts'

/** "namespace/name", or "name" for cluster-scoped objects. */
export function keyOf(object: { metadata: { namespace?: string; name?: string } }): string {
  const { namespace, name = '' } = object.metadata
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

/** The parts of a key that `keyOf` made. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** A way to find objects by something other than their key. Indexes are values: two that differ are two indexes. */
export interface Index<T> {
  readonly name: string
  readonly values: (object: T) => Iterable<string>
}

export function defineIndex<T>(name: string, values: (object: T) => Iterable<string>): Index<T> {
  return { name, values }
}

/** By the uid of the controlling owner. */
export const byController: Index<KubeObject> = defineIndex('controller', (object) => {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true)
  return owner === undefined ? [] : [owner.uid]
})

/** By namespace. */
export const byNamespace: Index<KubeObject> = defineIndex('namespace', (object) => [object.metadata.namespace ?? ''])

export interface Lister<T> {
  get(key: string | ObjectKey): T | undefined
  /** All, or those of one namespace. */
  list(namespace?: string): T[]
  /** Those with the value in the index. The index is built on first use and kept up to date from then on. */
  by(index: Index<T>, value: string): T[]
  readonly size: number
}

/** The cache behind an informer. */
export class ObjectCache<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<Index<T>, Map<string, Map<string, T>>>()

  get size(): number {
    return this.#objects.size
  }

  get(key: string | ObjectKey): T | undefined {
    if (typeof key === 'string') return this.#objects.get(key)
    const { namespace, name } = key
    return this.#objects.get(namespace === undefined || namespace === '' ? name : `${namespace}/${name}`)
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.by(byNamespace as Index<T>, namespace)
  }

  by(index: Index<T>, value: string): T[] {
    let buckets = this.#indexes.get(index)
    if (buckets === undefined) {
      buckets = new Map()
      this.#indexes.set(index, buckets)
      for (const [key, object] of this.#objects) insert(buckets, index, key, object)
    }
    const bucket = buckets.get(value)
    return bucket === undefined ? [] : [...bucket.values()]
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  /** Puts the object in; answers what it replaced. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const [index, buckets] of this.#indexes) {
      if (old !== undefined) remove(buckets, index, key, old)
      insert(buckets, index, key, object)
    }
    return old
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#objects.delete(key)
    for (const [index, buckets] of this.#indexes) remove(buckets, index, key, old)
    return old
  }
}

function insert<T>(buckets: Map<string, Map<string, T>>, index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const bucket = buckets.get(value)
    if (bucket === undefined) buckets.set(value, new Map([[key, object]]))
    else bucket.set(key, object)
  }
}

function remove<T>(buckets: Map<string, Map<string, T>>, index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const bucket = buckets.get(value)
    bucket?.delete(key)
    if (bucket?.size === 0) buckets.delete(value)
  }
}
