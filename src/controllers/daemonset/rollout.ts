/** Which daemon pods a rolling update replaces now (upstream: pkg/controller/daemon/update.go). Pure. */
import type { DaemonSet } from '../../api/generated/types/apps-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { isPodReady, podAvailableAt } from '../../api/helpers/pod-conditions.ts'
import { scaledCount } from '../../api/meta/int-or-string.ts'
import type { Verdict } from './nodes.ts'

export const hashLabel = 'controller-revision-hash'
const generationLabel = 'pod-template-generation'

export interface Rollout {
  readonly set: DaemonSet
  readonly hash: string
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>
  readonly verdictOf: (node: string) => Verdict | undefined
  readonly desired: number
  readonly now: number
}

export interface Replacement {
  /** Nodes that get a new pod. */
  readonly create: string[]
  readonly remove: Pod[]
}

export function templateGeneration(set: DaemonSet): string | undefined {
  return set.metadata.annotations?.['deprecated.daemonset.template.generation']
}

export function isUpdated(set: DaemonSet, pod: Pod, hash: string): boolean {
  const labels = pod.metadata.labels ?? {}
  const generation = templateGeneration(set)
  return labels[hashLabel] === hash || (generation !== undefined && labels[generationLabel] === generation)
}

const rolling = (set: DaemonSet) => (set.spec?.updateStrategy?.type === 'RollingUpdate' ? set.spec.updateStrategy.rollingUpdate : undefined)

export function surgeCount(set: DaemonSet, total: number): number {
  const surge = rolling(set)?.maxSurge
  return surge === undefined ? 0 : scaledCount(surge, total, true)
}

function unavailableCount(set: DaemonSet, total: number): number {
  const unavailable = rolling(set)?.maxUnavailable
  return unavailable === undefined ? 0 : scaledCount(unavailable, total, true)
}

/** The living pods of a node by age of template; undefined when there are several of one kind. */
function sortOut(set: DaemonSet, pods: readonly Pod[], hash: string): { fresh?: Pod; old?: Pod } | undefined {
  const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const fresh = alive.filter((pod) => isUpdated(set, pod, hash))
  const old = alive.filter((pod) => !isUpdated(set, pod, hash))
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] }
}

export function planRollout(rollout: Rollout): Replacement {
  const { set, desired } = rollout
  const surge = surgeCount(set, desired)
  const unavailable = unavailableCount(set, desired)
  return surge > 0 ? withSurge(rollout, surge) : inPlace(rollout, desired > 0 && unavailable === 0 ? 1 : unavailable)
}

const availableIn = ({ set, now }: Rollout) => (pod: Pod): boolean => podAvailableAt(pod, set.spec?.minReadySeconds ?? 0) <= now

/** Old pods are deleted, as many at a time as may be missing; those that do not work may go at once. */
function inPlace(rollout: Rollout, maxUnavailable: number): Replacement {
  const isAvailable = availableIn(rollout)
  const broken: Pod[] = []
  const candidates: Pod[] = []
  let unavailable = 0
  for (const [node, pods] of rollout.podsByNode) {
    if (pods.length === 0 && rollout.verdictOf(node)?.run !== true) continue
    const found = sortOut(rollout.set, pods, rollout.hash)
    if (found === undefined || (found.fresh === undefined) === (found.old === undefined)) unavailable++
    else if (found.fresh !== undefined) unavailable += isAvailable(found.fresh) ? 0 : 1
    else if (isAvailable(found.old!)) candidates.push(found.old!)
    else {
      broken.push(found.old!)
      unavailable++
    }
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] }
}

/** New pods are made beside the old, which go when the new are available. */
function withSurge(rollout: Rollout, maxSurge: number): Replacement {
  const { set, hash, podsByNode, verdictOf, desired } = rollout
  const isAvailable = availableIn(rollout)
  const remove: Pod[] = []
  const misplaced: Pod[] = []
  const urgent: string[] = []
  const candidates: string[] = []
  let surging = 0
  let available = 0
  for (const [node, pods] of podsByNode) {
    const found = sortOut(set, pods, hash)
    if (found === undefined) {
      surging++
      continue
    }
    const { fresh, old } = found
    const serving = old ?? fresh
    if (serving !== undefined && isAvailable(serving)) available++
    if (old === undefined) continue
    if (fresh !== undefined) {
      if (isAvailable(fresh)) remove.push(old)
      else surging++
      continue
    }
    const runs = verdictOf(node)?.run === true
    if (!isAvailable(old)) {
      if (runs) urgent.push(node)
      else remove.push(old)
    } else if (runs) candidates.push(node)
    else misplaced.push(old)
  }
  remove.push(...misplaced.slice(0, Math.max(0, available - desired)))
  return { create: [...urgent, ...candidates.slice(0, Math.max(0, maxSurge - surging))], remove }
}

/** The doubles on a node that may surge: one old and one new pod may be there, the old until the new is available. */
export function surplusWithSurge(set: DaemonSet, pods: readonly Pod[], hash: string, now: number): Pod[] {
  const fresh = pods.filter(({ metadata }) => metadata.labels?.[hashLabel] === hash)
  const old = pods.filter(({ metadata }) => metadata.labels?.[hashLabel] !== hash)
  const surplus = [...fresh.slice(1), ...old.slice(1)]
  const [newest, oldest] = [fresh[0], old[0]]
  if (newest === undefined || oldest === undefined) return surplus
  const replaced = !isPodReady(oldest) || podAvailableAt(newest, set.spec?.minReadySeconds ?? 0) <= now
  return replaced ? [...surplus, oldest] : surplus
}
