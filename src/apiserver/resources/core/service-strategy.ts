/** Defaults of services, and what a change of type lets go (upstream: pkg/registry/core/service). */
import type { Service } from '../../../api/generated/types/core-v1.ts'
import { isExternallyAccessible } from '../../../api/helpers/service.ts'

type Spec = NonNullable<Service['spec']>

function defaultAffinity(spec: Spec): void {
  spec.sessionAffinity ||= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10800 } }
  }
}

export function defaultService(service: Service): void {
  const spec = (service.spec ??= {})
  defaultAffinity(spec)
  spec.type ||= 'ClusterIP'
  for (const port of spec.ports ?? []) {
    port.protocol ||= 'TCP'
    if (!port.targetPort) port.targetPort = port.port
  }
  if (isExternallyAccessible(service)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  const status = (service.status ??= { loadBalancer: {} })
  if (spec.type === 'LoadBalancer') {
    spec.allocateLoadBalancerNodePorts ??= true
    for (const ingress of status.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
  }
}

const sameList = (a: readonly unknown[] = [], b: readonly unknown[] = []): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i])
const needsIP = (spec: Spec): boolean => spec.type !== 'ExternalName'
const needsNodePort = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
const needsHealthPort = (spec: Spec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
const ports = (spec: Spec): number[] => (spec.ports ?? []).map((p) => p.nodePort ?? 0).filter((p) => p !== 0)

function dropAddresses(spec: Spec, old: Spec): void {
  if ((spec.clusterIP ?? '') === (old.clusterIP ?? '') && sameList(spec.clusterIPs, old.clusterIPs)) {
    delete spec.clusterIP
    delete spec.clusterIPs
  }
  if (sameList(spec.ipFamilies, old.ipFamilies)) delete spec.ipFamilies
  if (spec.ipFamilyPolicy === old.ipFamilyPolicy) delete spec.ipFamilyPolicy
}

/**
 * A client that changes the type alone means the fields that belonged to the old type to go; values that it set itself
 * stay, for validation to refuse.
 */
export function dropTypeDependentFields(service: Service, old: Service): void {
  const spec = service.spec!
  const before = old.spec!
  if (needsIP(before) && !needsIP(spec)) dropAddresses(spec, before)
  const usedNodePorts = before.type === 'NodePort' || before.type === 'LoadBalancer'
  const usesNodePorts = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  if (usedNodePorts && !usesNodePorts && ports(spec).every((p) => ports(before).includes(p))) {
    for (const port of spec.ports ?? []) delete port.nodePort
  }
  if (needsHealthPort(before) && !needsHealthPort(spec) && spec.healthCheckNodePort === before.healthCheckNodePort) {
    delete spec.healthCheckNodePort
  }
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass
  }
  if (isExternallyAccessible(old) && !isExternallyAccessible(service) && spec.externalTrafficPolicy === before.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy
  }
  if (spec.type !== 'LoadBalancer') service.status = { ...service.status, loadBalancer: {} }
}

/** Values that the server gave are kept when an update leaves them out. */
function keepAllocated(spec: Spec, old: Spec): void {
  if (needsIP(spec) && needsIP(old)) {
    if (!spec.clusterIP && old.clusterIP) spec.clusterIP = old.clusterIP
    if (!spec.clusterIPs?.length && old.clusterIPs?.length) spec.clusterIPs = [...old.clusterIPs]
  }
  if (needsNodePort(spec) && needsNodePort(old)) {
    const used = ports(old).filter((p) => ports(spec).includes(p))
    const byName = new Map((old.ports ?? []).map((p) => [p.name ?? '', p.nodePort ?? 0]))
    for (const port of spec.ports ?? []) {
      const before = byName.get(port.name ?? '')
      if (!port.nodePort && before && !used.includes(before)) port.nodePort = before
    }
  }
  if (needsHealthPort(spec) && needsHealthPort(old) && !spec.healthCheckNodePort && old.healthCheckNodePort) {
    spec.healthCheckNodePort = old.healthCheckNodePort
  }
}

/** clusterIP and clusterIPs say the same; a client that knows the old one alone changes both. */
function alignClusterIPs(spec: Spec, old: Spec | undefined): void {
  if (old === undefined) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
    return
  }
  const changed = (spec.clusterIP ?? '') !== (old.clusterIP ?? '')
  if (!changed) {
    if (old.clusterIPs?.length && !spec.clusterIPs?.length) spec.clusterIPs = [...old.clusterIPs]
  } else if (sameList(spec.clusterIPs, old.clusterIPs)) {
    if (old.clusterIP && !spec.clusterIP) delete spec.clusterIPs
    else spec.clusterIPs = [spec.clusterIP!]
  }
}

/** Settles cluster IPs and node ports of a write before any are taken. */
export function settleService(service: Service, old: Service | undefined): void {
  if (old?.spec !== undefined) keepAllocated(service.spec!, old.spec)
  alignClusterIPs(service.spec!, old?.spec)
}
