/** Whether a pod is ready, available, at its end (pkg/api/v1/pod). */
import type { Pod, PodCondition } from '../generated/types/core-v1.ts'
import { parseTime } from '../meta/time.ts'

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type)
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

/** Ready for at least `minReadySeconds` at `now`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, now: Date): boolean {
  return podAvailableAt(pod, minReadySeconds) <= now.getTime()
}

/** When a ready pod is (or was) available, in ms since 1970: -Infinity at once, Infinity when it is not ready. */
export function podAvailableAt(pod: Pod, minReadySeconds: number): number {
  const condition = podCondition(pod, 'Ready')
  if (condition?.status !== 'True') return Infinity
  if (minReadySeconds === 0) return -Infinity
  const since = condition.lastTransitionTime ? parseTime(condition.lastTransitionTime) : undefined
  return since === undefined ? Infinity : since + minReadySeconds * 1000
}

export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Not at its end and not being deleted: a pod that counts for its controller. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined
}

/** A pod with its generation as status.observedGeneration would state it. */
export function observedGeneration(pod: Pod): number {
  return pod.metadata.generation ?? 0
}
