import type { Node, Pod, TopologySpreadConstraint } from '../../api/generated/types/core-v1.ts'
import { compileRequiredNodeAffinity } from '../../api/helpers/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/helpers/taints.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import type { ClusterEvent } from '../cluster-events.ts'
import { type DefaultSelector, defaultSelectors } from '../default-selector.ts'
import { type CycleState, type Handle, type PluginDefinition, maxNodeScore, unresolvable, unschedulable } from '../framework.ts'
import { type LabelMatcher, type NodeInfo, type PodInfo, labelMatcher } from '../snapshot.ts'
import type { Column, CountColumn, Sums, TopologyColumn } from '../topology.ts'
import { hardEffects, taintOptions } from './taint-toleration.ts'

const name = 'PodTopologySpread'
const hostnameLabel = 'kubernetes.io/hostname'
const skewRefusal = unschedulable('node(s) didn\'t match pod topology spread constraints')
const labelRefusal = unresolvable('node(s) didn\'t match pod topology spread constraints (missing required label)')

interface Constraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly minDomains: number
  readonly honorsTaints: boolean
  readonly matches: LabelMatcher
  /** Names what it matches. */
  readonly signature: string
  /** Whether the node's pods count for it (node affinity and taints honoured or not); undefined: all nodes' do. */
  readonly includes: { readonly node: (node: NodeInfo) => boolean; readonly signature: string } | undefined
}

/** Spread for pods that state no constraints of their own: upstream's system defaults. */
const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: hostnameLabel, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
]

