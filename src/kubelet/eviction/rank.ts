/** Which pod goes first, and what is said of it. Pure. Upstream: pkg/kubelet/eviction/helpers.go, types/pod_update.go. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podRequests } from '../../api/helpers/pod-resources.ts'
import { formatQuantity, newQuantity, quantityValue } from '../../api/meta/quantity.ts'
import { initContainers } from '../pod.ts'
import { type Observations, type Resource, type Threshold, amountOf, resourceOf } from './thresholds.ts'

export interface DiskUse {
  readonly bytes: number
  readonly inodes: number
}

export interface ContainerUse {
  readonly name: string
  readonly memoryBytes: number
  readonly rootfs: DiskUse
  readonly logs: DiskUse
}

export interface PodUse {
  readonly memoryBytes: number
  readonly processes: number
  readonly containers: readonly ContainerUse[]
  /** emptyDir volumes on the disk, by name. */
  readonly volumes: ReadonlyMap<string, DiskUse>
}

export type UsageOf = (pod: Pod) => PodUse | undefined

export function podDiskUse(use: PodUse): DiskUse {
  let bytes = 0
  let inodes = 0
  for (const part of [...use.containers.flatMap(({ rootfs, logs }) => [rootfs, logs]), ...use.volumes.values()]) {
    bytes += part.bytes
    inodes += part.inodes
  }
  return { bytes, inodes }
}

function used(use: PodUse, resource: Resource): number {
  if (resource === 'memory') return use.memoryBytes
  if (resource === 'pids') return use.processes
  const disk = podDiskUse(use)
  return resource === 'inodes' ? disk.inodes : disk.bytes
}

/** The first is to be evicted first: those over their requests, then by priority, then by how much they are over. */
export function rankPods(pods: readonly Pod[], resource: Resource, usageOf: UsageOf): Pod[] {
  const facts = new Map(pods.map((pod) => {
    const use = usageOf(pod)
    const requested = resource === 'memory' || resource === 'ephemeral-storage' ? quantityValue(podRequests(pod)[resource] ?? 0) : 0
    return [pod, use === undefined ? undefined : used(use, resource) - requested] as const
  }))
  const priority = (pod: Pod) => pod.spec!.priority ?? 0
  return [...pods].sort((a, b) => {
    const [overA, overB] = [facts.get(a), facts.get(b)]
    if (resource === 'pids') return priority(a) - priority(b) || (overB ?? 0) - (overA ?? 0)
    if (overA === undefined || overB === undefined) return Number(overA !== undefined) - Number(overB !== undefined)
    return Number(overB > 0) - Number(overA > 0) || priority(a) - priority(b) || overB - overA
  })
}

const binary = (value: number): string => formatQuantity(newQuantity(value, 'BinarySI'))

export interface EvictionText {
  readonly message: string
  readonly annotations: Readonly<Record<string, string>>
}

export function evictionMessage(resource: Resource, pod: Pod, use: PodUse | undefined, due: readonly Threshold[], observations: Observations): EvictionText {
  let message = `The node was low on resource: ${resource}. `
  const threshold = due.find(({ signal }) => resourceOf(signal) === resource && observations.has(signal))
  if (threshold !== undefined) {
    const { available, capacity } = observations.get(threshold.signal)!
    message += `Threshold quantity: ${shown(amountOf(threshold.amount, capacity), threshold.amount.text, resource)}, available: ${resource === 'inodes' || resource === 'pids' ? String(available) : kibi(available)}. `
  }
  if (use === undefined) return { message, annotations: {} }
  const names: string[] = []
  const amounts: string[] = []
  for (const { name, memoryBytes, rootfs, logs } of use.containers) {
    const container = [...pod.spec!.containers, ...initContainers(pod)].find((other) => other.name === name)
    const amount = resource === 'memory' ? memoryBytes : resource === 'ephemeral-storage' ? rootfs.bytes + logs.bytes : undefined
    if (container === undefined || amount === undefined) continue
    const requested = container.resources?.requests?.[resource] ?? '0'
    if (amount <= quantityValue(requested)) continue
    message += `Container ${name} was using ${binary(amount)}, request is ${requested}, has larger consumption of ${resource}. `
    names.push(name)
    amounts.push(binary(amount))
  }
  return {
    message, annotations: { offending_containers: names.join(), offending_containers_usage: amounts.join(), starved_resource: resource },
  }
}

const kibi = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`
const shown = (value: number, text: string, resource: Resource): string =>
  text.endsWith('%') ? (resource === 'inodes' || resource === 'pids' ? String(value) : binary(value)) : text

/** Why a pod has to go because of its own limits, whatever the node has left; undefined: it may stay. */
export function overOwnLimits(pod: Pod, use: PodUse): string | undefined {
  for (const { name, emptyDir } of pod.spec!.volumes ?? []) {
    const limit = emptyDir?.sizeLimit
    const used1 = use.volumes.get(name)
    if (limit !== undefined && used1 !== undefined && quantityValue(limit) > 0 && used1.bytes > quantityValue(limit)) {
      return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(String(limit))}. `
    }
  }
  const limits = pod.spec!.containers.map(({ name, resources }) => ({ name, limit: resources?.limits?.['ephemeral-storage'] }))
  const declared = limits.filter(({ limit }) => limit !== undefined)
  if (declared.length > 0) {
    const total = declared.reduce((sum, { limit }) => sum + quantityValue(limit!), 0)
    if (podDiskUse(use).bytes > total) {
      const text = declared.length === 1 ? String(declared[0]!.limit) : binary(total)
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `
    }
  }
  for (const { name, limit } of declared) {
    const container = use.containers.find((other) => other.name === name)
    if (container === undefined || quantityValue(limit!) === 0) continue
    if (container.rootfs.bytes + container.logs.bytes > quantityValue(limit!)) {
      return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(String(limit))}. `
    }
  }
  return undefined
}
