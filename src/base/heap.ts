/** A binary heap with keys: push, pop, and update or delete of any item by its key, each in O(log n). */
export class KeyedHeap<T> {
  readonly #items: T[] = []
  readonly #index = new Map<string, number>()
  readonly #keyOf: (item: T) => string
  readonly #less: (a: T, b: T) => boolean

  constructor(keyOf: (item: T) => string, less: (a: T, b: T) => boolean) {
    this.#keyOf = keyOf
    this.#less = less
  }

  get size(): number {
    return this.#items.length
  }

  get(key: string): T | undefined {
    const at = this.#index.get(key)
    return at === undefined ? undefined : this.#items[at]
  }

  has(key: string): boolean {
    return this.#index.has(key)
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  /** Adds the item, or replaces the one with the same key. */
  push(item: T): void {
    const key = this.#keyOf(item)
    const at = this.#index.get(key)
    if (at === undefined) {
      this.#items.push(item)
      this.#index.set(key, this.#items.length - 1)
      this.#up(this.#items.length - 1)
    } else {
      this.#items[at] = item
      this.#up(at)
      this.#down(this.#index.get(key)!)
    }
  }

  pop(): T | undefined {
    const top = this.#items[0]
    if (top !== undefined) this.delete(this.#keyOf(top))
    return top
  }

  delete(key: string): T | undefined {
    const at = this.#index.get(key)
    if (at === undefined) return undefined
    const item = this.#items[at]!
    const last = this.#items.pop()!
    this.#index.delete(key)
    if (at < this.#items.length) {
      this.#items[at] = last
      this.#index.set(this.#keyOf(last), at)
      this.#up(at)
      this.#down(this.#index.get(this.#keyOf(last))!)
    }
    return item
  }

  /** All items in heap order, which is no order but the first. */
  values(): readonly T[] {
    return this.#items
  }

  #up(from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#less(this.#items[at]!, this.#items[parent]!)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #down(from: number): void {
    let at = from
    for (;;) {
      const left = 2 * at + 1
      if (left >= this.#items.length) return
      const right = left + 1
      const child = right < this.#items.length && this.#less(this.#items[right]!, this.#items[left]!) ? right : left
      if (!this.#less(this.#items[child]!, this.#items[at]!)) return
      this.#swap(at, child)
      at = child
    }
  }

  #swap(a: number, b: number): void {
    const itemA = this.#items[a]!
    const itemB = this.#items[b]!
    this.#items[a] = itemB
    this.#items[b] = itemA
    this.#index.set(this.#keyOf(itemB), a)
    this.#index.set(this.#keyOf(itemA), b)
  }
}
