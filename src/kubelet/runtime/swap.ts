/** How much a container may swap. Pure. Upstream: kuberuntime_container_linux.go configureContainerSwapResources. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import type { LinuxResources } from '../cri/contract.ts'
import { type AnyContainer, isCriticalPod } from '../pod.ts'

export interface SwapSettings {
  readonly behavior: 'NoSwap' | 'LimitedSwap'
  /** Of cgroups; 1 cannot give a container less swap than all there is. */
  readonly version: 1 | 2
  readonly swapBytes: number
}

/** Its share of the swap is that of its request in the memory; containers that are to be sure of theirs, or may have any, get none. */
export function swapBytesOf(pod: Pod, container: AnyContainer, { behavior, swapBytes }: SwapSettings, memoryCapacity: number): number {
  if (behavior !== 'LimitedSwap' || isCriticalPod(pod) || podQOS(pod) !== 'Burstable') return 0
  const request = quantityValue(container.resources?.requests?.memory ?? 0)
  const limit = quantityValue(container.resources?.limits?.memory ?? 0)
  if (request === limit || request > memoryCapacity || memoryCapacity <= 0) return 0
  return Math.trunc((request / memoryCapacity) * swapBytes)
}

/** `settings` undefined: the machine cannot count swap. */
export function withSwap(resources: LinuxResources, pod: Pod, container: AnyContainer, settings: SwapSettings | undefined, memoryCapacity: number): LinuxResources {
  if (settings === undefined) return resources
  // Memory and swap together, equal to the memory: none beside it.
  if (settings.version === 1) return resources.memoryLimitInBytes === undefined ? resources : { ...resources, memorySwapLimitInBytes: resources.memoryLimitInBytes }
  return { ...resources, unified: { ...resources.unified, 'memory.swap.max': String(swapBytesOf(pod, container, settings, memoryCapacity)) } }
}
