/** The Node object as the kubelet writes it. Pure. Upstream: kubelet_node_status.go, nodestatus/setters.go. */
import type { Node, NodeAddress, NodeCondition, NodeStatus, Taint } from '../../api/generated/types/core-v1.ts'
import { ownFeatures } from '../../api/helpers/declared-features.ts'
import { formatQuantity, newQuantity, parseQuantity, quantityMilliValue, quantityValue } from '../../api/meta/quantity.ts'
import type { Image, RuntimeStatus, RuntimeVersion } from '../cri/contract.ts'
import type { DiskUsage, MachineInfo, Usage } from '../host/contract.ts'
import type { ResolvedOptions } from '../options.ts'
import { same } from '../status/patch.ts'

/** What was found out about machine and runtime. */
export interface NodeFacts {
  readonly machine: MachineInfo
  readonly usage: Usage
  readonly disk: DiskUsage
  readonly runtimeVersion: RuntimeVersion | undefined
  readonly runtime: RuntimeStatus | undefined
  readonly images: readonly Image[]
  readonly kubeletPort: number
  readonly kubeletVersion: string
  readonly volumesInUse?: readonly string[]
  /** Conditions that the node has: "DiskPressure". */
  readonly pressures?: readonly string[]
  readonly goingDown?: boolean
  readonly devices?: ReadonlyMap<string, { capacity: number; allocatable: number }>
}

const maxNamesPerImage = 5

export function initialNode(options: ResolvedOptions, facts: NodeFacts, now: string): Node {
  const { architecture } = facts.machine
  const labels = {
    'kubernetes.io/hostname': options.nodeName, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': architecture, ...options.nodeLabels,
  }
  const uninitialized: Taint[] = options.cloudProvider === 'external' ? [{ key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' }] : []
  const taints = [...options.registerWithTaints, ...uninitialized]
  return {
    apiVersion: 'v1', kind: 'Node',
    metadata: { name: options.nodeName, labels, annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true', ...providedIp(options) } },
    spec: {
      ...(taints.length > 0 ? { taints } : {}),
      ...(options.providerID === undefined ? {} : { providerID: options.providerID }),
    },
    status: nodeStatus(undefined, options, facts, now),
  }
}

/** A cloud has to find the address that the node was given among its own. */
function providedIp({ cloudProvider, nodeIps }: ResolvedOptions): Record<string, string> {
  return cloudProvider === 'external' && nodeIps.length > 0 ? { 'alpha.kubernetes.io/provided-node-ip': nodeIps.join(',') } : {}
}

/** The next status over the one the API server has: what others wrote there is kept. */
export function nodeStatus(old: NodeStatus | undefined, options: ResolvedOptions, facts: NodeFacts, now: string): NodeStatus {
  const ofDevices = (which: 'capacity' | 'allocatable') => Object.fromEntries([...(facts.devices ?? [])].map(([name, counts]) => [name, String(counts[which])]))
  const capacity = { ...foreignResources(old?.capacity), ...ownCapacity(options, facts), ...ofDevices('capacity') }
  const allocatable = { ...foreignResources(old?.allocatable), ...ownAllocatable(capacity, options), ...ofDevices('allocatable') }
  return {
    ...old,
    capacity, allocatable, volumesInUse: [...(facts.volumesInUse ?? [])],
    addresses: addresses(old?.addresses, options, facts),
    conditions: conditions(old?.conditions ?? [], facts, now),
    daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } },
    images: images(facts.images, options.nodeStatusMaxImages),
    nodeInfo: {
      machineID: facts.machine.machineId, systemUUID: facts.machine.systemUuid, bootID: facts.machine.bootId,
      kernelVersion: facts.machine.kernelVersion, osImage: facts.machine.osImage, operatingSystem: 'linux', architecture: facts.machine.architecture,
      containerRuntimeVersion: facts.runtimeVersion === undefined ? (old?.nodeInfo?.containerRuntimeVersion ?? '') :
        `${facts.runtimeVersion.runtimeName}://${facts.runtimeVersion.runtimeVersion}`,
      kubeletVersion: facts.kubeletVersion, kubeProxyVersion: '',
      ...(facts.machine.swapBytes > 0 ? { swap: { capacity: facts.machine.swapBytes } } : {}),
    },
    declaredFeatures: [...ownFeatures],
    runtimeHandlers: (facts.runtime?.handlers ?? []).map(({ name, features }) => ({
      name, features: { recursiveReadOnlyMounts: features?.recursiveReadOnlyMounts === true, userNamespaces: features?.userNamespaces === true },
    })),
  }
}

const named: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods'])
const isHugePages = (name: string) => name.startsWith('hugepages-')
const isOwn = (name: string) => named.has(name) || isHugePages(name)

/** Extended resources are set by others: device plugins, operators, tests. */
function foreignResources(list: Readonly<Record<string, string | number>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => !isOwn(name)).map(([name, amount]) => [name, String(amount)]))
}

