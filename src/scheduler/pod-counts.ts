/**
 * Counts of pods per node that are kept up to date instead of recomputed: how many pods of each node match a question,
 * and which affinity terms pods there carry. Nodes are slots, so that a question over all nodes is a tight loop over
 * typed arrays; sums by topology (topology.ts) are kept as well.
 */
import type { AffinityTerm, NodeInfo, PodInfo } from './snapshot.ts'
import { Column, CountColumn, TopologyColumn } from './topology.ts'

/** How many pods on each node a predicate matches. */
class PodCounter extends CountColumn {
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
export class CarriedTerm extends CountColumn {
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
const maxDerived = 128
const termRoles: readonly TermRole[] = ['requiredAffinity', 'requiredAntiAffinity', 'preferredAffinity', 'preferredAntiAffinity']

export class PodCounts {
  readonly #nodes: () => Iterable<NodeInfo>
  readonly #columns = new Map<string, TopologyColumn>()
  readonly #derived = new Map<string, Column>()
  readonly #counters = new Map<string, PodCounter>()
  readonly #carried: Record<TermRole, Map<string, CarriedTerm>> = {
    requiredAffinity: new Map(), requiredAntiAffinity: new Map(), preferredAffinity: new Map(), preferredAntiAffinity: new Map(),
  }
  /** How many pods use a claim, by "namespace/name". */
  readonly #claims = new Map<string, number>()
  #slots = 0
  #uses = 0

  constructor(nodes: () => Iterable<NodeInfo>) {
    this.#nodes = nodes
  }

  /** The column of a node label; made on first use, then kept. */
  column(key: string): TopologyColumn {
    let column = this.#columns.get(key)
    if (column === undefined) {
      this.#columns.set(key, (column = new TopologyColumn(key, this.#slots)))
      for (const node of this.#nodes()) column.update(node)
    }
    return column
  }

  /** A label's column in which only some nodes have their value; `signature` names which. They depend on the node object alone. */
  derived(signature: string, column: TopologyColumn, includes: (node: NodeInfo) => boolean): Column {
    const key = `${column.key} ${signature}`
    let derived = this.#derived.get(key)
    if (derived === undefined) {
      if (this.#derived.size >= maxDerived) for (const [old, { sums }] of oldest(this.#derived, maxDerived)) this.#dropDerived(old, sums)
      derived = new Column(this.#slots, (node) => (includes(node) ? column.at(node.slot) : 0))
      this.#derived.set(key, derived)
      for (const node of this.#nodes()) derived.update(node)
    }
    derived.lastUse = ++this.#uses
    return derived
  }

  /** The counter of a question, which `signature` names; made by one look at all pods, then kept up to date. */
  counter(signature: string, matches: (pod: PodInfo) => boolean): CountColumn {
    let counter = this.#counters.get(signature)
    if (counter === undefined) {
      if (this.#counters.size >= maxCounters) for (const [old, dropped] of oldest(this.#counters, maxCounters)) this.#dropCounter(old, dropped)
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

  /** How many pods on nodes use the claim. */
  usersOf(namespace: string, claim: string): number {
    return this.#claims.get(`${namespace}/${claim}`) ?? 0
  }

  /** Questions about namespaces' labels must be asked anew. */
  namespacesChanged(): void {
    for (const [signature, counter] of this.#counters) if (signature.includes('"namespaceSelector"')) this.#dropCounter(signature, counter)
  }

  nodeChanged(node: NodeInfo): void {
    if (node.slot >= this.#slots) this.#slots = node.slot + 1
    for (const column of this.#columns.values()) column.update(node)
    for (const column of this.#derived.values()) column.update(node)
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
    if (pod.mayAttach) this.#countClaims(pod, by)
    if (!pod.hasAffinity) return
    for (const role of termRoles) {
      for (const term of pod[role]) {
        const weight = 'weight' in term ? (term.weight as number) : 0
        const carried = this.#carried[role]
        const key = weight === 0 ? term.signature : `${weight} ${term.signature}`
        let entry = carried.get(key)
        if (entry === undefined) carried.set(key, (entry = new CarriedTerm(this.#slots, term, weight)))
        entry.add(node.slot, by)
        entry.total += by
        if (entry.total > 0) continue
        entry.drop()
        carried.delete(key)
      }
    }
  }

  #countClaims({ pod, namespace }: PodInfo, by: 1 | -1): void {
    for (const { persistentVolumeClaim } of pod.spec!.volumes!) {
      if (persistentVolumeClaim === undefined) continue
      const key = `${namespace}/${persistentVolumeClaim.claimName}`
      const users = (this.#claims.get(key) ?? 0) + by
      if (users === 0) this.#claims.delete(key)
      else this.#claims.set(key, users)
    }
  }

  #dropCounter(signature: string, counter: PodCounter): void {
    counter.drop()
    this.#counters.delete(signature)
  }

  #dropDerived(key: string, sums: Column['sums']): void {
    const column = this.#derived.get(key)!
    for (const { counts } of sums) counts.forget(column)
    this.#derived.delete(key)
  }
}

/** The quarter that nobody asked for the longest. */
function oldest<T extends { readonly lastUse: number }>(entries: ReadonlyMap<string, T>, limit: number): [string, T][] {
  return [...entries].sort(([, a], [, b]) => a.lastUse - b.lastUse).slice(0, limit / 4)
}
