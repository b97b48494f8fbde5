/**
 * Changes in the order of their revisions: pushed at the end, dropped from the front, found by revision, and forked in
 * constant time: a fork shares what was there and goes its own way from then on.
 */
interface Segment<T> {
  /** Grows with its first owner; what is behind `to` belongs to that one alone. */
  readonly items: readonly T[]
  readonly from: number
  readonly to: number
}

export class ChangeLog<T extends { readonly revision: number }> {
  #inherited: readonly Segment<T>[] = []
  #inheritedLength = 0
  #own: T[] = []

  get length(): number {
    return this.#inheritedLength + this.#own.length
  }

  get last(): T | undefined {
    return this.#own.at(-1) ?? (this.#inheritedLength > 0 ? this.at(this.#inheritedLength - 1) : undefined)
  }

  push(change: T): void {
    this.#own.push(change)
  }

  at(index: number): T {
    if (index >= this.#inheritedLength) return this.#own[index - this.#inheritedLength]!
    let rest = index
    for (const { items, from, to } of this.#inherited) {
      if (rest < to - from) return items[from + rest]!
      rest -= to - from
    }
    throw new Error(`no change ${index}`)
  }

  /** Index of the first change behind the revision. */
  after(revision: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.at(middle).revision > revision) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Forgets the first `count` changes. */
  drop(count: number): void {
    let rest = count
    const kept: Segment<T>[] = []
    for (const { items, from, to } of this.#inherited) {
      const gone = Math.min(rest, to - from)
      rest -= gone
      if (from + gone < to) kept.push({ items, from: from + gone, to })
    }
    this.#inherited = kept
    this.#inheritedLength = kept.reduce((sum, { from, to }) => sum + to - from, 0)
    if (rest > 0) this.#own = this.#own.slice(rest)
  }

  fork(): ChangeLog<T> {
    const fork = new ChangeLog<T>()
    fork.#inherited = this.#own.length === 0 ? this.#inherited : [...this.#inherited, { items: this.#own, from: 0, to: this.#own.length }]
    fork.#inheritedLength = this.length
    return fork
  }
}
