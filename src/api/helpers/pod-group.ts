import type { Pod } from '../generated/types/core-v1.ts'

/** The name of the pod's group; undefined when it belongs to none. */
export function podGroupOf(pod: Pod): string | undefined {
  return pod.spec?.schedulingGroup?.podGroupName
}
