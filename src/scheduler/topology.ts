/** Columns over nodes: numbers by slot, values of node labels as small integers, and sums by those values that are kept up to date. */
import type { NodeInfo } from './snapshot.ts'

/** A column that grows with the number of slots. */
class SlotColumn {
  values: Int32Array
  constructor(size: number) {
    this.values = new Int32Array(size)
  }
  at(slot: number): number {
    return slot < this.values.length ? this.values[slot]! : 0
  }
  protected grow(slot: number): void {
    const larger = new Int32Array(Math.max(slot + 1, this.values.length * 2))
    larger.set(this.values)
    this.values = larger
  }
}

/** A value of every node as a small number, 0 where it has none. */
export class Column extends SlotColumn {
  /** How many nodes have each value. */
  nodes = new Int32Array(8)
  /** Nodes that exist and have no value. */
  missing = 0
  lastUse = 0
  /** Sums over it, to be changed with the node's value. */
  readonly sums = new Set<Sums>()
  readonly #valueOf: (node: NodeInfo) => number
  /** Slots whose node exists. */
  #known: Uint8Array = new Uint8Array(0)

  constructor(size: number, valueOf: (node: NodeInfo) => number) {
    super(size)
    this.#valueOf = valueOf
  }

  /** To be called when the node came, went or changed. */
  update(node: NodeInfo): void {
    const { slot } = node
    if (slot >= this.values.length) this.grow(slot)
    if (slot >= this.#known.length) {
      const larger = new Uint8Array(this.values.length)
      larger.set(this.#known)
      this.#known = larger
    }
    const exists = node.node !== undefined
    const old = this.values[slot]!
    const value = exists ? this.#valueOf(node) : 0
    if (this.#known[slot] === 1 && old === 0) this.missing--
    if (exists && value === 0) this.missing++
    this.#known[slot] = exists ? 1 : 0
    if (value === old) return
    if (value >= this.nodes.length) this.nodes = enlarged(this.nodes, value)
    if (old !== 0) this.nodes[old]!--
    if (value !== 0) this.nodes[value]!++
    this.values[slot] = value
    for (const sums of this.sums) sums.moved(slot, old, value)
  }
}

/** One label of all nodes. */
export class TopologyColumn extends Column {
  readonly key: string
  readonly #numbers: Map<string, number>
  constructor(key: string, size: number) {
    const numbers = new Map<string, number>()
    super(size, ({ labels }) => {
      const value = labels[key]
      if (value === undefined) return 0
      let number = numbers.get(value)
      if (number === undefined) numbers.set(value, (number = numbers.size + 1))
      return number
    })
    this.key = key
    this.#numbers = numbers
  }
  /** One more than the highest number in use. */
  get size(): number {
    return this.#numbers.size + 1
  }
}

/** Amounts by node, and sums of them by the values of columns. */
export class CountColumn extends SlotColumn {
  readonly #sums = new Map<Column, Sums>()

  add(slot: number, by: number): void {
    if (slot >= this.values.length) this.grow(slot)
    this.values[slot]! += by
    for (const sums of this.#sums.values()) sums.add(slot, by)
  }

  /** The sum over the nodes of each value; made on first use, then kept. */
  by(column: Column): Sums {
    let sums = this.#sums.get(column)
    if (sums === undefined) {
      this.#sums.set(column, (sums = new Sums(this, column)))
      column.sums.add(sums)
    }
    return sums
  }

  /** Its sums need not be kept any more. */
  drop(): void {
    for (const [column, sums] of this.#sums) column.sums.delete(sums)
    this.#sums.clear()
  }

  forget(column: Column): void {
    this.#sums.delete(column)
  }
}

/** By value of a column. Look, do not change; it changes with the cluster. */
export class Sums {
  values: Int32Array
  /** Over all nodes with a value. */
  total = 0
  readonly counts: CountColumn
  readonly #column: Column

  constructor(counts: CountColumn, column: Column) {
    this.counts = counts
    this.#column = column
    this.values = new Int32Array(column.nodes.length)
    for (let slot = 0; slot < counts.values.length; slot++) if (counts.values[slot] !== 0) this.add(slot, counts.values[slot]!)
  }

  at(value: number): number {
    return value < this.values.length ? this.values[value]! : 0
  }

  add(slot: number, by: number): void {
    const value = this.#column.at(slot)
    if (value !== 0) this.#change(value, by)
  }

  moved(slot: number, from: number, to: number): void {
    const count = this.counts.at(slot)
    if (count === 0) return
    if (from !== 0) this.#change(from, -count)
    if (to !== 0) this.#change(to, count)
  }

  #change(value: number, by: number): void {
    if (value >= this.values.length) this.values = enlarged(this.values, value)
    this.values[value]! += by
    this.total += by
  }
}

function enlarged(array: Int32Array, index: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(index + 1, array.length * 2))
  larger.set(array)
  return larger
}
