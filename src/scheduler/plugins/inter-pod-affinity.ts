import { type CycleState, type Handle, type SchedulerPlugin, maxNodeScore, unresolvable, unschedulable } from '../framework.ts'
import { type AffinityTerm, type NodeInfo, type PodInfo, type WeightedAffinityTerm, termMatches } from '../snapshot.ts'

const name = 'InterPodAffinity'
const affinityRefusal = unresolvable('node(s) didn\'t match pod affinity rules')
const antiAffinityRefusal = unschedulable('node(s) didn\'t match pod anti-affinity rules')
const existingRefusal = unschedulable('node(s) didn\'t satisfy existing pods anti-affinity rules')
/** Default hardPodAffinityWeight. */
const hardWeight = 1

/** Matching pods per topology value: key -> value -> count. Zero counts are removed, so that emptiness means none. */
class TopologyCounts {
  readonly counts: Map<string, Map<string, number>>
  constructor(counts: Map<string, Map<string, number>> = new Map()) {
    this.counts = counts
  }
  add(node: NodeInfo, key: string, by: number): void {
    const value = node.labels[key]
    if (value === undefined) return
    let values = this.counts.get(key)
    if (values === undefined) this.counts.set(key, (values = new Map()))
    const sum = (values.get(value) ?? 0) + by
    if (sum === 0) values.delete(value)
    else values.set(value, sum)
    if (values.size === 0) this.counts.delete(key)
  }
  at(node: NodeInfo, key: string): number {
    const value = node.labels[key]
    return value === undefined ? 0 : (this.counts.get(key)?.get(value) ?? 0)
  }
  clone(): TopologyCounts {
    return new TopologyCounts(new Map([...this.counts].map(([key, values]) => [key, new Map(values)])))
  }
}

class FilterState {
  readonly existingAnti: TopologyCounts
  readonly affinity: TopologyCounts
  readonly antiAffinity: TopologyCounts
  readonly namespaceLabels: Handle['namespaceLabels']
  constructor(namespaceLabels: Handle['namespaceLabels'], from?: FilterState) {
    this.namespaceLabels = namespaceLabels
    this.existingAnti = from?.existingAnti.clone() ?? new TopologyCounts()
    this.affinity = from?.affinity.clone() ?? new TopologyCounts()
    this.antiAffinity = from?.antiAffinity.clone() ?? new TopologyCounts()
  }
  clone(): FilterState {
    return new FilterState(this.namespaceLabels, this)
  }
  countExistingAnti(pod: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
    for (const term of other.requiredAntiAffinity) {
      if (termMatches(term, pod, this.namespaceLabels)) this.existingAnti.add(node, term.topologyKey, by)
    }
  }
  countIncoming(pod: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
    if (matchesAll(pod.requiredAffinity, other, this.namespaceLabels)) {
      for (const term of pod.requiredAffinity) this.affinity.add(node, term.topologyKey, by)
    }
    for (const term of pod.requiredAntiAffinity) {
      if (termMatches(term, other, this.namespaceLabels)) this.antiAffinity.add(node, term.topologyKey, by)
    }
  }
}

function matchesAll(terms: readonly AffinityTerm[], other: PodInfo, namespaceLabels: Handle['namespaceLabels']): boolean {
  return terms.length > 0 && terms.every((term) => termMatches(term, other, namespaceLabels))
}

/** Pods near or away from other pods, by the labels of both and the topology of their nodes. */
export const interPodAffinity: SchedulerPlugin = {
  name,
  events: [
    { resource: 'Pod/assigned', actions: ['Add', 'Update', 'Delete'] },
    { resource: 'Node', actions: ['Add', 'Update'] },
  ],
  preFilter(state, pod, handle) {
    const counts = new FilterState(handle.namespaceLabels)
    const own = pod.requiredAffinity.length + pod.requiredAntiAffinity.length > 0
    for (const node of handle.nodes) {
      for (const other of node.podsWithRequiredAntiAffinity.values()) counts.countExistingAnti(pod, other, node, 1)
      if (own) for (const other of node.pods.values()) counts.countIncoming(pod, other, node, 1)
    }
    if (!own && counts.existingAnti.counts.size === 0) return { skip: true }
    state.data.set(name, counts)
    return undefined
  },
  addPod: (state, pod, other, node) => changeCounts(state, pod, other, node, 1),
  removePod: (state, pod, other, node) => changeCounts(state, pod, other, node, -1),
  filter(state, pod, node) {
    const counts = state.read<FilterState>(name)!
    if (!affinityHolds(counts, pod, node)) return affinityRefusal
    for (const term of pod.requiredAntiAffinity) if (counts.antiAffinity.at(node, term.topologyKey) > 0) return antiAffinityRefusal
    for (const [key] of counts.existingAnti.counts) if (counts.existingAnti.at(node, key) > 0) return existingRefusal
    return undefined
  },
  preScore(state, pod, _feasible, handle) {
    const scores = scoreByTopology(pod, handle)
    if (scores.size === 0) return true
    state.data.set(`${name}/score`, scores)
    return false
  },
  score(state, _pod, node) {
    let sum = 0
    for (const [key, values] of state.read<Map<string, Map<string, number>>>(`${name}/score`)!) sum += values.get(node.labels[key] ?? '') ?? 0
    return sum
  },
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

function changeCounts(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
  const counts = state.read<FilterState>(name)
  if (counts === undefined) return
  counts.countExistingAnti(pod, other, node, by)
  counts.countIncoming(pod, other, node, by)
}

function affinityHolds(counts: FilterState, pod: PodInfo, node: NodeInfo): boolean {
  let podsExist = true
  for (const term of pod.requiredAffinity) {
    if (node.labels[term.topologyKey] === undefined) return false
    if (counts.affinity.at(node, term.topologyKey) <= 0) podsExist = false
  }
  // The first of a group that is near itself finds nobody there yet and may start it anywhere.
  return podsExist || (counts.affinity.counts.size === 0 && matchesAll(pod.requiredAffinity, pod, counts.namespaceLabels))
}

function scoreByTopology(pod: PodInfo, handle: Handle): Map<string, Map<string, number>> {
  const preferences = pod.preferredAffinity.length + pod.preferredAntiAffinity.length > 0
  const scores = new Map<string, Map<string, number>>()
  const add = (term: AffinityTerm, weight: number, node: NodeInfo) => {
    const value = node.labels[term.topologyKey]
    if (value === undefined || weight === 0) return
    let values = scores.get(term.topologyKey)
    if (values === undefined) scores.set(term.topologyKey, (values = new Map()))
    values.set(value, (values.get(value) ?? 0) + weight)
  }
  const addAll = (terms: readonly WeightedAffinityTerm[], target: PodInfo, node: NodeInfo, sign: 1 | -1) => {
    for (const term of terms) if (termMatches(term, target, handle.namespaceLabels)) add(term, sign * term.weight, node)
  }
  for (const node of handle.nodes) {
    for (const other of (preferences ? node.pods : node.podsWithAffinity).values()) {
      addAll(pod.preferredAffinity, other, node, 1)
      addAll(pod.preferredAntiAffinity, other, node, -1)
      for (const term of other.requiredAffinity) if (termMatches(term, pod, handle.namespaceLabels)) add(term, hardWeight, node)
      addAll(other.preferredAffinity, pod, node, 1)
      addAll(other.preferredAntiAffinity, pod, node, -1)
    }
  }
  return scores
}
