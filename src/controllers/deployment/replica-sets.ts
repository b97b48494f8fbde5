/** Arithmetic over a deployment's replica sets (upstream: pkg/controller/deployment/util). */
import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import { scaledCount } from '../../api/meta/int-or-string.ts'
import { equalTemplates } from './template.ts'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
export const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'

export const replicasOf = (set: ReplicaSet): number => set.spec?.replicas ?? 1
export const wanted = (deployment: Deployment): number => deployment.spec?.replicas ?? 1
export const isActive = (set: ReplicaSet): boolean => replicasOf(set) > 0
export const isRolling = (deployment: Deployment): boolean => (deployment.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number => sets.reduce((total, set) => total + of(set), 0)

export const sumReplicas = (sets: readonly ReplicaSet[]): number => sum(sets, replicasOf)
export const sumActual = (sets: readonly ReplicaSet[]): number => sum(sets, (set) => set.status?.replicas ?? 0)
export const sumReady = (sets: readonly ReplicaSet[]): number => sum(sets, (set) => set.status?.readyReplicas ?? 0)
export const sumAvailable = (sets: readonly ReplicaSet[]): number => sum(sets, (set) => set.status?.availableReplicas ?? 0)

/** undefined as long as one replica set has not said. */
export function sumTerminating(sets: readonly ReplicaSet[]): number | undefined {
  let total = 0
  for (const { status } of sets) {
    const { observedGeneration = 0, terminatingReplicas } = status ?? {}
    if (terminatingReplicas === undefined) {
      // A set that nobody has looked at yet has nothing to tell.
      if (observedGeneration !== 0) return undefined
    } else total += terminatingReplicas
  }
  return total
}

/** How many pods above and below the wanted number a rollout may go. Never both zero. */
export function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const rolling = deployment.spec?.strategy?.rollingUpdate
  const total = wanted(deployment)
  try {
    const surge = scaledCount(rolling?.maxSurge ?? 0, total, true)
    const unavailable = scaledCount(rolling?.maxUnavailable ?? 0, total, false)
    return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable }
  } catch {
    return { surge: 0, unavailable: 0 }
  }
}

export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? fenceposts(deployment).surge : 0
}

export function maxUnavailable(deployment: Deployment): number {
  if (!isRolling(deployment) || wanted(deployment) === 0) return 0
  return Math.min(fenceposts(deployment).unavailable, wanted(deployment))
}

/** Old to new; names decide between equals. */
export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (left !== right) return left < right ? -1 : 1
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
}

/** The set that the template made: the oldest one if there are several. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byCreation).find((set) => equalTemplates(set.spec?.template, deployment.spec?.template))
}

/** The revision in the annotation (an int64); 0 without one, undefined when it is no number. */
export function revisionOf(set: ReplicaSet): bigint | undefined {
  const text = set.metadata.annotations?.[revisionAnnotation]
  if (text === undefined) return 0n
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

export function maxRevision(sets: readonly ReplicaSet[]): bigint {
  return sets.map((set) => revisionOf(set) ?? 0n).reduce((max, revision) => (revision > max ? revision : max), 0n)
}

/** How many replicas the new set may have now, given all sets (itself among them). */
export function newSetReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  if (!isRolling(deployment)) return wanted(deployment)
  const surge = scaledCount(deployment.spec?.strategy?.rollingUpdate?.maxSurge ?? 0, wanted(deployment), true)
  const room = wanted(deployment) + surge - sumReplicas(all)
  return room <= 0 ? current : current + Math.min(room, wanted(deployment) - current)
}

/** Whether the set has as many available replicas as are wanted, and knows how many that are. */
export function isSaturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  if (set === undefined) return false
  const desired = set.metadata.annotations?.[desiredReplicasAnnotation]
  return replicasOf(set) === wanted(deployment) && desired === String(wanted(deployment))
    && (set.status?.availableReplicas ?? 0) === wanted(deployment)
}

/** The one set that scaling concerns: the only active one, or the newest when none is. */
export function findActiveOrLatest(newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const all = newSet === undefined ? old : [...old, newSet]
  const active = all.filter(isActive)
  if (active.length > 1) return undefined
  return active[0] ?? newSet ?? [...old].sort(byCreation).at(-1)
}

/**
 * New sizes, by name, after the wanted number has changed in the middle of a rollout: each set gets its proportion, the
 * largest gets what rounding leaves over.
 */
export function proportionalSizes(deployment: Deployment, sets: readonly ReplicaSet[]): Map<string, number> {
  const active = sets.filter(isActive)
  const allowed = wanted(deployment) > 0 ? wanted(deployment) + maxSurge(deployment) : 0
  const toAdd = allowed - sumReplicas(active)
  const bySize = (a: ReplicaSet, b: ReplicaSet): number => replicasOf(b) - replicasOf(a)
  active.sort((a, b) => bySize(a, b) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)))
  const sizes = new Map<string, number>()
  let added = 0
  for (const set of active) {
    const share = toAdd === 0 ? 0 : proportion(set, deployment, toAdd, added)
    sizes.set(set.metadata.name ?? '', replicasOf(set) + share)
    added += share
  }
  const first = active[0]?.metadata.name
  if (first !== undefined && toAdd !== 0) sizes.set(first, Math.max(0, sizes.get(first)! + toAdd - added))
  return sizes
}

function proportion(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (replicasOf(set) === 0 || toAdd === added) return 0
  const fraction = fractionOf(set, deployment)
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added)
}

function fractionOf(set: ReplicaSet, deployment: Deployment): number {
  if (wanted(deployment) === 0) return -replicasOf(set)
  const before = nonNegative(set.metadata.annotations?.[maxReplicasAnnotation]) || (deployment.status?.replicas ?? 0)
  if (before === 0) return 0
  const size = (replicasOf(set) * (wanted(deployment) + maxSurge(deployment))) / before
  return Math.floor(size + 0.5) - replicasOf(set)
}

/** The number of replicas that were wanted when the set was last scaled. */
export function desiredReplicas(set: ReplicaSet): number | undefined {
  return nonNegative(set.metadata.annotations?.[desiredReplicasAnnotation])
}

function nonNegative(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= 0x7fffffff ? Number(text) : undefined
}
