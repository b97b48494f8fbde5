/** What to do about a deployment now (upstream: pkg/controller/deployment). */
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { deployments, replicaSets } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { claim } from '../../client/controller-refs.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { event, isNamespaceTerminating, type Outcome, type Step, updateStatus } from '../../client/steps.ts'
import { compileSelector } from '../shared/selectors.ts'
import { creationFailure, Draft } from './draft.ts'
import {
  byCreation, desiredReplicas, findActiveOrLatest, isActive, isRolling, isSaturated, maxUnavailable, newSetReplicas,
  proportionalSizes, replicasOf, revisionAnnotation, revisionOf, sumActual, sumAvailable, sumReplicas, wanted,
} from './replica-sets.ts'
import {
  compact, computeStatus, type Conditions, findCondition, hasHistoryLimit, hasProgressDeadline, isComplete,
  progressCheckAfter, rolloutStatus, setCondition,
} from './status.ts'

export interface DeploymentSnapshot {
  readonly deployment: Deployment
  /** Replica sets of the namespace that it controls, and orphans. */
  readonly sets: readonly ReplicaSet[]
  /** Pods of a replica set, by its uid. Asked for by strategy Recreate only. */
  readonly podsOf: (uid: string) => readonly Pod[]
}

export function planDeployment({ deployment, sets, podsOf }: DeploymentSnapshot, { now }: World): Plan {
  const selector = deployment.spec?.selector
  if (selector === undefined || Object.keys(selector).length === 0) return selectsAll(deployment)
  const compiled = compileSelector(selector)
  const { owned, steps: claimSteps } = claim({
    owner: deployment, ownerResource: deployments as Resource<KubeObject>, resource: replicaSets,
    ownerKind: { apiVersion: 'apps/v1', kind: 'Deployment' }, objects: sets, matches: (set) => compiled.matches(set.metadata.labels),
  })
  const draft = new Draft(deployment, owned)
  const conditions = deployment.status?.conditions ?? []
  if (deployment.metadata.deletionTimestamp !== undefined) {
    draft.syncNewSet()
    return finish(draft, claimSteps, computeStatus(deployment, draft.newSet, draft.old, conditions, now), now)
  }
  const current = pauseCondition(deployment, conditions, now)
  if (deployment.spec?.paused === true || isScalingEvent(draft)) {
    draft.syncNewSet()
    scaleOnly(draft)
    if (deployment.spec?.paused === true) cleanUp(draft)
    return finish(draft, claimSteps, computeStatus(deployment, draft.newSet, draft.old, foundCondition(draft, current, now), now), now)
  }
  if (isRolling(deployment)) rollOut(draft)
  else recreate(draft, podsOf)
  const status = rolloutStatus(deployment, draft.newSet, draft.old, foundCondition(draft, current, now), now)
  return finish(draft, claimSteps, status, now)
}

function selectsAll(deployment: Deployment): Plan {
  const steps: Step[] = [
    event(deployment, 'Warning', 'SelectingAll', 'This deployment is selecting all pods. A non-empty selector is required.'),
  ]
  const generation = deployment.metadata.generation ?? 0
  if ((deployment.status?.observedGeneration ?? 0) < generation) {
    steps.push(updateStatus(deployments, { ...deployment, status: { ...deployment.status, observedGeneration: generation } }))
  }
  return { steps }
}

/** Pausing and resuming stop and restart the progress deadline. */
function pauseCondition(deployment: Deployment, conditions: Conditions, now: number): Conditions {
  if (!hasProgressDeadline(deployment)) return conditions
  const current = findCondition(conditions, 'Progressing')
  if (current?.reason === 'ProgressDeadlineExceeded') return conditions
  const paused = current?.reason === 'DeploymentPaused'
  if (deployment.spec?.paused === true && !paused) {
    return setCondition(conditions, 'Progressing', 'Unknown', 'DeploymentPaused', 'Deployment is paused', now)
  }
  if (deployment.spec?.paused !== true && paused) {
    return setCondition(conditions, 'Progressing', 'Unknown', 'DeploymentResumed', 'Deployment is resumed', now)
  }
  return conditions
}

