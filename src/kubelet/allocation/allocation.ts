/**
 * The resources that a node has granted a pod; they lag behind its spec while a resize waits. Pure.
 * Upstream: pkg/kubelet/allocation/allocation_manager.go, pkg/kubelet/allocation/state.
 */
import type { Container, Pod, ResourceRequirements } from '../../api/generated/types/core-v1.ts'
import { type QuantityLike, compareQuantity, quantityMilliValue, quantityValue } from '../../api/meta/quantity.ts'
import type { AnyContainer } from '../pod.ts'

/** Of one pod; the names of the fields are upstream's, as its state files hold them. */
export interface Allocation {
  readonly ContainerResources: Readonly<Record<string, ResourceRequirements>>
  readonly PodLevelResources?: ResourceRequirements | null
}

/** What the spec asks now, all of it. */
export function allocationOf(pod: Pod): Allocation {
  const containers = [...(pod.spec!.initContainers ?? []), ...pod.spec!.containers]
  return {
    ContainerResources: Object.fromEntries(containers.map(({ name, resources }) => [name, resources ?? {}])),
    ...(pod.spec!.resources === undefined ? {} : { PodLevelResources: pod.spec!.resources }),
  }
}

/** The pod with what was granted in place of what is asked; the very same pod when both are equal. */
export function withAllocation(pod: Pod, allocation: Allocation | undefined): Pod {
  if (allocation === undefined) return pod
  let changed = false
  const granted = (container: Container): Container => {
    const resources = allocation.ContainerResources[container.name]
    if (resources === undefined || sameResources(container.resources, resources)) return container
    changed = true
    return { ...container, resources }
  }
  const spec = { ...pod.spec!, containers: pod.spec!.containers.map(granted) }
  if (spec.initContainers !== undefined) spec.initContainers = spec.initContainers.map(granted)
  const podLevel = allocation.PodLevelResources ?? undefined
  if (!sameResources(pod.spec!.resources, podLevel)) {
    changed = true
    if (podLevel === undefined) delete spec.resources
    else spec.resources = podLevel
  }
  return changed ? { ...pod, spec } : pod
}

export function sameResources(a: ResourceRequirements | undefined, b: ResourceRequirements | undefined): boolean {
  return sameList(a?.requests, b?.requests) && sameList(a?.limits, b?.limits)
}

function sameList(a: Readonly<Record<string, QuantityLike>> = {}, b: Readonly<Record<string, QuantityLike>> = {}): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => b[name] !== undefined && compareQuantity(a[name]!, b[name]) === 0)
}

/** The resources that can be resized: bytes and thousandths of a CPU; 0: not set. */
export interface Amounts {
  memoryLimit: number
  memoryRequest: number
  cpuLimit: number
  cpuRequest: number
}

/** Limits that a container leaves open are the pod's. */
export function effectiveLimits(podLevel: ResourceRequirements | undefined, own: ResourceRequirements | undefined): Record<string, QuantityLike> {
  const limits: Record<string, QuantityLike> = { ...own?.limits }
  for (const name of ['cpu', 'memory']) {
    const ofPod = podLevel?.limits?.[name]
    if (ofPod !== undefined && quantityMilliValue(limits[name] ?? 0) === 0) limits[name] = ofPod
  }
  return limits
}

export function containerAmounts(podLevel: ResourceRequirements | undefined, own: ResourceRequirements | undefined): Amounts {
  return amountsOf({ requests: own?.requests, limits: effectiveLimits(podLevel, own) as Record<string, string> })
}

export function amountsOf(resources: ResourceRequirements | undefined): Amounts {
  const { limits, requests } = resources ?? {}
  return {
    memoryLimit: quantityValue(limits?.memory ?? 0), memoryRequest: quantityValue(requests?.memory ?? 0),
    cpuLimit: quantityMilliValue(limits?.cpu ?? 0), cpuRequest: quantityMilliValue(requests?.cpu ?? 0),
  }
}

export function sameAmounts(a: Amounts, b: Amounts): boolean {
  return a.memoryLimit === b.memoryLimit && a.memoryRequest === b.memoryRequest && a.cpuLimit === b.cpuLimit && a.cpuRequest === b.cpuRequest
}

export function asRequirements(amounts: Amounts): ResourceRequirements {
  return {
    requests: { cpu: `${amounts.cpuRequest}m`, memory: String(amounts.memoryRequest) }, limits: { cpu: `${amounts.cpuLimit}m`, memory: String(amounts.memoryLimit) },
  }
}

/** Init containers that end are sized when they start and never after. */
export function isResizable(container: AnyContainer, init: boolean): boolean {
  return !init || container.restartPolicy === 'Always'
}
