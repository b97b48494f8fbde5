/**
 * So many pods as `replicas` says (upstream: pkg/controller/replicaset). Replica sets and replication controllers are
 * both a Replicator here; they differ in their kinds and in how they write their selector.
 */
import type { ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/types/apps-v1.ts'
import type { Pod, PodTemplateSpec } from '../../api/generated/types/core-v1.ts'
import { pods as podResource } from '../../api/generated/resources.ts'
import { isPodActive, isPodReady, podAvailableAt } from '../../api/helpers/pod-conditions.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { isControlledBy, newControllerRef } from '../../api/meta/owner-references.ts'
import type { LabelSelector } from '../../api/meta/selectors.ts'
import { formatTime } from '../../api/meta/time.ts'
import { claim } from '../../client/controller-refs.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { batch, isNamespaceTerminating, type Outcome, type Step, updateStatus } from '../../client/steps.ts'
import { podsToDelete } from '../shared/pod-ranking.ts'
import { createPod, deletePod, podFromTemplate } from '../shared/pods.ts'
import { compileSet } from '../shared/selectors.ts'

export interface Replicator {
  readonly object: KubeObject
  readonly resource: Resource<KubeObject>
  readonly kind: { readonly apiVersion: string; readonly kind: string }
  readonly replicas: number
  readonly minReadySeconds: number
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly status: Partial<ReplicaSetStatus>
  /** Whether status.terminatingReplicas is kept (replica sets only). */
  readonly countsTerminating: boolean
}

export interface ReplicaSetSnapshot {
  readonly owner: Replicator
  /** Pods that the owner controls, and orphans of its namespace. */
  readonly pods: readonly Pod[]
  /** Pods of all replica sets with the same controller, for the choice of what to delete. */
  readonly related: () => readonly Pod[]
}

/** Never more pods than this are made or deleted at a time. */
const burstReplicas = 500

export function planReplicas({ owner, pods, related }: ReplicaSetSnapshot, { now }: World): Plan {
  const { object, resource, kind, selector } = owner
  const { owned, steps: claimSteps } = claim({
    owner: object, ownerResource: resource, ownerKind: kind, resource: podResource,
    objects: pods.filter(isPodActive), matches: (pod) => selector.matches(pod.metadata.labels),
  })
  const terminating = pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined
    && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded'
    && isControlledBy(pod, object) && selector.matches(pod.metadata.labels))
  const manage = object.metadata.deletionTimestamp === undefined ? manageReplicas(owner, owned, related, now) : []

  return {
    steps: [...claimSteps, ...(manage.length === 0 ? [] : [batch(manage, owned.length < owner.replicas)])],
    status: (outcome) => statusSteps(owner, owned, terminating.length, outcome, now),
    requeueAfterMs: nextAvailability(owner, owned, now),
  }
}

function manageReplicas(owner: Replicator, owned: readonly Pod[], related: () => readonly Pod[], now: number): Step[] {
  const missing = owner.replicas - owned.length
  if (missing > 0) {
    const reference = newControllerRef(owner.object, owner.kind)
    const pod = podFromTemplate(owner.template, owner.object, reference)
    return Array.from({ length: Math.min(missing, burstReplicas) }, () => createPod(pod, owner.object))
  }
  if (missing === 0) return []
  return podsToDelete(owned, related(), Math.min(-missing, burstReplicas), now).map((pod) => deletePod(pod, owner.object))
}

function statusSteps(
  owner: Replicator, owned: readonly Pod[], terminating: number, outcome: Outcome, now: number,
): Step[] {
  // A failed adoption says nothing of how many pods there are.
  if (outcome.failed.some((step) => step.do !== 'batch')) return []
  const error = outcome.errors.find((candidate) => !isNamespaceTerminating(candidate))
  const status = computeStatus(owner, owned, terminating, error, now)
  if (equalJson(status, normalized(owner.status))) return []
  return [updateStatus(owner.resource, { ...owner.object, status })]
}

/** What the status says of the pods that were there before this plan's own writes. */
export function computeStatus(
  owner: Replicator, owned: readonly Pod[], terminating: number, error: Error | undefined, now: number,
): ReplicaSetStatus {
  const template = compileSet(owner.template.metadata?.labels ?? {})
  const ready = owned.filter(isPodReady)
  const counts = {
    replicas: owned.length,
    fullyLabeledReplicas: owned.filter((pod) => template.matches(pod.metadata.labels)).length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => podAvailableAt(pod, owner.minReadySeconds) <= now).length,
    observedGeneration: owner.object.metadata.generation ?? 0,
    conditions: conditionsAfter(owner, owned.length, error, now),
  }
  return normalized(owner.countsTerminating ? { ...counts, terminatingReplicas: terminating } : counts)
}

function conditionsAfter(owner: Replicator, have: number, error: Error | undefined, now: number): ReplicaSetCondition[] {
  const conditions = owner.status.conditions ?? []
  const failure = conditions.find((condition) => condition.type === 'ReplicaFailure')
  if (error === undefined) return failure === undefined ? conditions : conditions.filter((condition) => condition !== failure)
  if (failure !== undefined) return conditions
  const reason = have < owner.replicas ? 'FailedCreate' : have > owner.replicas ? 'FailedDelete' : ''
  return [
    ...conditions,
    { type: 'ReplicaFailure', status: 'True', lastTransitionTime: formatTime(now), reason, message: error.message },
  ]
}

/** Counts that are zero are not written, but for `replicas`; an explicit zero of terminatingReplicas is. */
function normalized(status: Partial<ReplicaSetStatus>): ReplicaSetStatus {
  const { replicas = 0, fullyLabeledReplicas, readyReplicas, availableReplicas, observedGeneration, terminatingReplicas, conditions } = status
  return {
    replicas,
    ...(fullyLabeledReplicas ? { fullyLabeledReplicas } : {}),
    ...(readyReplicas ? { readyReplicas } : {}),
    ...(availableReplicas ? { availableReplicas } : {}),
    ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }),
    ...(observedGeneration ? { observedGeneration } : {}),
    ...(conditions === undefined || conditions.length === 0 ? {} : { conditions }),
  }
}

/** When the next ready pod becomes available by mere waiting. */
function nextAvailability(owner: Replicator, owned: readonly Pod[], now: number): number | undefined {
  const waits = owned.map((pod) => podAvailableAt(pod, owner.minReadySeconds) - now).filter((wait) => wait > 0 && wait !== Infinity)
  return waits.length === 0 ? undefined : Math.min(...waits)
}