/** Says where the new set came from, unless more is known already. */
function foundCondition(draft: Draft, conditions: Conditions, now: number): Conditions {
  const { newSet, deployment } = draft
  if (newSet === undefined || !hasProgressDeadline(deployment)) return conditions
  const name = JSON.stringify(newSet.metadata.name)
  if (draft.creates) return setCondition(conditions, 'Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set ${name}`, now)
  if (findCondition(conditions, 'Progressing') !== undefined) return conditions
  return setCondition(conditions, 'Progressing', 'True', 'FoundNewReplicaSet', `Found new replica set ${name}`, now)
}

/** The wanted number has changed since an active set was last scaled. */
function isScalingEvent(draft: Draft): boolean {
  return draft.all.filter(isActive).some((set) => {
    const desired = desiredReplicas(set)
    return desired !== undefined && desired !== wanted(draft.deployment)
  })
}

function scaleOnly(draft: Draft): void {
  const { deployment } = draft
  const only = findActiveOrLatest(draft.newSet, draft.old)
  if (only !== undefined) {
    draft.scale(only, wanted(deployment))
    return
  }
  if (isSaturated(deployment, draft.newSet)) {
    for (const set of draft.old.filter(isActive)) draft.scale(set, 0)
    return
  }
  if (!isRolling(deployment)) return
  const sizes = proportionalSizes(deployment, draft.all)
  for (const set of draft.all.filter(isActive)) draft.scale(set, sizes.get(set.metadata.name ?? '') ?? replicasOf(set), true)
}

function rollOut(draft: Draft): void {
  const { deployment } = draft
  draft.syncNewSet()
  if (draft.newSet === undefined) draft.createNewSet()
  else if (scaleUpNew(draft, draft.newSet)) return
  if (scaleDownOld(draft, draft.newSet!)) return
  if (isComplete(deployment, deployment.status ?? {})) cleanUp(draft)
}

function scaleUpNew(draft: Draft, newSet: ReplicaSet): boolean {
  const { deployment } = draft
  const [have, want] = [replicasOf(newSet), wanted(deployment)]
  if (have === want) return false
  return draft.scale(newSet, have > want ? want : newSetReplicas(deployment, draft.all, have))
}

/** Old sets shrink by what is above the minimum; replicas that do not work go first, whatever set they are in. */
function scaleDownOld(draft: Draft, newSet: ReplicaSet): boolean {
  const { deployment } = draft
  const active = draft.old.filter(isActive).sort(byCreation)
  if (active.length === 0) return false
  const minimum = wanted(deployment) - maxUnavailable(deployment)
  const notYet = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0)
  const room = sumReplicas(draft.all) - minimum - notYet
  if (room <= 0) return false

  const sizes = new Map(active.map((set) => [set.metadata.name ?? '', replicasOf(set)]))
  let cleaned = 0
  for (const set of active) {
    if (cleaned >= room) break
    const broken = replicasOf(set) - (set.status?.availableReplicas ?? 0)
    const count = Math.min(room - cleaned, broken)
    if (count <= 0) continue
    sizes.set(set.metadata.name ?? '', replicasOf(set) - count)
    cleaned += count
  }
  let surplus = sumAvailable([...active, newSet]) - minimum
  for (const set of active) {
    if (surplus <= 0) break
    const size = sizes.get(set.metadata.name ?? '')!
    const count = Math.min(size, surplus)
    sizes.set(set.metadata.name ?? '', size - count)
    surplus -= count
  }
  let scaled = false
  for (const set of active) scaled = draft.scale(set, sizes.get(set.metadata.name ?? '')!) || scaled
  return scaled
}

