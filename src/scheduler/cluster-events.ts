/** Changes in the cluster that may make refused pods schedulable, as upstream names them (framework/events.go). */
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { podRequests } from '../api/helpers/pod-resources.ts'
import { jsonEqual } from '../api/meta/json-equal.ts'
import { compareQuantity } from '../api/meta/quantity.ts'

export type EventResource =
  | 'AssignedPod' | 'UnschedulablePod' | 'Node' | 'PersistentVolumeClaim' | 'PersistentVolume' | 'StorageClass' | 'CSINode'
  | 'CSIDriver' | 'CSIStorageCapacity' | 'VolumeAttachment' | 'ResourceClaim' | 'ResourceSlice' | 'DeviceClass' | 'PodGroup' | '*'

/** 'Update' in an interest means every kind of update; in an event an update of no particular kind. */
export type EventAction =
  | 'Add' | 'Delete' | 'Update'
  | 'UpdateNodeAllocatable' | 'UpdateNodeLabel' | 'UpdateNodeTaint' | 'UpdateNodeCondition' | 'UpdateNodeAnnotation' | 'UpdateNodeDeclaredFeature'
  | 'UpdatePodLabel' | 'UpdatePodScaleDown' | 'UpdatePodToleration' | 'UpdatePodSchedulingGatesEliminated' | 'UpdatePodGeneratedResourceClaim'

export interface ClusterEvent {
  readonly resource: EventResource
  readonly action: EventAction
  /** The object as it is now; undefined when it was deleted. */
  readonly object?: unknown
  readonly old?: unknown
  /** Replaces resource and action in the event's label. */
  readonly label?: string
}

export interface EventInterest {
  /** 'Pod' means pods of every kind. */
  readonly resource: EventResource | 'Pod'
  readonly actions: readonly EventAction[]
  /** Whether this very change may help this pod; absent: it may. */
  hint?(pod: Pod, event: ClusterEvent): boolean
}

const podResources: ReadonlySet<string> = new Set(['AssignedPod', 'UnschedulablePod'])

export function matchesInterest(interest: EventInterest, event: ClusterEvent): boolean {
  if (event.resource === '*' || interest.resource === '*') return true
  if (interest.resource !== event.resource && !(interest.resource === 'Pod' && podResources.has(event.resource))) return false
  return interest.actions.includes(event.action) || (event.action.startsWith('Update') && interest.actions.includes('Update'))
}

/** "AssignedPodDelete", "NodeAdd": what metrics and logs call the event. */
export function eventLabel({ resource, action, label }: ClusterEvent): string {
  return label ?? `${resource}${action}`
}

export const unschedulableTimeout: ClusterEvent = { resource: '*', action: 'Update', label: 'UnschedulableTimeout' }

/** What about the node changed that a plugin may look at; nothing for a heartbeat. */
export function nodeChanges(node: Node, old: Node): ClusterEvent[] {
  const events: ClusterEvent[] = []
  const add = (action: EventAction) => events.push({ resource: 'Node', action, object: node, old })
  if (old.spec?.unschedulable === true && node.spec?.unschedulable !== true) add('UpdateNodeTaint')
  if (!jsonEqual(old.status?.allocatable, node.status?.allocatable)) add('UpdateNodeAllocatable')
  if (!jsonEqual(old.metadata.labels, node.metadata.labels)) add('UpdateNodeLabel')
  if (!jsonEqual(old.spec?.taints, node.spec?.taints)) add('UpdateNodeTaint')
  if (!jsonEqual(conditionStates(old), conditionStates(node))) add('UpdateNodeCondition')
  if (!jsonEqual(old.metadata.annotations, node.metadata.annotations)) add('UpdateNodeAnnotation')
  if (!jsonEqual(old.status?.declaredFeatures, node.status?.declaredFeatures)) add('UpdateNodeDeclaredFeature')
  return events
}

function conditionStates(node: Node): Record<string, string> {
  return Object.fromEntries((node.status?.conditions ?? []).map(({ type, status }) => [type, status]))
}

/** What about the pod changed; an update of no particular kind when nothing that has a name. */
export function podChanges(pod: Pod, old: Pod): ClusterEvent[] {
  const resource = (pod.spec?.nodeName ?? '') === '' ? 'UnschedulablePod' : 'AssignedPod'
  const events: ClusterEvent[] = []
  const add = (action: EventAction) => events.push({ resource, action, object: pod, old })
  if (!jsonEqual(pod.metadata.labels, old.metadata.labels)) add('UpdatePodLabel')
  if (scaledDown(pod, old)) add('UpdatePodScaleDown')
  if (count(pod.spec?.schedulingGates) === 0 && count(old.spec?.schedulingGates) !== 0) add('UpdatePodSchedulingGatesEliminated')
  if (count(pod.spec?.tolerations) !== count(old.spec?.tolerations)) add('UpdatePodToleration')
  if (!jsonEqual(pod.status?.resourceClaimStatuses, old.status?.resourceClaimStatuses)
    || !jsonEqual(pod.status?.extendedResourceClaimStatus, old.status?.extendedResourceClaimStatus)) add('UpdatePodGeneratedResourceClaim')
  if (events.length === 0) add('Update')
  return events
}

function count(list: readonly unknown[] | undefined): number {
  return list?.length ?? 0
}

function scaledDown(pod: Pod, old: Pod): boolean {
  if (pod.spec === old.spec && pod.status?.containerStatuses === old.status?.containerStatuses) return false
  if (jsonEqual(pod.spec, old.spec) && jsonEqual(pod.status?.containerStatuses, old.status?.containerStatuses)) return false
  const now = podRequests(pod, { useStatus: true })
  return Object.entries(podRequests(old, { useStatus: true })).some(([name, amount]) => now[name] === undefined || compareQuantity(amount, now[name]) > 0)
}
