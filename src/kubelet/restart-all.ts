/** Containers whose end starts the whole pod again (restart rule RestartAllContainers). Pure. Upstream: pkg/kubelet/container/helpers.go. */
import type { Pod, PodSpec, PodStatus } from '../api/generated/types/core-v1.ts'
import { type AnyContainer, initContainers, matchingRestartRule, statusOf } from './pod.ts'
import { type RuntimePod, latestContainer } from './runtime/pod-status.ts'

export const restartingReason = 'RestartingAllContainers'
export const restartingCondition = 'AllContainersRestarting'

function both(pod: Pod): readonly AnyContainer[] {
  return [...initContainers(pod), ...pod.spec!.containers]
}

export function isRestartAll(container: AnyContainer, exitCode: number): boolean {
  return matchingRestartRule(container, exitCode)?.action === 'RestartAllContainers'
}

/** Whether some container of the pod may have all others started again. */
export function allCouldRestart(spec: PodSpec): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some(({ restartPolicyRules }) => restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers') === true)
}

/** Whether all of the pod is to be started again: it has been told, or a container has ended so. */
export function shouldAllRestart(pod: Pod, runtime: RuntimePod | undefined, status: PodStatus | undefined): boolean {
  if (status?.conditions?.some(({ type, status: value }) => type === restartingCondition && value === 'True') === true) return true
  for (const container of both(pod)) {
    if (runtime !== undefined) {
      const latest = latestContainer(runtime, container.name)
      if (latest?.state !== 'exited') continue
      if (isRestartAll(container, latest.exitCode)) return true
    }
    const ended = (statusOf(status?.initContainerStatuses, container.name) ?? statusOf(status?.containerStatuses, container.name))?.state?.terminated
    if (ended !== undefined && isRestartAll(container, ended.exitCode)) return true
  }
  return false
}

/** Nothing of the earlier run is left. */
export function isAllRemoved(pod: Pod, runtime: RuntimePod): boolean {
  return both(pod).every(({ name }) => latestContainer(runtime, name) === undefined)
}
