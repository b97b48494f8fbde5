/** Whether the node takes a pod that was bound to it. Pure. Upstream: pkg/kubelet/lifecycle/predicate.go. */
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { nodeMatchesPod } from '../api/helpers/node-affinity.ts'
import { podRequests } from '../api/helpers/pod-resources.ts'
import { findUntoleratedTaint } from '../api/helpers/taints.ts'
import { quantityMilliValue, quantityValue } from '../api/meta/quantity.ts'
import { forbiddenSysctl } from './sysctls.ts'
import { allContainers, isCriticalPod, isStaticPod, isTerminalPhase } from './pod.ts'
import type { Shortage } from './preempt.ts'

export interface Rejection {
  readonly reason: string
  readonly message: string
  /** What is missing, when that is all that speaks against the pod. */
  readonly shortages?: readonly Shortage[]
}

export interface AdmissionInput {
  readonly pod: Pod
  /** The node as registered; undefined before it is known. */
  readonly node: Node | undefined
  /** Pods that were admitted before. */
  readonly others: readonly Pod[]
  /** Kernel parameters that pods may set; undefined: all. */
  readonly sysctls?: readonly string[]
}

/** undefined: welcome. */
export function admitPod({ pod, node, others, sysctls }: AdmissionInput): Rejection | undefined {
  const forbidden = sysctls === undefined ? undefined : forbiddenSysctl(pod, sysctls)
  if (forbidden !== undefined) return forbidden
  if (node === undefined) return { reason: 'InvalidNodeInfo', message: 'Kubelet cannot get node info.' }
  const os = pod.spec!.os?.name
  if (os !== undefined && os !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
  const osLabel = pod.metadata.labels?.['kubernetes.io/os']
  if (osLabel !== undefined && osLabel !== 'linux') {
    return { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label" }
  }
  if (pod.spec!.securityContext?.supplementalGroupsPolicy === 'Strict' && node.status?.features?.supplementalGroupsPolicy !== true) {
    return { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' }
  }
  const alive = others.filter((other) => !isTerminalPhase(other.status?.phase))
  const short = insufficient(pod, node, alive)
  const other = predicates(pod, node, alive)
  // Room can be made for a critical pod, but only when nothing else speaks against it.
  return short === undefined || (isCriticalPod(pod) && other !== undefined) ? other : short
}

function insufficient(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = node.status?.allocatable ?? {}
  const shortages: Shortage[] = []
  let first: Rejection | undefined
  const refuse = (name: string, requested: number, used: number, capacity: number): void => {
    shortages.push({ resource: name, amount: requested - (capacity - used) })
    first ??= { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}` }
  }
  const maxPods = quantityValue(allocatable.pods ?? 0)
  if (others.length + 1 > maxPods) refuse('pods', 1, others.length, maxPods)
  for (const [name, amount] of Object.entries(podRequests(pod))) {
    const value = name === 'cpu' ? quantityMilliValue : quantityValue
    const requested = value(amount)
    // Resources that the node does not know are the affair of the cluster.
    if (requested === 0 || (name.includes('/') && allocatable[name] === undefined)) continue
    const capacity = value(allocatable[name] ?? 0)
    const used = others.reduce((sum, other) => sum + value(podRequests(other)[name] ?? 0), 0)
    if (requested > capacity - used) refuse(name, requested, used, capacity)
  }
  return first === undefined ? undefined : { ...first, shortages }
}

function predicates(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const refuse = (name: string, why: string): Rejection => ({ reason: name, message: `Predicate ${name} failed: ${why}` })
  if (!nodeMatchesPod(pod, node)) return refuse('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
  if ((pod.spec!.nodeName ?? '') !== '' && pod.spec!.nodeName !== node.metadata.name) return refuse('NodeName', "node(s) didn't match the requested node name")
  const taken = others.flatMap(hostPorts)
  if (hostPorts(pod).some((port) => taken.some((other) => conflict(port, other)))) {
    return refuse('NodePorts', "node(s) didn't have free ports for the requested pod ports")
  }
  if (!isStaticPod(pod) && findUntoleratedTaint(node.spec?.taints, pod.spec!.tolerations, ['NoExecute']) !== undefined) {
    return refuse('TaintToleration', "node(s) had taints that the pod didn't tolerate")
  }
  return undefined
}

interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

function hostPorts(pod: Pod): HostPort[] {
  return [...allContainers(pod)].flatMap(({ container }) => (container.ports ?? []).flatMap(({ hostPort = 0, hostIP, protocol = 'TCP' }) =>
    hostPort > 0 ? [{ ip: hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP, protocol, port: hostPort }] : []))
}

function conflict(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')
}