/** Everything old has to be gone before anything new is made. */
function recreate(draft: Draft, podsOf: (uid: string) => readonly Pod[]): void {
  const { deployment } = draft
  draft.syncNewSet()
  const active = draft.old.filter(isActive)
  for (const set of active) draft.scale(set, 0)
  if (active.length > 0 || oldPodsRunning(draft, podsOf)) return
  if (draft.newSet === undefined) draft.createNewSet()
  else draft.scale(draft.newSet, wanted(deployment))
  if (isComplete(deployment, deployment.status ?? {})) cleanUp(draft)
}

function oldPodsRunning(draft: Draft, podsOf: (uid: string) => readonly Pod[]): boolean {
  if (sumActual(draft.old) > 0) return true
  return draft.old.some((set) => podsOf(set.metadata.uid ?? '').some(({ status }) => status?.phase !== 'Failed' && status?.phase !== 'Succeeded'))
}

/** Old sets beyond the history limit go, the oldest revisions first, if nothing is left of them. */
function cleanUp(draft: Draft): void {
  const { deployment } = draft
  if (!hasHistoryLimit(deployment)) return
  const candidates = draft.old.filter((set) => set.metadata.deletionTimestamp === undefined)
  const surplus = candidates.length - (deployment.spec?.revisionHistoryLimit ?? 0)
  if (surplus <= 0) return
  candidates.sort((a, b) => {
    const [left, right] = [revisionOf(a), revisionOf(b)]
    return left === undefined || right === undefined || left === right ? byCreation(a, b) : left < right ? -1 : 1
  })
  for (const set of candidates.slice(0, surplus)) {
    const { replicas = 0, observedGeneration = 0 } = set.status ?? {}
    if (replicas === 0 && replicasOf(set) === 0 && (set.metadata.generation ?? 0) <= observedGeneration) draft.remove(set)
  }
}

function finish(draft: Draft, claimSteps: readonly Step[], status: DeploymentStatus, now: number): Plan {
  const { deployment } = draft
  return {
    steps: [...claimSteps, ...draft.steps()],
    status: (outcome) => statusSteps(draft, status, outcome, now),
    requeueAfterMs: progressCheckAfter(deployment, status, now),
  }
}

function statusSteps(draft: Draft, status: DeploymentStatus, outcome: Outcome, now: number): Step[] {
  const { deployment, newSet } = draft
  const error = outcome.errors[0]
  if (error !== undefined) {
    // Only the failure to make the new set says something about the deployment itself.
    return newSet !== undefined && outcome.failed.some((step) => step.do === 'create') ? creationErrorSteps(deployment, newSet, error, now) : []
  }
  const revision = newSet?.metadata.annotations?.[revisionAnnotation]
  const annotations = deployment.metadata.annotations ?? {}
  const sameRevision = revision === undefined || annotations[revisionAnnotation] === revision
  if (sameRevision && equalJson(status, compact(deployment.status ?? {}))) return []
  const metadata = sameRevision ? deployment.metadata : { ...deployment.metadata, annotations: { ...annotations, [revisionAnnotation]: revision } }
  return [updateStatus(deployments, { ...deployment, metadata, status })]
}

function creationErrorSteps(deployment: Deployment, newSet: ReplicaSet, error: Error, now: number): Step[] {
  const status = deployment.status ?? {}
  if (isStatus(error, 'AlreadyExists')) {
    // Somebody else's set has the name: another hash is needed.
    return [updateStatus(deployments, { ...deployment, status: { ...status, collisionCount: (status.collisionCount ?? 0) + 1 } })]
  }
  if (isNamespaceTerminating(error) || !hasProgressDeadline(deployment)) return []
  const conditions = setCondition(
    status.conditions ?? [], 'Progressing', 'False', 'ReplicaSetCreateError', creationFailure(newSet, error), now,
  )
  return [updateStatus(deployments, { ...deployment, status: { ...status, conditions: [...conditions] } })]
}
