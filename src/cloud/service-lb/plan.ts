/** Which Services have a load balancer, what of them it depends on, and which nodes it leads to (upstream: cloud-provider/controllers/service). Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { LoadBalancerStatus, Node, Service } from '../../api/generated/types/core-v1.ts'

/** What events name as their source. */
export const component = 'service-controller'
/** Keeps a Service until its load balancer is gone. */
export const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup'
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler'

/** Services with a class are somebody else's. */
export function wantsLoadBalancer({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && spec.loadBalancerClass === undefined
}

export function hasFinalizer({ metadata }: Service): boolean {
  return metadata.finalizers?.includes(cleanupFinalizer) ?? false
}

/** It had a load balancer, and is to have none. */
export function needsCleanup(service: Service): boolean {
  return hasFinalizer(service) && (service.metadata.deletionTimestamp !== undefined || service.spec?.type !== 'LoadBalancer')
}

/** Whether a change concerns the load balancer. */
export function needsUpdate(old: Service, service: Service): boolean {
  const wants = wantsLoadBalancer(service)
  if (wantsLoadBalancer(old) !== wants) return true
  return wants && !isDeepStrictEqual(concern(old), concern(service))
}

function concern({ metadata, spec }: Service): unknown {
  return [
    metadata.uid, metadata.annotations ?? {}, spec?.loadBalancerSourceRanges ?? [], spec?.sessionAffinity, spec?.sessionAffinityConfig, spec?.loadBalancerIP,
    spec?.externalIPs ?? [], spec?.externalTrafficPolicy, spec?.healthCheckNodePort, spec?.ipFamilies?.length,
    spec?.ports?.map((port) => [port.name, port.protocol, port.port, port.nodePort, port.targetPort, port.appProtocol]),
  ]
}

/** Nodes that load balancers lead to, ready or not: each asks for health itself. */
export function balancedNodes(nodes: readonly Node[]): Node[] {
  return nodes.filter((node) => node.metadata.deletionTimestamp === undefined && isIncluded(node) && !node.spec?.taints?.some(({ key }) => key === toBeDeletedTaint))
}

function isIncluded({ metadata }: Node): boolean {
  const value = metadata.labels?.[excludeLabel]
  // A value that is no boolean excludes as well (strconv.ParseBool).
  return value === undefined || ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)
}

/** Whether an update of a node changes where load balancers lead. */
export function nodeConcerns(old: Node, node: Node): boolean {
  return isIncluded(old) !== isIncluded(node) || old.spec?.providerID !== node.spec?.providerID
}

/** Whether two sets of nodes are the same machines. */
export function sameHosts(a: readonly Node[], b: readonly Node[]): boolean {
  const distill = (nodes: readonly Node[]) => new Map(nodes.map((node) => [node.metadata.name, node.spec?.providerID ?? '']))
  return isDeepStrictEqual(distill(a), distill(b))
}

/** Names for an event, at most twenty of them. */
export function listedNames(nodes: readonly Node[]): string {
  const names = nodes.slice(0, 20).map(({ metadata }) => metadata.name!).toSorted()
  return `[${[...names, ...(nodes.length > 20 ? [`<${nodes.length - 20} more>`] : [])].join(' ')}]`
}

/** The patch of the status subresource that adds or removes the finalizer. */
export function finalizerPatch(service: Service, wanted: boolean): unknown {
  const present = service.metadata.finalizers ?? []
  const rest = present.filter((name) => name !== cleanupFinalizer)
  return wanted
    ? { metadata: { '$setElementOrder/finalizers': [...present, cleanupFinalizer], finalizers: [cleanupFinalizer] } }
    : { metadata: { '$deleteFromPrimitiveList/finalizers': [cleanupFinalizer], ...(rest.length === 0 ? {} : { '$setElementOrder/finalizers': rest }) } }
}

/** The patch that brings the status to `wanted`; undefined when it is so already. */
export function statusPatch(service: Service, wanted: LoadBalancerStatus): unknown {
  const present = service.status?.loadBalancer?.ingress ?? []
  const ingress = wanted.ingress ?? []
  if (isDeepStrictEqual(plain(present), plain(ingress))) return undefined
  return { status: { loadBalancer: { ingress: ingress.length === 0 ? null : ingress } } }
}

/** Without what the server fills in. */
function plain(ingress: NonNullable<LoadBalancerStatus['ingress']>): unknown {
  return ingress.map(({ ip = '', hostname = '', ipMode = ip === '' ? '' : 'VIP', ports = [] }) => ({ ip, hostname, ipMode, ports }))
}
