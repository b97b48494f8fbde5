/**
 * What the proxy knows: Services' ports and their endpoints, for one IP family, seen from one node. Pure values made
 * of API objects (upstream: pkg/proxy/serviceport.go, endpointslicecache.go).
 */
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts'
import type { Service, ServicePort } from '../api/generated/types/core-v1.ts'
import { type Family, canonical, familyOf, hostPort } from './addresses.ts'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export interface PortInfo {
  readonly namespace: string
  readonly service: string
  /** The port's name, '' when the Service has one port without a name. */
  readonly name: string
  readonly protocol: Protocol
  readonly clusterIP: string
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
  readonly externalIPs: readonly string[]
  readonly loadBalancerIPs: readonly string[]
  /** Empty: everybody may. */
  readonly sourceRanges: readonly string[]
  /** How long a client stays with its endpoint; undefined without session affinity. */
  readonly affinitySeconds: number | undefined
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** 0: none. */
  readonly healthCheckNodePort: number
}

export interface EndpointInfo {
  readonly ip: string
  readonly port: number
  readonly isLocal: boolean
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zoneHints: readonly string[]
  readonly nodeHints: readonly string[]
}

/** A Service's ports, by "protocol/name". Empty for headless and ExternalName Services: those have no virtual IP. */
export function portsOf(service: Service, family: Family): ReadonlyMap<string, PortInfo> {
  const out = new Map<string, PortInfo>()
  const spec = service.spec ?? {}
  if (spec.type === 'ExternalName') return out
  const clusterIP = (spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])).find((ip) => familyOf(ip) === family)
  if (clusterIP === undefined) return out
  const common = commonOf(service, family, canonical(clusterIP))
  for (const port of spec.ports ?? []) {
    const info = { ...common, ...portPart(port) }
    out.set(portKey(info.protocol, info.name), info)
  }
  return out
}

export function portKey(protocol: string, name: string): string {
  return `${protocol}/${name}`
}

/** "namespace/name:port" as upstream prints it in comments and logs. */
export function portName(info: PortInfo): string {
  return `${info.namespace}/${info.service}${info.name === '' ? '' : `:${info.name}`}`
}

function portPart(port: ServicePort): Pick<PortInfo, 'name' | 'protocol' | 'port' | 'nodePort'> {
  return { name: port.name ?? '', protocol: (port.protocol ?? 'TCP') as Protocol, port: port.port, nodePort: port.nodePort ?? 0 }
}

function commonOf(service: Service, family: Family, clusterIP: string): Omit<PortInfo, 'name' | 'protocol' | 'port' | 'nodePort'> {
  const spec = service.spec ?? {}
  const ofFamily = (texts: readonly string[]) => texts.map((text) => text.trim()).filter((text) => familyOf(text) === family).map(canonical)
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
  const externalLocal = isExternal && spec.externalTrafficPolicy === 'Local'
  const ranges = ofFamily(spec.loadBalancerSourceRanges ?? [])
  const ingress = (service.status?.loadBalancer?.ingress ?? []).filter(({ ip, ipMode }) => ip !== undefined && ip !== '' && (ipMode ?? 'VIP') === 'VIP')
  return {
    namespace: service.metadata.namespace ?? '', service: service.metadata.name ?? '', clusterIP,
    externalIPs: ofFamily(spec.externalIPs ?? []),
    loadBalancerIPs: ofFamily(ingress.map(({ ip }) => ip!)),
    sourceRanges: ranges.some((range) => range.endsWith('/0')) ? [] : ranges,
    affinitySeconds: spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal,
    healthCheckNodePort: spec.type === 'LoadBalancer' && externalLocal ? (spec.healthCheckNodePort ?? 0) : 0,
  }
}

/** Endpoints by "protocol/name", sorted by address so that equal states give equal rules. */
export function endpointsOf(slices: Iterable<EndpointSlice>, family: Family, nodeName: string): ReadonlyMap<string, readonly EndpointInfo[]> {
  const byPort = new Map<string, Map<string, EndpointInfo>>()
  for (const slice of [...slices].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))) {
    if (slice.addressType !== family) continue
    for (const port of slice.ports ?? []) {
      if (port.port === undefined || port.port === 0) continue
      const key = portKey(port.protocol ?? 'TCP', port.name ?? '')
      const found = byPort.get(key) ?? new Map<string, EndpointInfo>()
      byPort.set(key, found)
      addEndpoints(found, slice, port.port, nodeName)
    }
  }
  return new Map([...byPort].map(([key, found]) => [key, [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)]))
}

function addEndpoints(found: Map<string, EndpointInfo>, slice: EndpointSlice, port: number, nodeName: string): void {
  for (const endpoint of slice.endpoints ?? []) {
    const address = endpoint.addresses[0]
    if (address === undefined) continue
    const { ready = true, serving = true, terminating = false } = endpoint.conditions ?? {}
    const info: EndpointInfo = {
      ip: canonical(address), port, isLocal: endpoint.nodeName !== undefined && endpoint.nodeName === nodeName, ready, serving, terminating,
      zoneHints: endpoint.hints?.forZones?.map(({ name }) => name) ?? [], nodeHints: endpoint.hints?.forNodes?.map(({ name }) => name) ?? [],
    }
    const key = hostPort(info.ip, port)
    // A pod network may give an address to a new pod before the old one is gone: the one that runs is meant.
    if (!found.has(key) || !terminating) found.set(key, info)
  }
}

export function isExternallyAccessible(info: PortInfo): boolean {
  return info.nodePort !== 0 || info.loadBalancerIPs.length > 0 || info.externalIPs.length > 0
}

/** Even with external policy Local: traffic that begins in the cluster goes to all endpoints. */
export function usesClusterEndpoints(info: PortInfo): boolean {
  return !info.internalLocal || isExternallyAccessible(info)
}

export function usesLocalEndpoints(info: PortInfo): boolean {
  return info.internalLocal || (info.externalLocal && isExternallyAccessible(info))
}
