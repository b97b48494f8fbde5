/** Which running containers are to get other resources, and in which order. Pure. Upstream: kuberuntime_manager.go computePodResizeAction. */
import type { Pod, ResourceRequirements } from '../../api/generated/types/core-v1.ts'
import type { AnyContainer } from '../pod.ts'
import { type RuntimePod, latestContainer } from '../runtime/pod-status.ts'
import { type Amounts, amountsOf, containerAmounts, isResizable, sameAmounts } from './allocation.ts'

/** What containers and pods were last given by this node; undefined when nothing is known. */
export interface Actuated {
  container(name: string): ResourceRequirements | undefined
  pod(): ResourceRequirements | undefined
}

export interface ContainerUpdate {
  readonly container: AnyContainer
  readonly id: string
  readonly desired: Amounts
  /** Follows what the runtime has taken. */
  readonly current: Amounts
}

export interface ResizePlan {
  readonly memory: ContainerUpdate[]
  readonly cpu: ContainerUpdate[]
  /** The pod's own limits follow containers that are started again. */
  ofPod: boolean
  /** What the pod asks as a whole has changed. */
  podLevel: boolean
}

export function emptyResize(): ResizePlan {
  return { memory: [], cpu: [], ofPod: false, podLevel: false }
}

export function needsResize({ memory, cpu, ofPod, podLevel }: ResizePlan): boolean {
  return memory.length > 0 || cpu.length > 0 || ofPod || podLevel
}

/** Adds what a running container needs. Answers whether it has to be started again instead. */
export function planResize(pod: Pod, container: AnyContainer, id: string, actuated: Actuated, plan: ResizePlan): boolean {
  const desired = containerAmounts(pod.spec!.resources, container.resources)
  const current = containerAmounts(actuated.pod(), actuated.container(container.name))
  if (sameAmounts(desired, current)) return false
  const restarts = (name: 'cpu' | 'memory', changed: boolean) =>
    changed && container.resizePolicy?.find(({ resourceName }) => resourceName === name)?.restartPolicy === 'RestartContainer'
  const cpu = desired.cpuLimit !== current.cpuLimit || desired.cpuRequest !== current.cpuRequest
  const memory = desired.memoryLimit !== current.memoryLimit || desired.memoryRequest !== current.memoryRequest
  if (restarts('cpu', cpu) || restarts('memory', memory)) {
    plan.ofPod = true
    return true
  }
  const update: ContainerUpdate = { container, id, desired, current }
  // What shrinks comes first, so that the pod never holds more than it may.
  const put = (list: ContainerUpdate[], wanted: number, has: number) => void (wanted > has ? list.push(update) : list.unshift(update))
  if (desired.memoryLimit !== current.memoryLimit) put(plan.memory, desired.memoryLimit, current.memoryLimit)
  else if (memory) put(plan.memory, desired.memoryRequest, current.memoryRequest)
  if (desired.cpuLimit !== current.cpuLimit) put(plan.cpu, desired.cpuLimit, current.cpuLimit)
  else if (cpu) put(plan.cpu, desired.cpuRequest, current.cpuRequest)
  return false
}

export function podLevelChanged(pod: Pod, actuated: Actuated): boolean {
  return !sameAmounts(amountsOf(pod.spec!.resources), amountsOf(actuated.pod()))
}

/** Whether a running container, or the pod as a whole, does not have what was granted yet. */
export function isResizeInProgress(pod: Pod, status: RuntimePod, actuated: Actuated): boolean {
  const behind = (container: AnyContainer, init: boolean) => isResizable(container, init) && latestContainer(status, container.name)?.state === 'running' &&
    !sameAmounts(containerAmounts(pod.spec!.resources, container.resources), amountsOf(actuated.container(container.name)))
  if ((pod.spec!.initContainers ?? []).some((c) => behind(c, true)) || pod.spec!.containers.some((c) => behind(c, false))) return true
  return pod.spec!.resources !== undefined && actuated.pod() !== undefined && podLevelChanged(pod, actuated)
}