/** Matching pods by topology value for one constraint, on the nodes that count: kept by the cache until a dry run changes them. */
class Domains {
  readonly constraint: Constraint
  readonly column: TopologyColumn
  /** Values of the nodes that count. */
  readonly counted: Column
  readonly #counts: Int32Array
  #least: number | undefined
  constructor(constraint: Constraint, column: TopologyColumn, counted: Column, counts: Int32Array) {
    this.constraint = constraint
    this.column = column
    this.counted = counted
    this.#counts = counts
  }
  clone(): Domains {
    const copy = new Int32Array(Math.max(this.column.size, this.#counts.length))
    copy.set(this.#counts)
    return new Domains(this.constraint, this.column, this.counted, copy)
  }
  /** Only on copies: what the cache keeps is not ours to change. */
  add(value: number, by: number): void {
    this.#counts[value]! += by
    this.#least = undefined
  }
  at(value: number): number {
    return value < this.#counts.length ? this.#counts[value]! : 0
  }
  /** The fewest of any domain; 0 when there are fewer domains than there must be. */
  least(): number {
    if (this.#least !== undefined) return this.#least
    let least = 2 ** 31 - 1
    let domains = 0
    const { nodes } = this.counted
    for (let value = 1; value < nodes.length; value++) {
      if (nodes[value] === 0) continue
      domains++
      const count = this.at(value)
      if (count < least) least = count
    }
    return (this.#least = domains < this.constraint.minDomains ? 0 : least)
  }
}

class FilterState {
  readonly domains: readonly Domains[]
  constructor(domains: readonly Domains[]) {
    this.domains = domains
  }
  clone(): FilterState {
    return new FilterState(this.domains.map((d) => d.clone()))
  }
}

interface ScoreState {
  readonly entries: readonly ScoreEntry[]
  readonly ignored: ReadonlySet<NodeInfo>
}

interface ScoreEntry {
  readonly maxSkew: number
  readonly column: TopologyColumn
  /** By value of the column; undefined: by node. */
  readonly sums: Sums | undefined
  readonly perNode: CountColumn
  readonly weight: number
}

/** Pods of a kind spread over the values of a node label, as a rule or as a wish. */
export const podTopologySpread: PluginDefinition = {
  name,
  create(args, handle) {
    const system = (args['defaultingType'] ?? 'System') === 'System'
    const defaults = system ? systemDefaults : ((args['defaultConstraints'] as readonly TopologySpreadConstraint[] | undefined) ?? [])
    const selectorOf = defaults.length === 0 ? () => undefined : defaultSelectors(handle)
    const constraintsOf = (pod: Pod, action: string): Constraint[] => {
      const own = pod.spec?.topologySpreadConstraints ?? []
      return own.length > 0 ? compile(pod, own, action, undefined) : byDefault(pod, defaults, action, selectorOf)
    }
    return {
      name,
      events: [
        {
          resource: 'Pod', actions: ['Add', 'UpdatePodLabel', 'UpdatePodToleration', 'Delete'],
          hint: (pod, event) => podChangeHelps(pod, event, () => constraintsOf(pod, 'DoNotSchedule')),
        },
        {
          resource: 'Node', actions: ['Add', 'Delete', 'UpdateNodeLabel', 'UpdateNodeTaint'],
          hint: (pod, event) => nodeChangeHelps(event, constraintsOf(pod, 'DoNotSchedule')),
        },
      ],
      preFilter(state, { pod, namespace }) {
        const constraints = constraintsOf(pod, 'DoNotSchedule')
        if (constraints.length === 0) return { skip: true }
        state.data.set(name, new FilterState(domainsOf(constraints, namespace, handle)))
        return undefined
      },
      addPod: (state, pod, other, node) => change(state, pod, other, node, 1),
      removePod: (state, pod, other, node) => change(state, pod, other, node, -1),
      filter(state, pod, node) {
        for (const domains of state.read<FilterState>(name)!.domains) {
          const value = domains.column.values[node.slot]!
          if (value === 0) return labelRefusal
          const self = domains.constraint.matches(pod.labels) ? 1 : 0
          if (domains.at(value) + self - domains.least() > domains.constraint.maxSkew) return skewRefusal
        }
        return undefined
      },
      preScore(state, pod, feasible) {
        const constraints = constraintsOf(pod.pod, 'ScheduleAnyway')
        if (constraints.length === 0) return true
        const requireAll = (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0 || !system
        state.data.set(`${name}/score`, scoreState(constraints, pod.namespace, feasible, handle, requireAll))
        return false
      },
      score(state, _pod, node) {
        const { entries, ignored } = state.read<ScoreState>(`${name}/score`)!
        if (ignored.size > 0 && ignored.has(node)) return 0
        let score = 0
        for (let i = 0; i < entries.length; i++) {
          const { maxSkew, column, sums, perNode, weight } = entries[i]!
          const value = column.values[node.slot]!
          if (value === 0) continue
          const count = sums === undefined ? perNode.at(node.slot) : sums.at(value)
          score += count * weight + (maxSkew - 1)
        }
        return Math.round(score)
      },
      normalize(state, _pod, feasible, scores) {
        const { ignored } = state.read<ScoreState>(`${name}/score`)!
        let lowest = Infinity
        let highest = 0
        for (let i = 0; i < scores.length; i++) {
          if (ignored.size > 0 && ignored.has(feasible[i]!)) continue
          if (scores[i]! < lowest) lowest = scores[i]!
          if (scores[i]! > highest) highest = scores[i]!
        }
        for (let i = 0; i < scores.length; i++) {
          if (ignored.size > 0 && ignored.has(feasible[i]!)) scores[i] = 0
          else scores[i] = highest === 0 ? maxNodeScore : Math.trunc((maxNodeScore * (highest + lowest - scores[i]!)) / highest)
        }
      },
    }
  },
}

function compile(pod: Pod, constraints: readonly TopologySpreadConstraint[], action: string, selector: DefaultSelector | undefined): Constraint[] {
  const chosen = constraints.filter((c) => c.whenUnsatisfiable === action)
  if (chosen.length === 0) return []
  const demands = pod.spec?.nodeSelector !== undefined || pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined
  const affinity = demands ? compileRequiredNodeAffinity(pod) : undefined
  return chosen.map((c) => {
    const honorsAffinity = c.nodeAffinityPolicy !== 'Ignore' && affinity !== undefined
    const honorsTaints = c.nodeTaintsPolicy === 'Honor'
    const tolerated = (node: Node) => findUntoleratedTaint(node.spec?.taints, pod.spec?.tolerations, hardEffects, taintOptions) === undefined
    return {
      maxSkew: c.maxSkew, topologyKey: c.topologyKey, minDomains: c.minDomains ?? 1, honorsTaints,
      ...(selector ?? ownSelector(pod, c)),
      includes: honorsAffinity || honorsTaints
        ? {
            node: ({ node }) => (!honorsAffinity || affinity(node!)) && (!honorsTaints || tolerated(node!)),
            signature: JSON.stringify([
              honorsAffinity ? [pod.spec?.nodeSelector, pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution] : 0,
              honorsTaints ? pod.spec?.tolerations ?? [] : 0,
            ]),
          }
        : undefined,
    }
  })
}

function ownSelector(pod: Pod, { labelSelector, matchLabelKeys }: TopologySpreadConstraint): DefaultSelector {
  if (labelSelector === undefined) return { matches: () => false, signature: 'none' }
  const byKeys = (matchLabelKeys ?? []).filter((key) => pod.metadata.labels?.[key] !== undefined)
    .map((key) => ({ key, operator: 'In', values: [pod.metadata.labels![key]!] }))
  const selector = byKeys.length === 0 ? labelSelector : { ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...byKeys] }
  return { matches: labelMatcher(selector), signature: isEmpty(selector) ? '' : JSON.stringify(selector) }
}

function isEmpty({ matchLabels, matchExpressions }: NonNullable<TopologySpreadConstraint['labelSelector']>): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0
}

/** Constraints of the configuration, with the selector of the services and the workload that the pod belongs to. */
function byDefault(pod: Pod, defaults: readonly TopologySpreadConstraint[], action: string, selectorOf: (pod: Pod) => DefaultSelector | undefined): Constraint[] {
  if (!defaults.some((c) => c.whenUnsatisfiable === action)) return []
  const selector = selectorOf(pod)
  return selector === undefined ? [] : compile(pod, defaults, action, selector)
}

/** Per node: pods of the namespace that match. An empty selector counts nobody, as upstream has it. */
function perNode({ signature, matches }: Constraint, namespace: string, { counts }: Handle): CountColumn {
  if (signature === '') return counts.counter('nobody', () => false)
  return counts.counter(`spread ${namespace} ${signature}`, (other) => other.namespace === namespace && !other.terminating && matches(other.labels))
}

/** The column's values of the nodes that count: those that the constraint includes and that have all the labels. */
function countedBy({ includes }: Constraint, column: TopologyColumn, demanded: readonly TopologyColumn[], { counts }: Handle): Column {
  const others = demanded.filter((other) => other !== column && other.missing > 0)
  if (includes === undefined && others.length === 0) return column
  const signature = `${includes?.signature ?? ''} ${others.map(({ key }) => key).sort().join(' ')}`
  return counts.derived(signature, column, (node) => includes?.node(node) !== false && hasAll(others, node.slot))
}

function domainsOf(constraints: readonly Constraint[], namespace: string, handle: Handle): Domains[] {
  const columns = constraints.map(({ topologyKey }) => handle.counts.column(topologyKey))
  return constraints.map((constraint, i) => {
    const column = columns[i]!
    const counted = countedBy(constraint, column, columns, handle)
    return new Domains(constraint, column, counted, perNode(constraint, namespace, handle).by(counted).values)
  })
}

function hasAll(columns: readonly TopologyColumn[], slot: number): boolean {
  for (const column of columns) if (column.values[slot] === 0) return false
  return true
}

function change(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, by: number): void {
  const domains = state.read<FilterState>(name)?.domains
  if (domains === undefined || other.namespace !== pod.namespace) return
  for (const { column } of domains) if (column.values[node.slot] === 0) return
  for (const entry of domains) {
    const value = entry.counted.at(node.slot)
    if (value !== 0 && entry.constraint.matches(other.labels)) entry.add(value, by)
  }
}

function scoreState(constraints: readonly Constraint[], namespace: string, feasible: readonly NodeInfo[], handle: Handle, requireAll: boolean): ScoreState {
  const ignored = new Set<NodeInfo>()
  const columns = constraints.map(({ topologyKey }) => handle.counts.column(topologyKey))
  if (requireAll && columns.some(({ missing }) => missing > 0)) for (const node of feasible) if (!hasAll(columns, node.slot)) ignored.add(node)
  const entries = constraints.map((constraint, i) => {
    const column = columns[i]!
    const counts = perNode(constraint, namespace, handle)
    const { maxSkew } = constraint
    if (constraint.topologyKey === hostnameLabel) {
      return { maxSkew, column, sums: undefined, perNode: counts, weight: Math.log(feasible.length - ignored.size + 2) }
    }
    // Nodes without the label are one domain where the label is not demanded.
    const seen = new Uint8Array(column.size)
    let domains = 0
    for (const node of feasible) {
      const value = column.values[node.slot]!
      if (seen[value] === 1 || (ignored.size > 0 && ignored.has(node))) continue
      seen[value] = 1
      domains++
    }
    return { maxSkew, column, sums: counts.by(countedBy(constraint, column, requireAll ? columns : [], handle)), perNode: counts, weight: Math.log(domains + 2) }
  })
  return { entries, ignored }
}

/** Whether a change of a pod may make this one fit (upstream: isSchedulableAfterPodChange). */
function podChangeHelps(pod: Pod, { object, old }: ClusterEvent, constraintsOf: () => Constraint[]): boolean {
  const now = object as Pod | undefined
  const before = old as Pod | undefined
  if ((now !== undefined && !involved(now, pod)) || (before !== undefined && !involved(before, pod))) return false
  const constraints = constraintsOf()
  if (now !== undefined && before !== undefined) {
    if (pod.metadata.uid === now.metadata.uid && !jsonEqual(now.spec?.tolerations, before.spec?.tolerations) && constraints.some((c) => c.honorsTaints)) return true
    if (jsonEqual(now.metadata.labels, before.metadata.labels)) return false
    return constraints.some((c) => c.matches(before.metadata.labels ?? {}) !== c.matches(now.metadata.labels ?? {}))
  }
  return constraints.some((c) => c.matches((now ?? before)!.metadata.labels ?? {}))
}

function involved(changed: Pod, pod: Pod): boolean {
  if (changed.metadata.uid === pod.metadata.uid) return true
  if ((changed.spec?.nodeName ?? '') === '' && (changed.status?.nominatedNodeName ?? '') === '') return false
  return changed.metadata.namespace === pod.metadata.namespace
}

function nodeChangeHelps({ object, old }: ClusterEvent, constraints: readonly Constraint[]): boolean {
  const now = object as Node | undefined
  const before = old as Node | undefined
  const matches = (node: Node) => constraints.every((c) => node.metadata.labels?.[c.topologyKey] !== undefined)
  if (now === undefined || before === undefined) return matches((now ?? before)!)
  if (matches(now) !== matches(before)) return true
  return matches(now) && (constraints.some((c) => now.metadata.labels?.[c.topologyKey] !== before.metadata.labels?.[c.topologyKey])
    || !jsonEqual(now.spec?.taints, before.spec?.taints))
}