function ownCapacity(options: ResolvedOptions, { machine, disk }: NodeFacts): Record<string, string> {
  const pages = Object.entries(machine.hugePages ?? { 'hugepages-1Gi': 0, 'hugepages-2Mi': 0 }).map(([name, bytes]) => [name, formatQuantity(newQuantity(bytes, 'BinarySI'))])
  return {
    cpu: String(machine.cpus), memory: kibi(machine.memoryBytes), 'ephemeral-storage': kibi(disk.capacityBytes),
    ...Object.fromEntries(pages) as Record<string, string>, pods: String(mostPods(options, machine.cpus)), ...options.capacity,
  }
}

function mostPods({ maxPods, podsPerCore }: ResolvedOptions, cpus: number): number {
  return podsPerCore > 0 ? Math.min(maxPods, podsPerCore * cpus) : maxPods
}

/** What all pods together are held to: the machine without what is reserved. What eviction keeps free they may touch. */
export function podsMayHave(options: ResolvedOptions, machine: MachineInfo): { milliCpu: number; memoryBytes: number } {
  const left = (total: number, name: string, value: (amount: string | number) => number) =>
    Math.max(0, total - value(options.systemReserved[name] ?? 0) - value(options.kubeReserved[name] ?? 0))
  return { milliCpu: left(machine.cpus * 1000, 'cpu', quantityMilliValue), memoryBytes: left(machine.memoryBytes, 'memory', quantityValue) }
}

/** What pods may not be given, as the managers of CPUs and memory count it. */
export function keptBack(options: ResolvedOptions, machine: MachineInfo): { milliCpu: number; memory: Record<string, number> } {
  const sum = (name: string, value: (amount: string | number) => number) => value(options.systemReserved[name] ?? 0) + value(options.kubeReserved[name] ?? 0)
  const eviction = quantityValue(evictionReserve('memory', String(machine.memoryBytes), options.evictionHard) ?? 0)
  return { milliCpu: sum('cpu', quantityMilliValue), memory: { memory: sum('memory', quantityValue) + eviction } }
}

function kibi(bytes: number): string {
  return `${Math.floor(bytes / 1024)}Ki`
}

function ownAllocatable(capacity: Readonly<Record<string, string>>, options: ResolvedOptions): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, amount] of Object.entries(capacity)) {
    if (!isOwn(name)) continue
    const reserved = [options.systemReserved[name], options.kubeReserved[name], evictionReserve(name, amount, options.evictionHard)].filter((r) => r !== undefined)
    result[name] = reserved.length === 0 ? amount : subtract(name, amount, reserved)
  }
  // Memory in huge pages is nobody's who asks for memory.
  const pages = Object.entries(result).filter(([name, amount]) => isHugePages(name) && quantityValue(amount) > 0).map(([, amount]) => amount)
  if (pages.length > 0 && result['memory'] !== undefined) result['memory'] = subtract('memory', result['memory'], pages)
  return result
}

function evictionReserve(name: string, capacity: string, thresholds: Readonly<Record<string, string>>): string | undefined {
  const threshold = name === 'memory' ? thresholds['memory.available'] : name === 'ephemeral-storage' ? thresholds['nodefs.available'] : undefined
  if (threshold === undefined || !threshold.endsWith('%')) return threshold
  return String(Math.floor((quantityValue(capacity) * Number(threshold.slice(0, -1))) / 100))
}

