/**
 * A stored object as everyone shares it: frozen, with encodings that are made at most once, also in the other versions
 * that are served.
 */
import type { KubeObject } from '../../api/meta/object.ts'
import type { Encodings } from '../encodings.ts'
import type { Entry } from '../handler.ts'

export class Cached implements Entry {
  readonly object: KubeObject
  encodings: Encodings = {}
  /** Relative to the resource's prefix: "namespace/name", or "name". */
  readonly key: string
  readonly revision: number
  /** Size of the stored value. */
  readonly bytes: number
  /** What is stored is older than this: it lacks defaults, or is of another version. The next write stores it. */
  readonly stale: boolean
  #views: Map<string, Entry> | undefined

  constructor(object: KubeObject, key: string, revision: number, bytes: number, stale = false) {
    this.object = object
    this.key = key
    this.revision = revision
    this.bytes = bytes
    this.stale = stale
  }

  /** The object in another served version, converted once. `convert` must not change its argument. */
  view(apiVersion: string, convert: (object: KubeObject) => KubeObject): Entry {
    const known = this.#views?.get(apiVersion)
    if (known !== undefined) return known
    const entry: Entry = { object: deepFreeze(convert(this.object)), encodings: {} }
    this.#views ??= new Map()
    this.#views.set(apiVersion, entry)
    return entry
  }

  /** Lets go of what can be made again. */
  forgetEncodings(): void {
    this.encodings = {}
    this.#views = undefined
  }

  /** Whether the object is known in that version. */
  hasView(apiVersion: string): boolean {
    return this.object.apiVersion === apiVersion || this.#views?.has(apiVersion) === true
  }
}

/** Freezes a JSON-shaped value with all that is in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) deepFreeze(item)
  else for (const key in value) deepFreeze(value[key])
  return value
}

/** A deep copy of a JSON-shaped value, for the one place of a request that is to change a stored object. */
export function deepCopy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(deepCopy) as T
  const out: Record<string, unknown> = {}
  for (const key in value) out[key] = deepCopy(value[key])
  return out as T
}

/** The same object with another resourceVersion; shares everything but the metadata. */
export function withResourceVersion(object: KubeObject, resourceVersion: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}
