/**
 * The scheduling framework (upstream: k8s.io/kube-scheduler/framework). A scheduling cycle is synchronous: because
 * nothing else runs meanwhile, the live cache is its snapshot. Per-node hooks allocate nothing on success.
 */
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { Resource } from '../api/meta/object.ts'
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import type { Lister } from '../client/lister.ts'
import type { EventInterest } from './cluster-events.ts'
import type { Extender } from './extender.ts'
import type { KeptResults } from './kept-results.ts'
import type { PodCounts } from './pod-counts.ts'
import type { PodGroupState } from './pod-groups.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

export type Code = 'Error' | 'Unschedulable' | 'UnschedulableAndUnresolvable' | 'Pending'

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

/** Something went wrong that is not the pod's fault; it is tried again after a back-off. */
export function failed(error: unknown): Verdict {
  return { code: 'Error', reasons: [error instanceof Error ? error.message : String(error)] }
}

/** What plugins of one cycle tell each other, by plugin name. */
export class CycleState {
  readonly data = new Map<string, unknown>()
  /** Plugins whose PreFilter said that their Filter has nothing to do for this pod. */
  readonly skipFilter = new Set<string>()
  /** What local plugins said before of pods of this shape; of the framework's own. */
  kept: KeptResults | undefined

  read<T>(key: string): T | undefined {
    return this.data.get(key) as T | undefined
  }

  /** For dry runs: plugins that keep counts copy them when they change them (see AddPod, RemovePod). */
  clone(): CycleState {
    const copy = new CycleState()
    for (const [key, value] of this.data) copy.data.set(key, isCloneable(value) ? value.clone() : value)
    for (const name of this.skipFilter) copy.skipFilter.add(name)
    return copy
  }
}

interface Cloneable {
  clone(): unknown
}

function isCloneable(value: unknown): value is Cloneable {
  return typeof value === 'object' && value !== null && 'clone' in value && typeof value.clone === 'function'
}

/** What a plugin may look at and use. */
export interface Handle {
  readonly env: Env
  /** For plugins that write in PreBind, Bind or PostFilter; undefined where nothing may be written (explain, tests). */
  readonly client: Client | undefined
  /** Nodes that exist, zones taken in turn. */
  readonly nodes: readonly NodeInfo[]
  node(name: string): NodeInfo | undefined
  /** Pods by what they match, counted per node. */
  readonly counts: PodCounts
  /** How many nodes hold the image. */
  nodesWithImage(name: string): number
  /** One more than the highest slot of a node. */
  readonly slots: number
  /** Changes when nodesWithImage may answer otherwise. */
  readonly imagesVersion: number
  /** Objects of other kinds; call it when the plugin is created, so that an informer runs from the start. */
  lister<T>(resource: Resource<T>): Lister<T>
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>
  /** Brings pods that wait back to the active queue. */
  activate(pods: readonly Pod[]): void
  /** Programs outside that have a say. */
  readonly extenders: readonly Extender[]
  /** How far the pods of a pod group are. */
  podGroup(namespace: string, name: string): PodGroupState
  /** Whether a feature gate is on. */
  feature(name: string): boolean
  /** Pods that Permit made wait. */
  waiting(): readonly WaitingPod[]
  /** Takes the victim away: a waiting pod is rejected, others are deleted. Only in PostFilter's aftermath. */
  readonly preemptor: Preemptor | undefined
}

export interface WaitingPod {
  readonly pod: Pod
  readonly node: string
  allow(plugin: string): void
  /** False when it had been allowed or rejected before. */
  reject(plugin: string, message: string): boolean
}

export interface Preemptor {
  /** A pod asked whether others could go for it. */
  attempted(): void
  evict(preemptor: PodInfo, node: string, victims: readonly PodInfo[]): void
  nominatedOn(node: string): readonly PodInfo[]
  /** Whether victims of this pod, or pod group, are still being deleted. */
  isPreempting(uid: string): boolean
}

export interface PreFilterResult {
  /** Only these nodes need to be looked at. */
  readonly nodeNames?: ReadonlySet<string>
  /** Filter has nothing to do for this pod. */
  readonly skip?: boolean
  readonly refused?: Verdict
}

