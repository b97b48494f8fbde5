/**
 * The scheduling framework (upstream: k8s.io/kube-scheduler/framework). A scheduling cycle is synchronous: because
 * nothing else runs meanwhile, the live cache is its snapshot. Per-node hooks allocate nothing on success.
 */
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

export type Code = 'Error' | 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Wait' | 'Pending'

/** A refusal is a value. Success is undefined. */
export interface Verdict {
  readonly code: Code
  readonly reasons: readonly string[]
  /** Name of the plugin that said it; set by the framework. */
  readonly plugin?: string
}

export function unschedulable(...reasons: string[]): Verdict {
  return { code: 'Unschedulable', reasons }
}

export function unresolvable(...reasons: string[]): Verdict {
  return { code: 'UnschedulableAndUnresolvable', reasons }
}

/** What plugins of one cycle tell each other, by plugin name. */
export class CycleState {
  readonly data = new Map<string, unknown>()
  /** Plugins whose PreFilter said that their Filter has nothing to do for this pod. */
  readonly skipFilter = new Set<string>()
  readonly skipScore = new Set<string>()

  read<T>(key: string): T | undefined {
    return this.data.get(key) as T | undefined
  }

  /** For dry runs: plugins that keep counts copy them when they change them (see AddPod, RemovePod). */
  clone(): CycleState {
    const copy = new CycleState()
    for (const [key, value] of this.data) copy.data.set(key, isCloneable(value) ? value.clone() : value)
    for (const name of this.skipFilter) copy.skipFilter.add(name)
    for (const name of this.skipScore) copy.skipScore.add(name)
    return copy
  }
}

interface Cloneable {
  clone(): unknown
}

function isCloneable(value: unknown): value is Cloneable {
  return typeof value === 'object' && value !== null && 'clone' in value && typeof value.clone === 'function'
}

export type EventResource =
  | 'Pod/assigned' | 'Pod/unscheduled' | 'Node' | 'PersistentVolumeClaim' | 'PersistentVolume' | 'StorageClass' | 'CSINode' | '*'
export type EventAction = 'Add' | 'Update' | 'Delete'

/** A change in the cluster that may make a refused pod schedulable. */
export interface ClusterEvent {
  readonly resource: EventResource
  readonly action: EventAction
  readonly object?: unknown
  readonly old?: unknown
}

export interface EventInterest {
  readonly resource: EventResource
  readonly actions: readonly EventAction[]
  /** Whether this very change may help this pod; absent: it may. */
  hint?(pod: Pod, event: ClusterEvent): boolean
}

/** What a plugin may look at: the live cache and the listers of other kinds. */
export interface Handle {
  readonly nodes: readonly NodeInfo[]
  node(name: string): NodeInfo | undefined
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>
  budgets(): readonly PodDisruptionBudget[]
  /** Selector of the services and the workload that the pod belongs to; undefined when there is none. */
  defaultSelector(pod: Pod): ((labels: Readonly<Record<string, string>>) => boolean) | undefined
}

export interface PreFilterResult {
  /** Only these nodes need to be looked at. */
  readonly nodeNames?: ReadonlySet<string>
  /** Filter has nothing to do for this pod. */
  readonly skip?: boolean
  readonly refused?: Verdict
}

export interface SchedulerPlugin {
  readonly name: string
  readonly events?: readonly EventInterest[]
  /** Gates: a verdict keeps the pod out of the active queue. */
  preEnqueue?(pod: Pod): Verdict | undefined
  preFilter?(state: CycleState, pod: PodInfo, handle: Handle): PreFilterResult | undefined
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined
  /** Keep the state that preFilter made in step with a pod that a dry run adds to, or takes from, a node. */
  addPod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
  removePod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
  /** Returns true when Score has nothing to do for this pod. */
  preScore?(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[], handle: Handle): boolean
  /** 0..100, or any number when normalize makes it that. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo, handle: Handle): number
  normalize?(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[], scores: Float64Array): void
  reserve?(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined
  unreserve?(state: CycleState, pod: PodInfo, node: NodeInfo): void
  preBind?(state: CycleState, pod: PodInfo, node: Node, signal: AbortSignal): Promise<Verdict | undefined>
}

export const maxNodeScore = 100

/** Scales scores to 0..100 by the highest; `reverse` makes the lowest the best (upstream: DefaultNormalizeScore). */
export function defaultNormalize(scores: Float64Array, reverse: boolean): void {
  let highest = 0
  for (const score of scores) if (score > highest) highest = score
  if (highest === 0) {
    if (reverse) scores.fill(maxNodeScore)
    return
  }
  for (let i = 0; i < scores.length; i++) {
    const scaled = Math.trunc((maxNodeScore * scores[i]!) / highest)
    scores[i] = reverse ? maxNodeScore - scaled : scaled
  }
}
