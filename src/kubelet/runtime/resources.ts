/** Requests and limits as cgroup values. Pure. Upstream: pkg/kubelet/cm/helpers_linux.go, pkg/kubelet/qos, kuberuntime_container_linux.go. */
import type { Pod, ResourceRequirements } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { podLimits, podRequests } from '../../api/helpers/pod-resources.ts'
import { quantityMilliValue, quantitySign, quantityValue } from '../../api/meta/quantity.ts'
import type { LinuxResources } from '../cri/contract.ts'
import { type SwapSettings, withSwap } from './swap.ts'
import { type AnyContainer, initContainers, isRestartableInit, isStaticPod } from '../pod.ts'

const minShares = 2
const maxShares = 262144
const sharesPerCpu = 1024
/** µs. */
const minQuota = 1000

export interface ResourceSettings {
  /** Whether CPU limits become CFS quotas. */
  readonly cpuCfsQuota: boolean
  /** µs. */
  readonly cpuCfsPeriod: number
  readonly memoryCapacity: number
  /** Whether a container (any of the pod) has CPUs of its own: its time on them has no quota. */
  readonly exclusiveCpus?: (pod: Pod, container?: AnyContainer) => boolean
  /** When memory runs out all processes of a container end together (cgroup v2). */
  readonly oomTogether?: boolean
  /** undefined: the machine cannot count swap. */
  readonly swap?: SwapSettings
}

/** Whether a container ends as a whole when its memory runs out: only cgroup v2 can. Throws with upstream's text. */
export function oomTogether(singly: boolean | undefined, version: 1 | 2 | undefined): boolean {
  if (singly === false && version === 1) throw new Error('invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1')
  return version === 2 && singly !== true
}

export function cpuShares(milliCpu: number): number {
  if (milliCpu === 0) return minShares
  return Math.min(maxShares, Math.max(minShares, Math.floor((milliCpu * sharesPerCpu) / 1000)))
}

/** 0 when there is no limit. */
export function cpuQuota(milliCpu: number, periodUs: number): number {
  return milliCpu === 0 ? 0 : Math.max(minQuota, Math.floor((milliCpu * periodUs) / 1000))
}

export function containerResources(pod: Pod, container: AnyContainer, settings: ResourceSettings): LinuxResources {
  const podLimits = pod.spec!.resources?.limits
  const limits = { ...podLimits, ...container.resources?.limits }
  const own = linuxResources({ requests: container.resources?.requests, limits }, settings)
  if (settings.cpuCfsQuota && settings.exclusiveCpus?.(pod, container) === true) own.cpuQuota = -1
  if (settings.oomTogether === true) own.unified = { ...own.unified, 'memory.oom.group': '1' }
  return {
    ...withSwap(own, pod, container, settings.swap, settings.memoryCapacity),
    oomScoreAdj: oomScoreAdj(pod, container, settings.memoryCapacity),
    hugepageLimits: hugepages(limits),
  }
}

/** CPU request falls back to the limit. */
export function linuxResources({ requests, limits }: ResourceRequirements, { cpuCfsQuota, cpuCfsPeriod }: ResourceSettings): LinuxResources {
  const cpuLimit = quantityMilliValue(limits?.cpu ?? 0)
  const cpuRequest = requests?.cpu === undefined ? cpuLimit : quantityMilliValue(requests.cpu)
  const memory = quantityValue(limits?.memory ?? 0)
  const resources: LinuxResources = { cpuShares: cpuShares(cpuRequest) }
  if (memory !== 0) resources.memoryLimitInBytes = memory
  if (cpuCfsQuota) {
    resources.cpuPeriod = cpuCfsPeriod
    resources.cpuQuota = cpuQuota(cpuLimit, cpuCfsPeriod)
  }
  return resources
}

const hugepagePrefix = 'hugepages-'
const suffixes: Readonly<Record<string, string>> = { Ki: 'KB', Mi: 'MB', Gi: 'GB' }

function hugepages(limits: Readonly<Record<string, string | number>>): { pageSize: string; limit: number }[] {
  return Object.entries(limits).filter(([name]) => name.startsWith(hugepagePrefix)).map(([name, amount]) => ({
    pageSize: name.slice(hugepagePrefix.length).replace(/[KMG]i$/, (suffix) => suffixes[suffix]!),
    limit: quantityValue(amount),
  }))
}

const guaranteedScore = -997
const bestEffortScore = 1000
const nodeCriticalPriority = 2_000_001_000

/** How readily the kernel kills it when memory runs out. */
export function oomScoreAdj(pod: Pod, container: AnyContainer, memoryCapacity: number): number {
  if (isStaticPod(pod) || pod.spec!.priority === nodeCriticalPriority) return guaranteedScore
  const qos = podQOS(pod)
  if (qos === 'Guaranteed') return guaranteedScore
  if (qos === 'BestEffort') return bestEffortScore
  const score = (memory: number) => 1000 - Math.floor((1000 * memory) / memoryCapacity)
  const memoryOf = (c: AnyContainer) => quantityValue(c.resources?.requests?.memory ?? 0)
  let adjust = score(memoryOf(container))
  if (initContainers(pod).some((c) => c.name === container.name && isRestartableInit(c))) {
    adjust = Math.min(adjust, score(Math.min(...pod.spec!.containers.map(memoryOf))))
  }
  if (adjust < 1000 + guaranteedScore) return 1000 + guaranteedScore
  return adjust === bestEffortScore ? adjust - 1 : adjust
}

/** What the pod as a whole asks for: cpu in milli, memory in bytes. `declared`: no container leaves it open. */
export function podTotals(pod: Pod, list: 'requests' | 'limits'): { cpu: number; memory: number; declared: Record<'cpu' | 'memory', boolean> } {
  const total = list === 'requests' ? podRequests(pod) : podLimits(pod)
  const podLevel = pod.spec!.resources?.[list]
  const containers = [...pod.spec!.containers, ...initContainers(pod)]
  const declares = (name: 'cpu' | 'memory') =>
    podLevel?.[name] !== undefined || containers.every((container) => quantitySign(container.resources?.[list]?.[name] ?? 0) > 0)
  return {
    cpu: quantityMilliValue(total.cpu ?? 0), memory: quantityValue(total.memory ?? 0),
    declared: { cpu: declares('cpu'), memory: declares('memory') },
  }
}

/** The values of the pod's own cgroup; undefined fields are left alone. */
export interface PodCgroupResources {
  readonly cpuShares: number
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly memoryLimit?: number
}

export function podCgroupResources(pod: Pod, { cpuCfsQuota: quotas, cpuCfsPeriod, exclusiveCpus }: ResourceSettings): PodCgroupResources {
  const cpuCfsQuota = quotas && exclusiveCpus?.(pod) !== true
  const qos = podQOS(pod)
  if (qos === 'BestEffort') return { cpuShares: minShares }
  const requests = podTotals(pod, 'requests')
  const limits = podTotals(pod, 'limits')
  const all = qos === 'Guaranteed'
  return {
    cpuShares: cpuShares(requests.cpu),
    ...(all || limits.declared.cpu ? { cpuQuota: cpuCfsQuota ? cpuQuota(limits.cpu, cpuCfsPeriod) : -1, cpuPeriod: cpuCfsPeriod } : {}),
    ...(all || limits.declared.memory ? { memoryLimit: limits.memory } : {}),
  }
}
