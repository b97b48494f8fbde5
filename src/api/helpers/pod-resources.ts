/**
 * What a pod asks for as a whole (component-helpers resource): containers added, init containers by their maximum,
 * restartable init containers (sidecars) counted beside all that start after them, pod-level resources and overhead.
 */
import type { Container, ContainerStatus, Pod } from '../generated/types/core-v1.ts'
import { addQuantity, compareQuantity, quantityIsZero } from '../meta/quantity.ts'
import type { QuantityLike } from '../meta/quantity.ts'

export type ResourceList = Record<string, QuantityLike>
export type ReadonlyResourceList = Readonly<Record<string, QuantityLike>>

export interface PodResourcesOptions {
  /** Counts what running containers hold (resize in place) as well as what the spec asks. */
  readonly useStatus?: boolean
  readonly excludeOverhead?: boolean
  readonly skipPodLevel?: boolean
  readonly skipContainers?: boolean
  /** Counted for containers that state no request of the name. */
  readonly nonMissing?: ReadonlyResourceList
}

/** Resources that may be set for the pod as a whole. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

const anyPodLevel = (list: ReadonlyResourceList | undefined): boolean =>
  list !== undefined && Object.keys(list).some(isPodLevelResource)

export function hasPodLevelRequests(pod: Pod): boolean {
  return anyPodLevel(pod.spec?.resources?.requests)
}

export function hasPodLevelResources(pod: Pod): boolean {
  return hasPodLevelRequests(pod) || anyPodLevel(pod.spec?.resources?.limits)
}

/** Adds `more` to `list` in place. */
export function addResources(list: ResourceList, more: ReadonlyResourceList | undefined): void {
  for (const name in more) {
    const amount = list[name]
    list[name] = amount === undefined ? more[name]! : addQuantity(amount, more[name]!)
  }
}

/** Raises `list` in place to at least `other`. */
export function maxResources(list: ResourceList, other: ReadonlyResourceList | undefined): void {
  for (const name in other) {
    const amount = list[name]
    if (amount === undefined || compareQuantity(other[name]!, amount) > 0) list[name] = other[name]!
  }
}

export function isRestartableInit(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

export function isResizeInfeasible(pod: Pod): boolean {
  return pod.status?.conditions?.find((c) => c.type === 'PodResizePending')?.reason === 'Infeasible'
}

type Amounts = (container: Container) => ReadonlyResourceList

function largest(...lists: (ReadonlyResourceList | undefined)[]): ResourceList {
  const out: ResourceList = {}
  for (const list of lists) maxResources(out, list)
  return out
}

function statusesOf(pod: Pod): Map<string, ContainerStatus> {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  return new Map(all.map((status) => [status.name, status]))
}

function requestsReader(pod: Pod, options: PodResourcesOptions): Amounts {
  const statuses = options.useStatus ? statusesOf(pod) : undefined
  const infeasible = options.useStatus === true && isResizeInfeasible(pod)
  return (container) => {
    let requests: ReadonlyResourceList = container.resources?.requests ?? {}
    const status = statuses?.get(container.name)
    if (status?.resources) {
      const actuated = status.resources.requests
      requests = infeasible
        ? largest(actuated, status.allocatedResources)
        : largest(requests, actuated, status.allocatedResources)
    }
    return options.nonMissing === undefined ? requests : { ...options.nonMissing, ...requests }
  }
}

function limitsReader(pod: Pod, options: PodResourcesOptions): Amounts {
  const statuses = options.useStatus ? statusesOf(pod) : undefined
  const infeasible = options.useStatus === true && isResizeInfeasible(pod)
  return (container) => {
    const limits: ReadonlyResourceList = container.resources?.limits ?? {}
    const status = statuses?.get(container.name)
    if (!status?.resources) return limits
    return infeasible ? status.resources.limits ?? {} : largest(limits, status.resources.limits)
  }
}

/** Init containers that end hold no status of their own that counts: only sidecars are read with it. */
function aggregate(pod: Pod, running: Amounts, stated: Amounts): ResourceList {
  const total: ResourceList = {}
  for (const container of pod.spec?.containers ?? []) addResources(total, running(container))
  const init = pod.spec?.initContainers
  if (init === undefined || init.length === 0) return total
  const sidecars: ResourceList = {}
  const peak: ResourceList = {}
  for (const container of init) {
    if (isRestartableInit(container)) {
      const amounts = running(container)
      addResources(total, amounts)
      addResources(sidecars, amounts)
      maxResources(peak, sidecars)
    } else {
      const during: ResourceList = { ...sidecars }
      addResources(during, stated(container))
      maxResources(peak, during)
    }
  }
  maxResources(total, peak)
  return total
}

/** The sum over containers only. */
export function containerRequests(pod: Pod, options: PodResourcesOptions = {}): ResourceList {
  const total = aggregate(pod, requestsReader(pod, options), requestsReader(pod, { ...options, useStatus: false }))
  return total
}

export function containerLimits(pod: Pod, options: PodResourcesOptions = {}): ResourceList {
  return aggregate(pod, limitsReader(pod, options), limitsReader(pod, { ...options, useStatus: false }))
}

/** What the scheduler counts and quota charges for a pod. */
export function podRequests(pod: Pod, options: PodResourcesOptions = {}): ResourceList {
  const requests = options.skipContainers ? {} : containerRequests(pod, options)
  const podLevel = pod.spec?.resources?.requests
  if (!options.skipPodLevel && anyPodLevel(podLevel)) {
    const status = options.useStatus ? pod.status?.resources : undefined
    const effective = status === undefined ? podLevel! : isResizeInfeasible(pod)
      ? largest(status.requests, pod.status?.allocatedResources)
      : largest(podLevel, status.requests, pod.status?.allocatedResources)
    for (const name in podLevel) if (isPodLevelResource(name)) requests[name] = effective[name] ?? '0'
  }
  if (!options.excludeOverhead) addResources(requests, pod.spec?.overhead)
  return requests
}

/** The limits of a pod; overhead is added to limits that exist. */
export function podLimits(pod: Pod, options: PodResourcesOptions = {}): ResourceList {
  const limits = containerLimits(pod, options)
  const podLevel = pod.spec?.resources?.limits
  if (!options.skipPodLevel && hasPodLevelResources(pod)) {
    const status = options.useStatus ? pod.status?.resources : undefined
    const effective: ReadonlyResourceList = status === undefined ? podLevel ?? {}
      : isResizeInfeasible(pod) ? status.limits ?? {} : largest(podLevel, status.limits)
    for (const name in podLevel) if (isPodLevelResource(name)) limits[name] = effective[name] ?? '0'
  }
  const overhead = options.excludeOverhead ? undefined : pod.spec?.overhead
  for (const name in overhead) {
    const limit = limits[name]
    if (limit !== undefined && !quantityIsZero(limit)) limits[name] = addQuantity(limit, overhead[name]!)
  }
  return limits
}

/** Names with a domain that is not kubernetes.io and no quota prefix (upstream: v1helper.IsExtendedResourceName). */
export function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/') && !name.startsWith('requests.')
}