export interface Diagnosis {
  /** Why each node refused; nodes that were not looked at are absent. */
  readonly verdicts: Map<string, Verdict>
  /** What counts for the nodes that are not in `verdicts`. */
  absent: Verdict | undefined
  /** Plugins that refused anything. */
  readonly unschedulablePlugins: Set<string>
  readonly pendingPlugins: Set<string>
  /** Set when a PreFilter refused the pod as a whole. */
  preFilterMessage: string
  postFilterMessage: string
}

/** What plugins may ask the framework to try again, as preemption does. */
export interface FilterRunner {
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined
  addPod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
  removePod(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
}

export interface PostFilterResult {
  /** undefined leaves the pod's nomination as it is, '' clears it. */
  readonly nominate?: string
  /** The pod may be schedulable later because of what the plugin did. */
  readonly success: boolean
  readonly message: string
}

export type PermitResult = Verdict | { readonly code: 'Wait'; readonly timeoutMs: number; readonly reason?: string }

/** Nodes on which a pod group is tried by itself. */
export interface Placement {
  /** The value of the topology label; '' for all nodes. */
  readonly name: string
  readonly nodes: readonly NodeInfo[]
}

export interface PodGroupKey {
  readonly namespace: string
  readonly name: string
}

/** What a placement would do for the group. */
export interface ProposedPlacement {
  readonly placement: Placement
  /** Pods that would get a node. */
  readonly assignments: readonly { readonly pod: PodInfo; readonly node: string }[]
}

export interface SchedulerPlugin {
  readonly name: string
  readonly events?: readonly EventInterest[]
  /**
   * Filter and Score depend on nothing but the pod's shape (shapeOf), the node itself and which nodes have which images,
   * so that what they say is kept until the node changes.
   */
  readonly local?: boolean
  /** Gates: a verdict keeps the pod out of the active queue. */
  preEnqueue?(pod: Pod): Verdict | undefined
  /** Order of the queue. */
  less?(a: QueueOrder, b: QueueOrder): boolean
  preFilter?(state: CycleState, pod: PodInfo): PreFilterResult | undefined
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined
  /** Keep the state that preFilter made in step with a pod that a dry run adds to, or takes from, a node. */
  addPod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
  removePod?(state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo): void
  /** Waits only where extenders are asked. */
  postFilter?(state: CycleState, pod: PodInfo, diagnosis: Diagnosis, runner: FilterRunner): PostFilterResult | Promise<PostFilterResult>
  /** Returns true when Score has nothing to do for this pod. */
  preScore?(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): boolean
  /** 0..100, or any number when normalize makes it that. */
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number
  normalize?(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[], scores: Float64Array): void
  reserve?(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict | undefined
  unreserve?(state: CycleState, pod: PodInfo, nodeName: string): void
  permit?(state: CycleState, pod: PodInfo, node: NodeInfo): PermitResult | undefined
  /** Whether PreBind will have something to do, so that the pod is shown as nominated meanwhile. */
  preBindPreFlight?(state: CycleState, pod: PodInfo, nodeName: string): boolean
  preBind?(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Verdict | undefined>
  /** Answers false when it leaves the binding to the next plugin. Throws when it failed. */
  bind?(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<boolean>
  postBind?(state: CycleState, pod: PodInfo, nodeName: string): void
  /** The sets of nodes that a pod group may be tried on, each by itself. Throws when it cannot tell. */
  generatePlacements?(group: PodGroupKey, parent: Placement): readonly Placement[]
  /** How good a placement is that would take the group: 0..100, or any number when normalizePlacements makes it that. */
  scorePlacement?(group: PodGroupKey, proposed: ProposedPlacement): number
  /** Throws when the scores make no sense. */
  normalizePlacements?(group: PodGroupKey, scores: Float64Array): void
}

export interface QueueOrder {
  readonly priority: number
  /** Milliseconds. */
  readonly timestamp: number
  readonly pod: Pod
}

/** Arguments as the configuration gives them, defaults filled in by the plugin's definition. */
export type PluginArgs = Readonly<Record<string, unknown>>

/** A plugin as the registry knows it. */
export interface PluginDefinition {
  readonly name: string
  create(args: PluginArgs, handle: Handle): SchedulerPlugin
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
