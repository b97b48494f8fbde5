/**
 * Which objects of a collection have which value of a label: a list by label need not look at all of them. An index is made
 * when a label is asked for again, and forgotten when others are asked for; each costs every change a little.
 */
import type { Cached } from './cached.ts'

/** A label that a selector wants to have one of a few values. */
export interface LabelValues {
  readonly label: string
  readonly values: readonly string[]
}

const mostIndexes = 4
/** Smaller collections are looked through as fast. */
const fewObjects = 200

type Index = Map<string, Map<string, Cached>>

const valueOf = (cached: Cached | undefined, label: string): string | undefined => {
  const labels = cached?.object.metadata.labels
  return labels !== undefined && Object.hasOwn(labels, label) ? labels[label] : undefined
}

export class LabelIndexes {
  /** By label, the one last asked for at the end. */
  readonly #indexes = new Map<string, Index>()
  /** Labels that were asked for once. */
  readonly #asked = new Set<string>()

  /** Objects of the collection with such a label, in no order; undefined when all have to be looked at. */
  find({ label, values }: LabelValues, size: number, all: () => Iterable<Cached>): Cached[] | undefined {
    if (size < fewObjects) return undefined
    let index = this.#indexes.get(label)
    if (index === undefined) {
      if (!this.#asked.has(label)) {
        if (this.#asked.size >= mostIndexes * 4) this.#asked.clear()
        this.#asked.add(label)
        return undefined
      }
      index = new Map()
      for (const cached of all()) put(index, valueOf(cached, label), cached)
      if (this.#indexes.size >= mostIndexes) this.#indexes.delete(this.#indexes.keys().next().value!)
    } else this.#indexes.delete(label)
    this.#indexes.set(label, index)
    return [...new Set(values)].flatMap((value) => [...index.get(value)?.values() ?? []])
  }

  /** A change of the collection. */
  apply(previous: Cached | undefined, current: Cached | undefined): void {
    for (const [label, index] of this.#indexes) {
      const [was, is] = [valueOf(previous, label), valueOf(current, label)]
      if (was !== undefined && was !== is) {
        const same = index.get(was)
        same?.delete(previous!.key)
        if (same?.size === 0) index.delete(was)
      }
      if (current !== undefined) put(index, is, current)
    }
  }

  clear(): void {
    this.#indexes.clear()
  }
}

function put(index: Index, value: string | undefined, cached: Cached): void {
  if (value === undefined) return
  const same = index.get(value)
  if (same === undefined) index.set(value, new Map([[cached.key, cached]]))
  else same.set(cached.key, cached)
}
