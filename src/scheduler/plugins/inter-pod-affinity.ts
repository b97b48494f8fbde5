import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import type { ClusterEvent } from '../cluster-events.ts'
import { type Handle, type PluginDefinition, maxNodeScore, unresolvable, unschedulable } from '../framework.ts'
import type { CarriedTerm, TermRole } from '../pod-counts.ts'
import { type AffinityTerm, type NodeInfo, type PodInfo, podInfo, termMatches } from '../snapshot.ts'
import type { CountColumn, Sums, TopologyColumn } from '../topology.ts'

const name = 'InterPodAffinity'
const affinityRefusal = unresolvable('node(s) didn\'t match pod affinity rules')
const antiAffinityRefusal = unschedulable('node(s) didn\'t match pod anti-affinity rules')
const existingRefusal = unschedulable('node(s) didn\'t satisfy existing pods anti-affinity rules')

type NamespaceLabels = Handle['namespaceLabels']

/** Matching pods per value of one node label: those kept by the cache until a dry run changes them. */
class TopologyCounts {
  readonly column: TopologyColumn
  #counts: Int32Array
  #total: number
  readonly #live: Sums | undefined
  constructor(column: TopologyColumn, counts: Int32Array, total: number, live?: Sums) {
    this.column = column
    this.#counts = counts
    this.#total = total
    this.#live = live
  }
  static of(counts: CountColumn, column: TopologyColumn): TopologyCounts {
    const sums = counts.by(column)
    return new TopologyCounts(column, sums.values, sums.total, sums)
  }
  get total(): number {
    return this.#total
  }
  /** Only on copies: what the cache keeps is not ours to change. */
  add(node: NodeInfo, by: number): void {
    const value = this.column.at(node.slot)
    if (value === 0) return
    this.#counts[value]! += by
    this.#total += by
  }
  at(node: NodeInfo): number {
    const value = this.column.values[node.slot]!
    return value < this.#counts.length ? this.#counts[value]! : 0
  }
  /** Adds what another counts. */
  addAll({ values, total }: Sums): void {
    for (let value = 1; value < values.length; value++) this.#counts[value]! += values[value]!
    this.#total += total
  }
  clone(): TopologyCounts {
    const { values } = this.#live ?? { values: this.#counts }
    const copy = new Int32Array(Math.max(values.length, this.column.size))
    copy.set(values)
    return new TopologyCounts(this.column, copy, this.#live?.total ?? this.#total)
  }
}

class FilterState {
  /** By topology key: pods that want no pod like this one near them. */
  readonly existing: TopologyCounts[]
  /** In the order of the pod's terms. */
  readonly affinity: readonly TopologyCounts[]
  readonly anti: readonly TopologyCounts[]
  readonly handle: Handle
  constructor(handle: Handle, existing: TopologyCounts[], affinity: readonly TopologyCounts[], anti: readonly TopologyCounts[]) {
    this.handle = handle
    this.existing = existing
    this.affinity = affinity
    this.anti = anti
  }
  clone(): FilterState {
    const copies = (list: readonly TopologyCounts[]) => list.map((counts) => counts.clone())
    return new FilterState(this.handle, copies(this.existing), copies(this.affinity), copies(this.anti))
  }
  change(pod: PodInfo, other: PodInfo, node: NodeInfo, by: 1 | -1): void {
    const { namespaceLabels } = this.handle
    for (const term of other.requiredAntiAffinity) if (termMatches(term, pod, namespaceLabels)) this.existingOf(term.topologyKey).add(node, by)
    if (matchesAll(pod.requiredAffinity, other, namespaceLabels)) for (const counts of this.affinity) counts.add(node, by)
    pod.requiredAntiAffinity.forEach((term, i) => {
      if (termMatches(term, other, namespaceLabels)) this.anti[i]!.add(node, by)
    })
  }
  existingOf(key: string): TopologyCounts {
    let counts = this.existing.find(({ column }) => column.key === key)
    if (counts === undefined) this.existing.push((counts = emptyCounts(this.handle, key)))
    return counts
  }
}

function emptyCounts(handle: Handle, key: string): TopologyCounts {
  const column = handle.counts.column(key)
  return new TopologyCounts(column, new Int32Array(column.size), 0)
}

/** Anti-affinity that pods of the cluster carry against this one, one entry a topology key. */
function carriedAgainst(pod: PodInfo, handle: Handle): TopologyCounts[] {
  const found: { readonly column: TopologyColumn; readonly sums: Sums[] }[] = []
  for (const carried of handle.counts.carried('requiredAntiAffinity')) {
    if (!termMatches(carried.term, pod, handle.namespaceLabels)) continue
    const column = handle.counts.column(carried.term.topologyKey)
    const sums = carried.by(column)
    if (sums.total === 0) continue
    const same = found.find((entry) => entry.column === column)
    if (same === undefined) found.push({ column, sums: [sums] })
    else same.sums.push(sums)
  }
  return found.map(({ column, sums }) => {
    const [first] = sums
    if (sums.length === 1) return new TopologyCounts(column, first!.values, first!.total, first)
    const counts = new TopologyCounts(column, new Int32Array(column.size + 8), 0)
    for (const each of sums) counts.addAll(each)
    return counts
  })
}

/** Pods near or away from other pods, by the labels of both and the topology of their nodes. */
export const interPodAffinity: PluginDefinition = {
  name,
  create(args, handle) {
    const hardWeight = (args['hardPodAffinityWeight'] as number | undefined) ?? 1
    const ignoreExistingPreferred = args['ignorePreferredTermsOfExistingPods'] === true
    const { namespaceLabels } = handle
    return {
      name,
      events: [
        { resource: 'Pod', actions: ['Add', 'UpdatePodLabel', 'Delete'], hint: (pod, event) => podChangeHelps(podInfo(pod), event, namespaceLabels) },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'], hint: nodeChangeHelps },
      ],
      preFilter(state, pod) {
        const existing = carriedAgainst(pod, handle)
        if (pod.requiredAffinity.length + pod.requiredAntiAffinity.length === 0 && existing.length === 0) return { skip: true }
        const terms = pod.requiredAffinity
        const near = terms.length === 0
          ? undefined
          : handle.counts.counter(`affinity ${terms.map((t) => t.selection).join(' ')}`, (other) => matchesAll(terms, other, namespaceLabels))
        const counts = new FilterState(
          handle, existing, terms.map((term) => TopologyCounts.of(near!, handle.counts.column(term.topologyKey))),
          pod.requiredAntiAffinity.map((term) => TopologyCounts.of(matching(handle, term), handle.counts.column(term.topologyKey))),
        )
        state.data.set(name, counts)
        return undefined
      },
      addPod: (state, pod, other, node) => state.read<FilterState>(name)?.change(pod, other, node, 1),
      removePod: (state, pod, other, node) => state.read<FilterState>(name)?.change(pod, other, node, -1),
      filter(state, pod, node) {
        const counts = state.read<FilterState>(name)!
        if (!affinityHolds(counts, pod, node)) return affinityRefusal
        for (const entry of counts.anti) if (entry.at(node) > 0) return antiAffinityRefusal
        for (const entry of counts.existing) if (entry.at(node) > 0) return existingRefusal
        return undefined
      },
      preScore(state, pod) {
        const wishes = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0
        if (ignoreExistingPreferred && !wishes) return true
        const scores = new TopologyScores(handle)
        for (const term of pod.preferredAffinity) scores.add(term.topologyKey, matching(handle, term), term.weight)
        for (const term of pod.preferredAntiAffinity) scores.add(term.topologyKey, matching(handle, term), -term.weight)
        const carried = (role: TermRole, factor: (entry: CarriedTerm) => number) => {
          for (const entry of handle.counts.carried(role)) {
            if (termMatches(entry.term, pod, namespaceLabels)) scores.add(entry.term.topologyKey, entry, factor(entry))
          }
        }
        if (hardWeight > 0) carried('requiredAffinity', () => hardWeight)
        carried('preferredAffinity', ({ weight }) => weight)
        carried('preferredAntiAffinity', ({ weight }) => -weight)
        if (!scores.any) return true
        state.data.set(`${name}/score`, scores)
        return false
      },
      score: (state, _pod, node) => state.read<TopologyScores>(`${name}/score`)!.at(node),
      normalize(_state, _pod, _feasible, scores) {
        let lowest = Infinity
        let highest = -Infinity
        for (const score of scores) {
          if (score < lowest) lowest = score
          if (score > highest) highest = score
        }
        const range = highest - lowest
        for (let i = 0; i < scores.length; i++) scores[i] = range > 0 ? Math.trunc(maxNodeScore * ((scores[i]! - lowest) / range)) : 0
      },
    }
  },
}

/** Weighted sums by topology value. */
class TopologyScores {
  readonly #handle: Handle
  readonly #entries: { readonly column: TopologyColumn; readonly sums: Sums; weight: number }[] = []
  constructor(handle: Handle) {
    this.#handle = handle
  }
  get any(): boolean {
    return this.#entries.length > 0
  }
  add(key: string, counts: CountColumn, weight: number): void {
    if (weight === 0) return
    const column = this.#handle.counts.column(key)
    const sums = counts.by(column)
    if (sums.total > 0) this.#entries.push({ column, sums, weight })
  }
  at({ slot }: NodeInfo): number {
    let score = 0
    for (let i = 0; i < this.#entries.length; i++) {
      const { column, sums, weight } = this.#entries[i]!
      const value = column.values[slot]!
      if (value !== 0 && value < sums.values.length) score += weight * sums.values[value]!
    }
    return score
  }
}

function matching(handle: Handle, term: AffinityTerm): CountColumn {
  return handle.counts.counter(`term ${term.selection}`, (other) => termMatches(term, other, handle.namespaceLabels))
}

function matchesAll(terms: readonly AffinityTerm[], other: PodInfo, namespaceLabels: NamespaceLabels): boolean {
  if (terms.length === 0) return false
  for (const term of terms) if (!termMatches(term, other, namespaceLabels)) return false
  return true
}

function affinityHolds({ affinity, handle }: FilterState, pod: PodInfo, node: NodeInfo): boolean {
  if (affinity.length === 0) return true
  let podsExist = true
  let none = true
  for (const counts of affinity) {
    if (counts.column.values[node.slot] === 0) return false
    if (counts.at(node) <= 0) podsExist = false
    if (counts.total !== 0) none = false
  }
  // The first of a group that is near itself finds nobody there yet and may start it anywhere.
  return podsExist || (none && matchesAll(pod.requiredAffinity, pod, handle.namespaceLabels))
}

/** Whether a change of another pod may make this one fit (upstream: isSchedulableAfterPodChange). */
function podChangeHelps(pod: PodInfo, { object, old }: ClusterEvent, namespaceLabels: NamespaceLabels): boolean {
  const now = object as Pod | undefined
  const before = old as Pod | undefined
  if (now !== undefined && before !== undefined && pod.uid === now.metadata.uid) return true
  const idle = (p: Pod | undefined) => p !== undefined && (p.spec?.nodeName ?? '') === '' && (p.status?.nominatedNodeName ?? '') === ''
  if (idle(now) || idle(before)) return false
  const wanted = (p: Pod) => matchesAll(pod.requiredAffinity, podInfo(p), namespaceLabels)
  const unwanted = (p: Pod) => matchesAll(pod.requiredAntiAffinity, podInfo(p), namespaceLabels)
  if (now !== undefined && before !== undefined) return (!wanted(before) && wanted(now)) || (unwanted(before) && !unwanted(now))
  if (now !== undefined) return wanted(now)
  return unwanted(before!) || matchesAll(podInfo(before!).requiredAntiAffinity, pod, namespaceLabels)
}

function nodeChangeHelps(pod: Pod, { object, old }: ClusterEvent): boolean {
  const { requiredAffinity, requiredAntiAffinity } = podInfo(pod)
  const now = (object as Node).metadata.labels ?? {}
  if (old === undefined) return requiredAntiAffinity.length > 0 || requiredAffinity.some(({ topologyKey }) => now[topologyKey] !== undefined)
  const before = (old as Node).metadata.labels ?? {}
  return requiredAffinity.some(({ topologyKey: key }) => now[key] !== undefined && now[key] !== before[key])
    || requiredAntiAffinity.some(({ topologyKey: key }) => before[key] !== undefined && now[key] !== before[key])
}
