import type { Pod, TopologySpreadConstraint } from '../../api/generated/types/core-v1.ts'
import { compileRequiredNodeAffinity } from '../../api/helpers/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/helpers/taints.ts'
import { type CycleState, type Handle, type SchedulerPlugin, maxNodeScore, unresolvable, unschedulable } from '../framework.ts'
import { type NodeInfo, type PodInfo, labelMatcher } from '../snapshot.ts'

const name = 'PodTopologySpread'
const hostnameLabel = 'kubernetes.io/hostname'
const skewRefusal = unschedulable('node(s) didn\'t match pod topology spread constraints')
const labelRefusal = unresolvable('node(s) didn\'t match pod topology spread constraints (missing required label)')

interface Constraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly minDomains: number
  matches(labels: Readonly<Record<string, string>>): boolean
  /** Whether the node's pods count for it (node affinity and taints honoured or not). */
  includes(node: NodeInfo): boolean
}

/** Spread for pods that state no constraints of their own: upstream's system defaults. */
const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: hostnameLabel, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
]

class FilterState {
  readonly constraints: readonly Constraint[]
  /** Per constraint: matching pods by topology value. */
  readonly counts: readonly Map<string, number>[]
  constructor(constraints: readonly Constraint[], counts: readonly Map<string, number>[]) {
    this.constraints = constraints
    this.counts = counts
  }
  clone(): FilterState {
    return new FilterState(this.constraints, this.counts.map((map) => new Map(map)))
  }
  minimum(index: number): number {
    const counts = this.counts[index]!
    if (counts.size < this.constraints[index]!.minDomains) return 0
    let least = Infinity
    for (const count of counts.values()) if (count < least) least = count
    return least
  }
}

interface ScoreState {
  readonly constraints: readonly Constraint[]
  readonly counts: readonly Map<string, number>[]
  readonly weights: readonly number[]
  readonly ignored: ReadonlySet<NodeInfo>
}

/** Pods of a kind spread over the values of a node label, as a rule or as a wish. */
export const podTopologySpread: SchedulerPlugin = {
  name,
  events: [
    { resource: 'Pod/assigned', actions: ['Add', 'Update', 'Delete'] },
    { resource: 'Node', actions: ['Add', 'Update', 'Delete'] },
  ],
  preFilter(state, pod, handle) {
    const constraints = compile(pod.pod, pod.pod.spec?.topologySpreadConstraints ?? [], 'DoNotSchedule')
    if (constraints.length === 0) return { skip: true }
    const counts = constraints.map(() => new Map<string, number>())
    for (const node of handle.nodes) {
      if (!hasAllKeys(node, constraints)) continue
      constraints.forEach((constraint, i) => {
        if (!constraint.includes(node)) return
        const value = node.labels[constraint.topologyKey]!
        counts[i]!.set(value, (counts[i]!.get(value) ?? 0) + countMatching(node, constraint, pod.namespace))
      })
    }
    state.data.set(name, new FilterState(constraints, counts))
    return undefined
  },
  addPod: (state, pod, other, node) => changeCounts(state, pod, other, node, 1),
  removePod: (state, pod, other, node) => changeCounts(state, pod, other, node, -1),
  filter(state, pod, node) {
    const spread = state.read<FilterState>(name)!
    for (let i = 0; i < spread.constraints.length; i++) {
      const constraint = spread.constraints[i]!
      const value = node.labels[constraint.topologyKey]
      if (value === undefined) return labelRefusal
      const self = constraint.matches(pod.labels) ? 1 : 0
      if ((spread.counts[i]!.get(value) ?? 0) + self - spread.minimum(i) > constraint.maxSkew) return skewRefusal
    }
    return undefined
  },
  preScore(state, pod, feasible, handle) {
    const own = pod.pod.spec?.topologySpreadConstraints ?? []
    const constraints = own.length > 0 ? compile(pod.pod, own, 'ScheduleAnyway') : defaults(pod, handle)
    if (constraints.length === 0) return true
    state.data.set(`${name}/score`, scoreState(constraints, pod, feasible, handle, own.length > 0))
    return false
  },
  score(state, pod, node) {
    const { constraints, counts, weights, ignored } = state.read<ScoreState>(`${name}/score`)!
    if (ignored.has(node)) return 0
    let sum = 0
    constraints.forEach((constraint, i) => {
      const value = node.labels[constraint.topologyKey]
      if (value === undefined) return
      const count = constraint.topologyKey === hostnameLabel ? countMatching(node, constraint, pod.namespace) : counts[i]!.get(value)!
      sum += count * weights[i]! + (constraint.maxSkew - 1)
    })
    return Math.round(sum)
  },
  normalize(state, _pod, feasible, scores) {
    const { ignored } = state.read<ScoreState>(`${name}/score`)!
    let lowest = Infinity
    let highest = 0
    feasible.forEach((node, i) => {
      if (ignored.has(node)) return
      lowest = Math.min(lowest, scores[i]!)
      highest = Math.max(highest, scores[i]!)
    })
    feasible.forEach((node, i) => {
      if (ignored.has(node)) scores[i] = 0
      else scores[i] = highest === 0 ? maxNodeScore : Math.trunc((maxNodeScore * (highest + lowest - scores[i]!)) / highest)
    })
  },
}