function subtract(name: string, amount: string, reserved: readonly string[]): string {
  if (name === 'cpu') {
    const milli = Math.max(0, quantityMilliValue(amount) - reserved.reduce((sum, r) => sum + quantityMilliValue(r), 0))
    return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`
  }
  const left = Math.max(0, quantityValue(amount) - reserved.reduce((sum, r) => sum + quantityValue(r), 0))
  return name === 'ephemeral-storage' ? String(left) : formatQuantity(newQuantity(left, parseQuantity(amount).format))
}

function addresses(old: readonly NodeAddress[] | undefined, options: ResolvedOptions, facts: NodeFacts): NodeAddress[] {
  // What a cloud told stays; before it does, the node's own view has to do.
  if (options.cloudProvider === 'external' && old !== undefined && old.length > 0) return [...old]
  const ips = options.nodeIps.map((address) => ({ type: 'InternalIP', address }))
  return [...ips, { type: 'Hostname', address: options.nodeName === '' ? facts.machine.hostname : options.nodeName }]
}

type Verdict = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>

function conditions(old: readonly NodeCondition[], facts: NodeFacts, now: string): NodeCondition[] {
  const verdicts = [...pressures.map((pressure) => pressureVerdict(pressure, facts)), ready(facts)]
  const mine = verdicts.map((verdict): NodeCondition => {
    const before = old.find(({ type }) => type === verdict.type)
    const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime: lastTransitionTime ?? now }
  })
  return [...old.filter(({ type }) => !mine.some((condition) => condition.type === type)), ...mine]
}

const pressures = [
  { type: 'MemoryPressure', bad: 'KubeletHasInsufficientMemory', badText: 'kubelet has insufficient memory available', good: 'KubeletHasSufficientMemory', goodText: 'kubelet has sufficient memory available' },
  { type: 'DiskPressure', bad: 'KubeletHasDiskPressure', badText: 'kubelet has disk pressure', good: 'KubeletHasNoDiskPressure', goodText: 'kubelet has no disk pressure' },
  { type: 'PIDPressure', bad: 'KubeletHasInsufficientPID', badText: 'kubelet has insufficient PID available', good: 'KubeletHasSufficientPID', goodText: 'kubelet has sufficient PID available' },
] as const

function pressureVerdict({ type, bad, badText, good, goodText }: (typeof pressures)[number], facts: NodeFacts): Verdict {
  const isShort = facts.pressures?.includes(type) === true
  return { type, status: isShort ? 'True' : 'False', reason: isShort ? bad : good, message: isShort ? badText : goodText }
}

/** Why the node cannot run pods: runtime and network conditions in one text. */
export function runtimeErrors(facts: Pick<NodeFacts, 'runtime'>): string[] {
  if (facts.runtime === undefined) return ['container runtime is down']
  return ['RuntimeReady', 'NetworkReady'].flatMap((type) => {
    const condition = facts.runtime!.conditions.find((c) => c.type === type)
    if (condition?.status === true) return []
    const what = type === 'RuntimeReady' ? 'container runtime not ready' : 'container runtime network not ready'
    return [`${what}: ${type}=false reason:${condition?.reason ?? ''} message:${condition?.message ?? ''}`]
  })
}

function ready(facts: NodeFacts): Verdict {
  const errors = [...runtimeErrors(facts), ...(facts.goingDown === true ? ['node is shutting down'] : [])]
  if (errors.length === 0) return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
  const message = errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`
  return { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message }
}

function images(list: readonly Image[], most: number): NonNullable<NodeStatus['images']> {
  return [...list].sort((a, b) => b.size - a.size).slice(0, most < 0 ? undefined : most)
    .map(({ repoTags, repoDigests, size }) => ({ names: [...repoDigests, ...repoTags].slice(0, maxNamesPerImage), sizeBytes: size }))
}

/** Whether anything but heartbeats differs. */
export function nodeStatusChanged(old: NodeStatus, next: NodeStatus): boolean {
  const bare = (status: NodeStatus) => ({
    ...status, conditions: status.conditions?.map(({ lastHeartbeatTime: _beat, ...rest }) => rest).sort((a, b) => (a.type < b.type ? -1 : 1)),
  })
  return !same(bare(old), bare(next))
}

/** A strategic merge patch of a node's status; undefined when nothing is to be told. */
export function nodeStatusPatch(old: NodeStatus, next: NodeStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {}
  const before = old as Record<string, unknown>
  const after = next as Record<string, unknown>
  for (const field of Object.keys(after)) {
    if (same(before[field], after[field])) continue
    // Addresses merge by type upstream, which loses one of two of a type: they are replaced as a whole.
    patch[field] = field === 'addresses' ? [{ $patch: 'replace' }, ...(after[field] as object[])] : after[field]
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}
