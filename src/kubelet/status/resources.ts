/** The resources that containers and pods really have, as their statuses tell. Pure. Upstream: kubelet_pods.go convertContainerStatusResources, convertToAPIPodLevelResourcesStatus. */
import type { ContainerStatus, Pod, PodStatus, ResourceRequirements } from '../../api/generated/types/core-v1.ts'
import { podLimits, podRequests } from '../../api/helpers/pod-resources.ts'
import { canonicalQuantity, formatQuantity, newMilliQuantity, newQuantity, quantityMilliValue, quantityValue } from '../../api/meta/quantity.ts'
import type { PodCgroupValues } from '../cgroups/manager.ts'
import type { LinuxResources } from '../cri/contract.ts'
import type { AnyContainer } from '../pod.ts'
import type { RuntimeContainer } from '../runtime/pod-status.ts'

type Actual = Partial<Record<'cpuLimit' | 'cpuRequest' | 'memoryLimit' | 'memoryRequest', number>>

/** Amounts that the kernel cannot tell apart: what was granted is shown. */
const minMilliLimit = 10
const minMilliRequest = 2

export function containerStatusResources(
  container: AnyContainer, { state, resources: reported }: RuntimeContainer, actuated: ResourceRequirements | undefined, old: ContainerStatus | undefined,
): ResourceRequirements {
  const granted = container.resources ?? {}
  if (state !== 'running') return granted
  const actual = fromRuntime(reported)
  if (actuated !== undefined) {
    if (Object.keys(actual).length === 0) {
      Object.assign(actual, {
        cpuRequest: quantityMilliValue(actuated.requests?.cpu ?? 0), cpuLimit: quantityMilliValue(actuated.limits?.cpu ?? 0),
        memoryRequest: quantityValue(actuated.requests?.memory ?? 0), memoryLimit: quantityValue(actuated.limits?.memory ?? 0),
      })
    } else if (quantityValue(actuated.requests?.memory ?? 0) > 0) actual.memoryRequest = quantityValue(actuated.requests!.memory!)
  }
  const before = old?.state?.running === undefined ? undefined : old.resources
  return {
    ...granted,
    ...(granted.limits === undefined ? {} : { limits: overlay(granted.limits, actual.cpuLimit, actual.memoryLimit, minMilliLimit, before?.limits) }),
    ...(granted.requests === undefined ? {} : { requests: overlay(granted.requests, actual.cpuRequest, actual.memoryRequest, minMilliRequest, before?.requests) }),
  }
}

function fromRuntime(linux: LinuxResources | undefined): Actual {
  const actual: Actual = {}
  if (linux === undefined) return actual
  const { cpuPeriod = 0, cpuQuota = 0, cpuShares = 0, memoryLimitInBytes = 0 } = linux
  const limit = cpuPeriod > 0 && cpuQuota > 0 ? Math.floor((cpuQuota * 1000) / cpuPeriod) : 0
  if (limit > 0) actual.cpuLimit = limit
  if (cpuShares >= 2) actual.cpuRequest = milliOfShares(cpuShares)
  if (memoryLimitInBytes > 0) actual.memoryLimit = memoryLimitInBytes
  return actual
}

function milliOfShares(shares: number): number {
  return Math.ceil((shares * 1000) / 1024)
}

function overlay(
  granted: Readonly<Record<string, string>>, cpu: number | undefined, memory: number | undefined, minMilli: number, before: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const list: Record<string, string> = { ...granted }
  if (cpu === undefined) keep('cpu')
  else if (cpu > minMilli || quantityMilliValue(granted.cpu ?? 0) > minMilli) put('cpu', cpu, quantityMilliValue(granted.cpu ?? 0), () => formatQuantity(newMilliQuantity(cpu, 'DecimalSI')))
  if (memory === undefined) keep('memory')
  else put('memory', memory, quantityValue(granted.memory ?? 0), () => formatQuantity(newQuantity(memory, 'BinarySI')))
  return list

  /** An amount that is as granted is written as it was; what nobody asked for is not shown. */
  function put(name: string, amount: number, wanted: number, text: () => string): void {
    if (amount === wanted || (granted[name] === undefined && amount === 0)) return
    list[name] = text()
  }
  function keep(name: string): void {
    if (before?.[name] !== undefined) list[name] = before[name]
  }
}

/** What the pod as a whole has. */
export function podLevelResources(pod: Pod, old: PodStatus, cgroup: PodCgroupValues | undefined): ResourceRequirements {
  if (pod.status?.phase !== 'Running') return withoutEmpty({ ...pod.spec!.resources, requests: texts(podRequests(pod)), limits: texts(podLimits(pod)) })
  const granted = pod.spec!.resources ?? {}
  const before = old.phase === 'Running' ? old.resources : undefined
  const requests: Record<string, string> = { ...granted.requests }
  const limits: Record<string, string> = { ...granted.limits }
  const cpuRequest = cgroup === undefined ? undefined : milliOfShares(cgroup.cpuShares)
  if (cpuRequest === undefined) carry(requests, before?.requests, 'cpu')
  else if (cpuRequest > minMilliRequest || quantityMilliValue(requests.cpu ?? 0) > minMilliRequest) requests.cpu = formatQuantity(newMilliQuantity(cpuRequest, 'DecimalSI'))
  const memory = podRequests(pod).memory
  if (requests.memory === undefined && memory !== undefined) requests.memory = formatQuantity(memory)
  const cpuLimit = cgroup === undefined || cgroup.cpuQuota <= 0 ? 0 : Math.floor((cgroup.cpuQuota * 1000) / cgroup.cpuPeriod)
  if (cpuLimit === 0) carry(limits, before?.limits, 'cpu')
  else if (cpuLimit > minMilliLimit || quantityMilliValue(limits.cpu ?? 0) > minMilliLimit) limits.cpu = formatQuantity(newMilliQuantity(cpuLimit, 'DecimalSI'))
  if (cgroup !== undefined && cgroup.memoryLimit > 0) limits.memory = formatQuantity(newQuantity(cgroup.memoryLimit, 'BinarySI'))
  else carry(limits, before?.limits, 'memory')
  return withoutEmpty({ ...granted, requests, limits })
}

/** What the API server would drop is not sent: it would be seen as a difference for ever. */
function withoutEmpty({ requests, limits, ...others }: ResourceRequirements): ResourceRequirements {
  const named = (list: Readonly<Record<string, string>> | undefined) => list !== undefined && Object.keys(list).length > 0
  return { ...others, ...(named(requests) ? { requests } : {}), ...(named(limits) ? { limits } : {}) }
}

function carry(list: Record<string, string>, before: Readonly<Record<string, string>> | undefined, name: string): void {
  if (before?.[name] !== undefined) list[name] = before[name]
}

/** undefined: nothing was asked for. */
export function podLevelAllocated(pod: Pod): Record<string, string> | undefined {
  const list = texts(podRequests(pod))
  return Object.keys(list).length === 0 ? undefined : list
}

function texts(list: Readonly<Record<string, Parameters<typeof formatQuantity>[0]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(list).map(([name, amount]) => [name, typeof amount === 'string' ? canonicalQuantity(amount) : formatQuantity(amount)]))
}