function changeCounts(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
  const spread = state.read<FilterState>(name)
  if (spread === undefined || other.namespace !== pod.namespace || !hasAllKeys(node, spread.constraints)) return
  spread.constraints.forEach((constraint, i) => {
    if (!constraint.matches(other.labels) || !constraint.includes(node)) return
    const value = node.labels[constraint.topologyKey]!
    spread.counts[i]!.set(value, (spread.counts[i]!.get(value) ?? 0) + by)
  })
}

function compile(pod: Pod, constraints: readonly TopologySpreadConstraint[], action: string): Constraint[] {
  const chosen = constraints.filter((c) => c.whenUnsatisfiable === action)
  if (chosen.length === 0) return []
  const affinity = compileRequiredNodeAffinity(pod)
  return chosen.map((c) => {
    const selector = c.labelSelector
    const byKeys = (c.matchLabelKeys ?? []).filter((key) => pod.metadata.labels?.[key] !== undefined)
      .map((key) => ({ key, operator: 'In', values: [pod.metadata.labels![key]!] }))
    const matches = labelMatcher(byKeys.length === 0 || selector === undefined ? selector : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...byKeys] })
    return {
      maxSkew: c.maxSkew, topologyKey: c.topologyKey, minDomains: c.minDomains ?? 1, matches,
      includes: (node) => (c.nodeAffinityPolicy === 'Ignore' || affinity(node.node!))
        && (c.nodeTaintsPolicy !== 'Honor' || findUntoleratedTaint(node.node!.spec?.taints ?? [], pod.spec?.tolerations, ['NoSchedule', 'NoExecute']) === undefined),
    }
  })
}

/** The system's wishes, with the selector of the services and the workload that the pod belongs to. */
function defaults(pod: PodInfo, handle: Handle): Constraint[] {
  const matches = handle.defaultSelector(pod.pod)
  if (matches === undefined) return []
  return compile(pod.pod, systemDefaults, 'ScheduleAnyway').map((constraint) => ({ ...constraint, matches }))
}

function scoreState(constraints: readonly Constraint[], pod: PodInfo, feasible: readonly NodeInfo[], handle: Handle, requireAll: boolean): ScoreState {
  const ignored = new Set<NodeInfo>()
  const counts = constraints.map(() => new Map<string, number>())
  for (const node of feasible) {
    if (requireAll && !hasAllKeys(node, constraints)) {
      ignored.add(node)
      continue
    }
    constraints.forEach(({ topologyKey }, i) => {
      const value = node.labels[topologyKey]
      if (topologyKey !== hostnameLabel && value !== undefined) counts[i]!.set(value, 0)
    })
  }
  for (const node of handle.nodes) {
    if (requireAll && !hasAllKeys(node, constraints)) continue
    constraints.forEach((constraint, i) => {
      const value = node.labels[constraint.topologyKey]
      const before = value === undefined ? undefined : counts[i]!.get(value)
      if (before !== undefined && constraint.includes(node)) counts[i]!.set(value!, before + countMatching(node, constraint, pod.namespace))
    })
  }
  const weights = constraints.map(({ topologyKey }, i) => Math.log((topologyKey === hostnameLabel ? feasible.length - ignored.size : counts[i]!.size) + 2))
  return { constraints, counts, weights, ignored }
}

function hasAllKeys(node: NodeInfo, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => node.labels[topologyKey] !== undefined)
}

function countMatching(node: NodeInfo, constraint: Constraint, namespace: string): number {
  let count = 0
  for (const other of node.pods.values()) {
    if (other.namespace === namespace && other.pod.metadata.deletionTimestamp === undefined && constraint.matches(other.labels)) count++
  }
  return count
}
