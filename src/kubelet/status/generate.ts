/** The whole status of a pod as the kubelet reports it. Pure. Upstream: kubelet_pods.go generateAPIPodStatus. */
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus, ResourceStatus } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { findCondition } from '../../api/meta/conditions.ts'
import { parseTime } from '../../api/meta/time.ts'
import { type ProbeResult, sandboxChanged } from '../actions.ts'
import type { Actuated } from '../allocation/plan.ts'
import type { PodCgroupValues } from '../cgroups/manager.ts'
import { initContainers, isHostNetwork, isRestartableInit, isTerminalPhase } from '../pod.ts'
import type { RuntimePod } from '../runtime/pod-status.ts'
import { isOwnedByKubelet, podConditions } from './conditions.ts'
import { type WaitingReason, containerStatuses, parseContainerId } from './containers.ts'
import { type Phase, podPhase } from './phase.ts'
import { podLevelAllocated, podLevelResources } from './resources.ts'

/** What the probes know. A worker that exists and has no result yet is `undefined`. */
export interface ProbeView {
  startup(containerId: string): ProbeResult | undefined
  readiness(containerId: string): ProbeResult | undefined
  hasStartup(containerName: string): boolean
  hasReadiness(containerName: string): boolean
}

export interface StatusInput {
  readonly pod: Pod
  readonly runtime: RuntimePod
  /** What was last reported, or the pod's status in the API. */
  readonly old: PodStatus
  /** The pod is over: no container will be started again. */
  readonly terminal: boolean
  readonly probes: ProbeView
  readonly hostIps: readonly string[]
  /** ms; containers older than this ran under an earlier kubelet. */
  readonly kubeletStartedAt: number
  waitingReason(containerName: string): WaitingReason | undefined
  /** What containers have been given, where the runtime does not tell. */
  readonly actuated: Actuated
  readonly resizeConditions: readonly PodCondition[]
  /** What the pod's cgroup holds; undefined when it has none. */
  readonly cgroup: PodCgroupValues | undefined
  /** How the devices are that a container has; KEP-4680. */
  deviceHealth?(container: Container): readonly ResourceStatus[]
}

export function generatePodStatus(input: StatusInput): PodStatus {
  const { pod, runtime, old, terminal } = input
  const statuses = readied(input, containerStatuses(input, 'regular'))
  const initStatuses = readiedInit(input, containerStatuses(input, 'init'))
  const ephemeral = containerStatuses(input, 'ephemeral')
  const started = pod.spec!.containers.some((container) => runtime.active.has(container.name))
  const phase = nextPhase(input, podPhase(pod, [...statuses, ...initStatuses], terminal, started))
  const status: PodStatus = { phase, qosClass: podQOS(pod), ...addresses(input) }
  if (phase === old.phase) {
    const reason = old.reason ?? pod.status?.reason
    const message = old.message ?? pod.status?.message
    if (reason !== undefined) status.reason = reason
    if (message !== undefined) status.message = message
  }
  const foreign = (pod.status?.conditions ?? []).filter((condition) => !isOwnedByKubelet(condition.type))
  const disruption = findCondition(old.conditions, 'DisruptionTarget')
  if (disruption !== undefined && findCondition(foreign, 'DisruptionTarget') === undefined) foreign.push(disruption)
  status.conditions = [...input.resizeConditions, ...podConditions({
    pod, old, phase, initStatuses, statuses, foreign, runtime, sandboxReady: !sandboxChanged(pod, runtime).changed,
  })]
  status.containerStatuses = statuses.map((container) => {
    const declared = pod.spec!.containers.find(({ name }) => name === container.name)
    const health = declared === undefined ? [] : input.deviceHealth?.(declared) ?? []
    return health.length === 0 ? container : { ...container, allocatedResourcesStatus: [...health] }
  })
  if (initStatuses.length > 0) status.initContainerStatuses = initStatuses
  if (ephemeral.length > 0) status.ephemeralContainerStatuses = ephemeral
  status.resources = podLevelResources(pod, old, input.cgroup)
  const allocated = podLevelAllocated(pod)
  if (allocated !== undefined) status.allocatedResources = allocated
  if (pod.metadata.generation !== undefined) status.observedGeneration = pod.metadata.generation
  return status
}

/** A terminal phase is never left. */
function nextPhase({ pod, old }: StatusInput, phase: Phase): Phase {
  if (isTerminalPhase(pod.status?.phase)) return pod.status!.phase as Phase
  if (!isTerminalPhase(phase) && isTerminalPhase(old.phase)) return old.phase as Phase
  return phase
}

function addresses({ pod, runtime, hostIps, old }: StatusInput): Partial<PodStatus> {
  const result: Partial<PodStatus> = {}
  if (hostIps.length > 0) {
    result.hostIP = hostIps[0]
    result.hostIPs = hostIps.map((ip) => ({ ip }))
  }
  // A pod that has lost its sandbox keeps the addresses it was known by.
  const lost = runtime.ips.length === 0 && !runtime.sandboxes.some(({ state }) => state === 'SANDBOX_READY')
  const podIps = lost ? (old.podIPs ?? []).map(({ ip }) => ip) : runtime.ips
  const ips = isHostNetwork(pod) ? hostIps : sortPodIps(podIps, hostIps)
  if (ips.length > 0) {
    result.podIP = ips[0]
    result.podIPs = ips.map((ip) => ({ ip }))
  }
  return result
}

/** One address of each family, the node's own family first. */
export function sortPodIps(ips: readonly string[], hostIps: readonly string[]): string[] {
  const isV6 = (ip: string) => ip.includes(':')
  const v6First = hostIps[0] !== undefined && isV6(hostIps[0])
  const first = ips.find((ip) => isV6(ip) === v6First)
  const second = ips.find((ip) => isV6(ip) !== v6First)
  return [first, second].filter((ip) => ip !== undefined)
}

function isStarted({ probes }: StatusInput, status: ContainerStatus): boolean {
  if (status.state?.running === undefined) return false
  const result = probes.startup(parseContainerId(status.containerID))
  if (result !== undefined) return result === 'success'
  return status.started === true || !probes.hasStartup(status.name)
}

function readied(input: StatusInput, statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.map((status) => {
    const started = isStarted(input, status)
    return { ...status, started, ready: started && isReady(input, status) }
  })
}

function readiedInit(input: StatusInput, statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.map((status) => {
    const started = isStarted(input, status)
    const container = initContainers(input.pod).find(({ name }) => name === status.name)!
    const ready = isRestartableInit(container) ? started && isReady(input, status) : status.state?.terminated?.exitCode === 0
    return { ...status, started, ready }
  })
}

function isReady({ probes, old, pod, kubeletStartedAt }: StatusInput, status: ContainerStatus): boolean {
  if (status.state?.running === undefined) return false
  const result = probes.readiness(parseContainerId(status.containerID))
  if (result !== undefined) return result === 'success'
  if (!probes.hasReadiness(status.name)) return true
  // Its probe has not run since this kubelet started: what was reported before still stands.
  const startedAt = parseTime(status.state.running.startedAt ?? '') ?? kubeletStartedAt
  const before = [...(old.containerStatuses ?? []), ...(old.initContainerStatuses ?? [])].find(({ name }) => name === status.name)
  const podReady = findCondition(pod.status?.conditions, 'Ready')?.status === 'True'
  return startedAt < kubeletStartedAt && podReady && before?.ready === true && before.containerID === status.containerID
}
