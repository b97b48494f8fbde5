/** What the server serves right now: the built-in kinds that are switched on and the custom ones. */
import type { ResourceDefinition } from '../resources/define.ts'

export interface ServedKind {
  readonly definition: ResourceDefinition
  /** The served version that was asked for; the definition's own or one of `definition.versions`. */
  readonly version: string
  /** Made from a CustomResourceDefinition. */
  readonly custom: boolean
}

/** Finds kinds by what a request names. Readers hold on to nothing: the set changes with every CRD. */
export interface Catalog {
  find(group: string, version: string, resource: string): ServedKind | undefined
  /** In the order in which discovery shows them. */
  list(): readonly ServedKind[]
  /** Grows with every change, for caches of documents made from the list. */
  readonly generation: number
}

const key = (group: string, version: string, resource: string): string => `${group}/${version}/${resource}`

/** A catalog whose owner puts kinds in and takes them out by resource. */
export class MutableCatalog implements Catalog {
  readonly #kinds = new Map<string, ServedKind>()
  #generation = 0

  get generation(): number {
    return this.#generation
  }

  find(group: string, version: string, resource: string): ServedKind | undefined {
    return this.#kinds.get(key(group, version, resource))
  }

  list(): readonly ServedKind[] {
    return [...this.#kinds.values()]
  }

  /** Serves the definition in those versions; replaces what was served under its name. */
  put(definition: ResourceDefinition, versions: readonly string[], custom: boolean): void {
    this.#drop(definition.group, definition.resource)
    for (const version of versions) {
      this.#kinds.set(key(definition.group, version, definition.resource), { definition, version, custom })
    }
    this.#generation++
  }

  remove(group: string, resource: string): void {
    if (this.#drop(group, resource)) this.#generation++
  }

  #drop(group: string, resource: string): boolean {
    let found = false
    for (const [name, kind] of this.#kinds) {
      if (kind.definition.group !== group || kind.definition.resource !== resource) continue
      this.#kinds.delete(name)
      found = true
    }
    return found
  }
}
