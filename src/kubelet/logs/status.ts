/** Which container's log is meant, by the pod's status. Pure. Upstream: kubelet_pods.go validateContainerLogStatus. */
import type { PodStatus } from '../../api/generated/types/core-v1.ts'
import { parseContainerId } from '../status/containers.ts'
import { statusOf } from '../pod.ts'

/** The runtime's id. Throws Error with upstream's text when there is no log. */
export function containerForLogs(podName: string, status: PodStatus, container: string, previous: boolean): string {
  const where = `container ${JSON.stringify(container)} in pod ${JSON.stringify(podName)}`
  const own = statusOf(status.containerStatuses, container) ?? statusOf(status.initContainerStatuses, container) ?? statusOf(status.ephemeralContainerStatuses, container)
  if (own === undefined) throw new Error(`${where} is not available`)
  const last = own.lastState?.terminated?.containerID ?? ''
  const { running, terminated, waiting } = own.state ?? {}
  if (previous) {
    if (last === '') throw new Error(`previous terminated ${where} not found`)
    return parseContainerId(last)
  }
  if (running !== undefined) return parseContainerId(own.containerID)
  if (terminated !== undefined || own.lastState?.terminated !== undefined) {
    const id = terminated?.containerID ?? last
    if (id === '') throw new Error(`${where} is terminated`)
    return parseContainerId(id)
  }
  if (waiting === undefined) throw new Error(`${where} is waiting to start - no logs yet`)
  const why = { ErrImagePull: "image can't be pulled", ImagePullBackOff: 'trying and failing to pull image' }[waiting.reason ?? ''] ?? waiting.reason ?? ''
  throw new Error(`${where} is waiting to start: ${why}`)
}
