/**
 * Counts of pods per node that are kept up to date instead of recomputed: how many pods of each node match a question,
 * which affinity terms pods there carry, and the values of topology labels as small integers. Nodes are slots, so that
 * a question over all nodes is a tight loop over typed arrays.
 */
import type { AffinityTerm, NodeInfo, PodInfo } from './snapshot.ts'

/** A column that grows with the number of slots. */
class SlotColumn {
  values: Int32Array
  constructor(size: number) {
    this.values = new Int32Array(size)
  }
  add(slot: number, by: number): void {
    if (slot >= this.values.length) this.#grow(slot)
    this.values[slot]! += by
  }
  set(slot: number, value: number): void {
    if (slot >= this.values.length) this.#grow(slot)
    this.values[slot] = value
  }
  #grow(slot: number): void {
    const larger = new Int32Array(Math.max(slot + 1, this.values.length * 2))
    larger.set(this.values)
    this.values = larger
  }
}

/** One label of all nodes: per slot the number of its value, 0 where the node has none. */
export class TopologyColumn extends SlotColumn {
  readonly key: string
  readonly #numbers = new Map<string, number>()
  constructor(key: string, size: number) {
    super(size)
    this.key = key
  }
  /** One more than the highest number in use. */
  get size(): number {
    return this.#numbers.size + 1
  }
  numberOf(value: string): number {
    let number = this.#numbers.get(value)
    if (number === undefined) this.#numbers.set(value, (number = this.#numbers.size + 1))
    return number
  }
}

/** How many pods on each node a predicate matches. */
export class PodCounter extends SlotColumn {
  readonly matches: (pod: PodInfo) => boolean
  lastUse = 0
  constructor(size: number, matches: (pod: PodInfo) => boolean) {
    super(size)
    this.matches = matches
  }
}

/** Which role a term plays for the pod that carries it. */
export type TermRole = 'requiredAffinity' | 'requiredAntiAffinity' | 'preferredAffinity' | 'preferredAntiAffinity'

/** A term that pods of the cluster carry, with the number of those pods on each node. */
export class CarriedTerm extends SlotColumn {
  readonly term: AffinityTerm
  readonly weight: number
  total = 0
  constructor(size: number, term: AffinityTerm, weight: number) {
    super(size)
    this.term = term
    this.weight = weight
  }
}

const maxCounters = 512
export const termRoles: readonly TermRole[] = ['requiredAffinity', 'requiredAntiAffinity', 'preferredAffinity', 'preferredAntiAffinity']

export class PodCounts {
  readonly #nodes: () => Iterable<NodeInfo>
  readonly #columns = new Map<string, TopologyColumn>()
  readonly #counters = new Map<string, PodCounter>()
  readonly #carried: Record<TermRole, Map<string, CarriedTerm>> = {
    requiredAffinity: new Map(), requiredAntiAffinity: new Map(), preferredAffinity: new Map(), preferredAntiAffinity: new Map(),
  }
  #slots = 0
  #uses = 0

  constructor(nodes: () => Iterable<NodeInfo>) {
    this.#nodes = nodes
  }

  /** The column of a node label; made on first use, then kept. */
  column(key: string): TopologyColumn {
    let column = this.#columns.get(key)
    if (column === undefined) {
      column = new TopologyColumn(key, this.#slots)
      this.#columns.set(key, column)
      for (const node of this.#nodes()) this.#setValue(column, node)
    }
    return column
  }

  /** The counter of a question, which `signature` names; made by one look at all pods, then kept up to date. */
  counter(signature: string, matches: (pod: PodInfo) => boolean): PodCounter {
    let counter = this.#counters.get(signature)
    if (counter === undefined) {
      if (this.#counters.size >= maxCounters) this.#dropOldest()
      counter = new PodCounter(this.#slots, matches)
      this.#counters.set(signature, counter)
      for (const node of this.#nodes()) for (const pod of node.pods.values()) if (matches(pod)) counter.add(node.slot, 1)
    }
    counter.lastUse = ++this.#uses
    return counter
  }

  carried(role: TermRole): Iterable<CarriedTerm> {
    return this.#carried[role].values()
  }

  /** Questions about namespaces' labels must be asked anew. */
  namespacesChanged(): void {
    for (const signature of this.#counters.keys()) if (signature.includes('"namespaceSelector"')) this.#counters.delete(signature)
  }

  nodeChanged(node: NodeInfo): void {
    if (node.slot >= this.#slots) this.#slots = node.slot + 1
    for (const column of this.#columns.values()) this.#setValue(column, node)
  }

  podAdded(node: NodeInfo, pod: PodInfo): void {
    this.#count(node, pod, 1)
  }

  podRemoved(node: NodeInfo, pod: PodInfo): void {
    this.#count(node, pod, -1)
  }

  #count(node: NodeInfo, pod: PodInfo, by: 1 | -1): void {
    if (node.slot >= this.#slots) this.#slots = node.slot + 1
    for (const counter of this.#counters.values()) if (counter.matches(pod)) counter.add(node.slot, by)
    if (!pod.hasAffinity) return
    for (const role of termRoles) {
      for (const term of pod[role]) {
        const weight = 'weight' in term ? (term.weight as number) : 0
        const carried = this.#carried[role]
        const key = `${weight} ${term.signature}`
        let entry = carried.get(key)
        if (entry === undefined) carried.set(key, (entry = new CarriedTerm(this.#slots, term, weight)))
        entry.add(node.slot, by)
        entry.total += by
        if (entry.total === 0) carried.delete(key)
      }
    }
  }

  #setValue(column: TopologyColumn, node: NodeInfo): void {
    const value = node.node === undefined ? undefined : node.labels[column.key]
    column.set(node.slot, value === undefined ? 0 : column.numberOf(value))
  }

  #dropOldest(): void {
    const oldest = [...this.#counters].sort(([, a], [, b]) => a.lastUse - b.lastUse).slice(0, maxCounters / 4)
    for (const [signature] of oldest) this.#counters.delete(signature)
  }
}

/** Sums a column of nodes by their topology value. Values of nodes without the label are left out. */
export function sumByTopology(column: TopologyColumn, counts: Int32Array, nodes: readonly NodeInfo[], factor: number, into: Float64Array | Int32Array): void {
  const { values } = column
  for (let i = 0; i < nodes.length; i++) {
    const { slot } = nodes[i]!
    const count = slot < counts.length ? counts[slot]! : 0
    if (count === 0) continue
    const value = values[slot]!
    if (value !== 0) into[value]! += factor * count
  }
}
