/** Writes of pods' status: conditions and nominations. */
import { pods } from '../api/generated/resources.ts'
import type { Pod, PodCondition } from '../api/generated/types/core-v1.ts'
import { observedGeneration, podCondition } from '../api/helpers/pod-conditions.ts'
import { isStatus } from '../api/meta/errors.ts'
import { formatTime } from '../api/meta/time.ts'
import type { Client } from '../client/client.ts'

export interface PodStatusChange {
  readonly condition?: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>
  /** undefined leaves the nomination as it is, '' clears it. */
  readonly nominate?: string
}

/** The patch that brings the change about; undefined when the pod says so already. */
export function statusPatch(pod: Pod, { condition, nominate }: PodStatusChange, now: number): object | undefined {
  const status: Record<string, unknown> = {}
  if (condition !== undefined) {
    const old = podCondition(pod, condition.type)
    const same = old?.status === condition.status && old.reason === condition.reason && old.message === condition.message
    if (!same) {
      const since = old?.status === condition.status ? old.lastTransitionTime : formatTime(now)
      status['conditions'] = [{ ...condition, observedGeneration: observedGeneration(pod), lastTransitionTime: since }]
    }
  }
  if (nominate !== undefined && nominate !== (pod.status?.nominatedNodeName ?? '')) status['nominatedNodeName'] = nominate === '' ? null : nominate
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid: pod.metadata.uid }, status }
}

/** Writes the change if it is one. A pod that went away, or was made again under the name, needs it no more. */
export async function writePodStatus(client: Client, pod: Pod, change: PodStatusChange, now: number, signal: AbortSignal): Promise<void> {
  const patch = statusPatch(pod, change, now)
  if (patch === undefined) return
  const { namespace, name } = pod.metadata
  await client.patch(pods, { namespace, name: name! }, 'strategic', patch, { subresource: 'status', signal }).catch(ignoreGone)
}

/** For writes that nobody waits for any more when the pod is gone. */
export function ignoreGone(error: unknown): void {
  if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error
}

/** What events about the pod refer to. */
export function podReference({ metadata: { namespace, name, uid, resourceVersion } }: Pod) {
  return { apiVersion: 'v1', kind: 'Pod', namespace, name, uid, resourceVersion }
}
