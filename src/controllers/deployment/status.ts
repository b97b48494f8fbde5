/** A deployment's status and conditions (upstream: sync.go calculateStatus, progress.go syncRolloutStatus). */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import {
  maxUnavailable, sumActual, sumAvailable, sumReady, sumReplicas, sumTerminating, wanted,
} from './replica-sets.ts'

const maxInt32 = 0x7fffffff

export type Conditions = readonly DeploymentCondition[]

export const findCondition = (conditions: Conditions, type: string): DeploymentCondition | undefined =>
  conditions.find((condition) => condition.type === type)

export const withoutCondition = (conditions: Conditions, type: string): Conditions =>
  conditions.filter((condition) => condition.type !== type)

/** Sets a condition unless status and reason are the same already; the transition time is kept while the status is. */
export function setCondition(
  conditions: Conditions, type: string, status: string, reason: string, message: string, now: number,
): Conditions {
  const current = findCondition(conditions, type)
  if (current !== undefined && current.status === status && current.reason === reason) return conditions
  const time = formatTime(now)
  const lastTransitionTime = current?.status === status ? current.lastTransitionTime : time
  return [...withoutCondition(conditions, type), { type, status, reason, message, lastUpdateTime: time, lastTransitionTime }]
}

export function hasProgressDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds
  return seconds !== undefined && seconds !== null && seconds !== maxInt32
}

export function hasHistoryLimit(deployment: Deployment): boolean {
  const limit = deployment.spec?.revisionHistoryLimit
  return limit !== undefined && limit !== null && limit !== maxInt32
}

/** Counts over the sets, and the Available condition. `conditions` are those that the sync has set so far. */
export function computeStatus(
  deployment: Deployment, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[], conditions: Conditions, now: number,
): DeploymentStatus {
  const all = newSet === undefined ? old : [...old, newSet]
  const available = sumAvailable(all)
  const terminatingReplicas = sumTerminating(all)
  const minimum = available >= wanted(deployment) - maxUnavailable(deployment)
  const next = minimum
    ? setCondition(conditions, 'Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', now)
    : setCondition(conditions, 'Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', now)
  const { collisionCount } = deployment.status ?? {}
  return compact({
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sumActual(all),
    updatedReplicas: newSet === undefined ? 0 : sumActual([newSet]),
    readyReplicas: sumReady(all),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sumReplicas(all) - available),
    ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: [...next],
  })
}

/** As it is on the wire: counts of zero are left out, but for those that may say "zero" (pointers upstream). */
export function compact(status: DeploymentStatus): DeploymentStatus {
  const kept = { ...status }
  for (const name of ['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'] as const) {
    if (kept[name] === 0) delete kept[name]
  }
  if (kept.conditions?.length === 0) delete kept.conditions
  return kept
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status
  return updatedReplicas === wanted(deployment) && replicas === wanted(deployment) && availableReplicas === wanted(deployment)
    && observedGeneration >= (deployment.metadata.generation ?? 0)
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) || old(after) < old(before)
    || (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) || (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
}

function hasTimedOut(deployment: Deployment, conditions: Conditions, now: number): boolean {
  const condition = findCondition(conditions, 'Progressing')
  if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return deadlineAt(deployment, condition) < now
}

function deadlineAt(deployment: Deployment, condition: DeploymentCondition): number {
  return (parseTime(condition.lastUpdateTime ?? '') ?? 0) + (deployment.spec?.progressDeadlineSeconds ?? 0) * 1000
}

/** The status of a rollout: what computeStatus says, and how the rollout is getting on. */
export function rolloutStatus(
  deployment: Deployment, newSet: ReplicaSet | undefined, old: readonly ReplicaSet[], conditions: Conditions, now: number,
): DeploymentStatus {
  const status = computeStatus(deployment, newSet, old, conditions, now)
  let next: Conditions = status.conditions ?? []
  const current = findCondition(conditions, 'Progressing')
  const complete = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable'
  if (!hasProgressDeadline(deployment)) next = withoutCondition(next, 'Progressing')
  else if (!complete) next = progressCondition(deployment, newSet, status, next, now)
  const failure = replicaFailure(newSet, old)
  next = failure === undefined
    ? withoutCondition(next, 'ReplicaFailure')
    : setFailure(next, failure)
  return compact({ ...status, conditions: [...next] })
}

function progressCondition(
  deployment: Deployment, newSet: ReplicaSet | undefined, status: DeploymentStatus, conditions: Conditions, now: number,
): Conditions {
  const subject = newSet === undefined
    ? `Deployment ${JSON.stringify(deployment.metadata.name)}`
    : `ReplicaSet ${JSON.stringify(newSet.metadata.name)}`
  if (isComplete(deployment, status)) {
    return setCondition(conditions, 'Progressing', 'True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`, now)
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    // Written even when nothing else of it changes: the deadline counts from its lastUpdateTime.
    const current = findCondition(conditions, 'Progressing')
    const time = formatTime(now)
    const lastTransitionTime = current?.status === 'True' ? current.lastTransitionTime : time
    return [
      ...withoutCondition(conditions, 'Progressing'),
      {
        type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.`,
        lastUpdateTime: time, lastTransitionTime,
      },
    ]
  }
  if (!hasTimedOut(deployment, conditions, now)) return conditions
  return setCondition(conditions, 'Progressing', 'False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`, now)
}

function replicaFailure(newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): DeploymentCondition | undefined {
  for (const set of newSet === undefined ? old : [newSet, ...old]) {
    const found = set.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure')
    if (found !== undefined) return { ...found, lastUpdateTime: found.lastTransitionTime }
  }
  return undefined
}

function setFailure(conditions: Conditions, failure: DeploymentCondition): Conditions {
  const current = findCondition(conditions, failure.type)
  if (current !== undefined && current.status === failure.status && current.reason === failure.reason) return conditions
  return [...withoutCondition(conditions, failure.type), failure]
}

/** After how many ms a rollout that is under way has to be looked at, in case it is stuck. */
export function progressCheckAfter(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const condition = findCondition(status.conditions ?? [], 'Progressing')
  if (!hasProgressDeadline(deployment) || condition === undefined) return undefined
  if (isComplete(deployment, status) || condition.reason === 'ProgressDeadlineExceeded') return undefined
  if (condition.reason === 'NewReplicaSetAvailable') return undefined
  return Math.max(1000, deadlineAt(deployment, condition) - now + 1000)
}
