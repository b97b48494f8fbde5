/**
 * Room for a whole pod group: which pods, and groups that go as a whole, are evicted anywhere in the cluster (upstream:
 * framework/preemption/podgrouppreemption.go). Behind WorkloadAwarePreemption.
 */
import { podDisruptionBudgets, podGroups, pods } from '../api/generated/resources.ts'
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import type { SchedulerContext } from './context.ts'
import type { Group, GroupTrial } from './group-trial.ts'
import { budgetCheck } from './plugins/budgets.ts'
import type { NodeInfo, PodInfo } from './snapshot.ts'

/** What is evicted together or not at all. */
export interface Victim {
  readonly pods: readonly PodInfo[]
  readonly priority: number
  /** Its pods are of a pod group, evicted as a whole or not. */
  readonly grouped: boolean
  /** Of its first pod; '~' without one, which counts as the latest. */
  readonly start: string
}

/** The trial's result when its pods wait for victims to go, or with the reason why nothing is evicted. */
export async function preemptFor(context: SchedulerContext, group: Group, trial: GroupTrial, again: () => Promise<GroupTrial>): Promise<GroupTrial> {
  const refused = (why: string): GroupTrial => ({ ...trial, message: `${trial.message}, ${why}` })
  if (!group.framework.plugins.some(({ name }) => name === 'DefaultPreemption')) {
    return refused('default preemption plugin is not registered, workload aware preemption is disabled')
  }
  const { namespace, name } = group
  const object = context.informers.of(podGroups).get({ namespace, name })
  if (object === undefined) return { ...trial, result: 'error', message: `failed to get pod group object: podgroup.scheduling.k8s.io "${name}" not found` }
  if ((object.spec.schedulingConstraints?.topology?.length ?? 0) > 0) {
    return refused('workload aware preemption is not supported for pod groups with scheduling constraints')
  }
  if (group.members.some(({ pod }) => pod.spec?.preemptionPolicy === 'Never')) return refused('not eligible due to preemptionPolicy=Never.')
  const possible = victimsIn(context.cache.nodes, (of, its) => context.informers.of(podGroups).get({ namespace: of, name: its }))
    .filter(({ priority }) => priority < priorityOf(object))
  if (possible.length === 0) return refused('No preemption victims found for incoming preemptor')
  const found = await select(context, possible, again)
  if ('trial' in found) return found.trial.result === 'error' ? { ...trial, result: 'error', message: found.trial.message } : refused(found.trial.message)
  context.evictions.evictFor({
    uid: object.metadata.uid!, priority: priorityOf(object), profile: group.framework.profile, type: 'podgroup', pods: group.members.map(({ pod }) => pod),
    reference: { apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', namespace, name, uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion },
  }, 'cluster', found.victims.flatMap((victim) => victim.pods))
  return { ...trial, result: 'waiting_on_preemption' }
}

/** Takes all out, then gives back as many as the group still fits beside: the protected first, the important before others. */
async function select(context: SchedulerContext, possible: readonly Victim[], again: () => Promise<GroupTrial>): Promise<{ readonly victims: readonly Victim[] } | { readonly trial: GroupTrial }> {
  const lifted = new Map<Victim, readonly (() => void)[]>()
  const lift = (victim: Victim) => void lifted.set(victim, victim.pods.map((pod) => liftOne(context, pod)))
  const back = (victim: Victim) => {
    for (const putBack of lifted.get(victim) ?? []) putBack()
    lifted.delete(victim)
  }
  try {
    for (const victim of possible) lift(victim)
    const trial = await again()
    if (trial.result !== 'scheduled') return { trial }
    const victims: Victim[] = []
    for (const victim of byProtection(possible, context.informers.of(podDisruptionBudgets).list())) {
      back(victim)
      if ((await again()).result === 'scheduled') continue
      lift(victim)
      victims.push(victim)
    }
    return { victims: victims.toSorted(moreImportantFirst) }
  } finally {
    for (const victim of lifted.keys()) back(victim)
  }
}

/** Where extenders are asked the cluster goes on meanwhile: a pod that went away stays away. */
function liftOne({ cache, informers }: SchedulerContext, { uid, pod }: PodInfo): () => void {
  const putBack = cache.lift(uid)
  const { namespace, name } = pod.metadata
  return () => {
    if (informers.of(pods).get({ namespace, name: name! })?.metadata.uid === uid) putBack()
  }
}

/** Every pod on its own, but those of a group that is disrupted as a whole together. */
export function victimsIn(nodes: readonly NodeInfo[], groupOf: (namespace: string, name: string) => PodGroup | undefined): Victim[] {
  const groups = new Map<string, { readonly group: PodGroup; readonly pods: PodInfo[] }>()
  const victims: Victim[] = []
  for (const node of nodes) {
    for (const pod of node.pods.values()) {
      const name = podGroupOf(pod.pod)
      const group = name === undefined ? undefined : groupOf(pod.namespace, name)
      if (group?.spec.disruptionMode !== 'PodGroup') {
        victims.push({ pods: [pod], priority: pod.priority, grouped: name !== undefined, start: startOf(pod) })
        continue
      }
      const key = group.metadata.uid!
      const known = groups.get(key)
      if (known === undefined) groups.set(key, { group, pods: [pod] })
      else known.pods.push(pod)
    }
  }
  for (const { group, pods: its } of groups.values()) victims.push({ pods: its, priority: priorityOf(group), grouped: true, start: startOf(its[0]!) })
  return victims
}

/** Priority; groups before single pods; of groups the larger; the one that started first. */
export function moreImportantFirst(a: Victim, b: Victim): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  if (a.grouped !== b.grouped) return a.grouped ? -1 : 1
  if (a.grouped && a.pods.length !== b.pods.length) return b.pods.length - a.pods.length
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0
}

/** Those whose eviction would break a budget, then the others; the important first. */
export function byProtection(victims: readonly Victim[], budgets: readonly PodDisruptionBudget[]): Victim[] {
  const sorted = victims.toSorted(moreImportantFirst)
  const breaks = budgetCheck(budgets, false)
  const broken = new Set(sorted.filter((victim) => victim.pods.some(breaks)))
  return [...broken, ...sorted.filter((victim) => !broken.has(victim))]
}

function startOf({ pod }: PodInfo): string {
  return pod.status?.startTime ?? '~'
}

function priorityOf({ spec }: PodGroup): number {
  return spec.priority ?? 0
}
