import type { KubeObject } from '../../api/meta/object.ts'
import { type Index, type Lister, keyOf } from '../../client/lister.ts'

/**
 * Objects as they will be once our writes are done, over what is known of them (upstream: assume caches). An assumption
 * holds for the very version that it was made of: any news of the object ends it.
 */
export class Assumptions<T extends KubeObject> {
  readonly #lister: Lister<T>
  readonly #assumed = new Map<string, T>()

  constructor(lister: Lister<T>) {
    this.#lister = lister
  }

  /** As assumed, if it is. */
  get(key: string): T | undefined {
    const stored = this.#lister.get(key)
    return stored === undefined ? undefined : this.#over(stored, key)
  }

  /** Without assumptions. */
  stored(key: string): T | undefined {
    return this.#lister.get(key)
  }

  by(index: Index<T>, value: string): readonly T[] {
    const found = this.#lister.by(index, value)
    return this.#assumed.size === 0 ? found : found.map((object) => this.#over(object, keyOf(object)))
  }

  /** `object` is a changed copy of what the lister has, with its resourceVersion. Throws when that is out of date. */
  assume(object: T): void {
    const key = keyOf(object)
    const stored = this.#lister.get(key)
    if (stored === undefined) throw new Error(`could not find ${object.kind ?? 'object'} "${key}"`)
    if (stored.metadata.resourceVersion !== object.metadata.resourceVersion) {
      throw new Error(`"${key}" is out of sync (stored: ${stored.metadata.resourceVersion}, assume: ${object.metadata.resourceVersion})`)
    }
    this.#assumed.set(key, object)
  }

  restore(object: T): void {
    this.#assumed.delete(keyOf(object))
  }

  #over(stored: T, key: string): T {
    const assumed = this.#assumed.get(key)
    if (assumed === undefined) return stored
    if (assumed.metadata.resourceVersion === stored.metadata.resourceVersion) return assumed
    this.#assumed.delete(key)
    return stored
  }
}
