/** From pods to endpoints (upstream: k8s.io/endpointslice utils.go). */
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { isPodReady, isPodTerminal } from '../../api/helpers/pod-conditions.ts'
import { findPodPort } from '../../api/helpers/service.ts'
import { canonicalJSON } from '../../api/helpers/template-hash.ts'
import { equalJson } from '../../client/copy.ts'
import { perPair } from './per-pair.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const headlessLabel = 'service.kubernetes.io/headless'
const reservedLabels: ReadonlySet<string> = new Set([serviceNameLabel, managedByLabel, headlessLabel])

export type AddressType = 'IPv4' | 'IPv6'
const familyOf = (ip: string): AddressType => (ip.includes(':') ? 'IPv6' : 'IPv4')

/** Pods with an address that have not ended; those being deleted only when asked for. */
export function belongsInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod)) return false
  if ((pod.status?.podIP ?? '') === '' && (pod.status?.podIPs ?? []).length === 0) return false
  return includeTerminating || pod.metadata.deletionTimestamp === undefined
}

export function setsHostname(pod: Pod, service: Service): boolean {
  return (pod.spec?.hostname ?? '') !== '' && pod.spec?.subdomain === service.metadata.name
    && pod.metadata.namespace === service.metadata.namespace
}

export function toEndpoint(pod: Pod, node: Node | undefined, service: Service, family: AddressType): Endpoint {
  const serving = isPodReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
  const nodeName = pod.spec?.nodeName ?? ''
  return {
    addresses: (pod.status?.podIPs ?? []).map(({ ip }) => ip).filter((ip) => ip !== '' && familyOf(ip) === family),
    conditions: { ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating },
    ...(setsHostname(pod, service) ? { hostname: pod.spec!.hostname } : {}),
    ...(nodeName === '' ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
    ...(zone === '' ? {} : { zone }),
  }
}

/** The service's ports as the pod has them; a named port that the pod lacks is left out. */
export function endpointPorts(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = []
  for (const port of service.spec?.ports ?? []) {
    const number = findPodPort(pod, port)
    if (number === undefined) continue
    ports.push({
      name: port.name ?? '', port: number, protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    })
  }
  return ports
}

/** Slices with equal keys serve the same ports. */
export function portsKey(ports: readonly EndpointPort[] | undefined | null): string {
  return (ports ?? []).map((port) => canonicalJSON({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' })).sort().join('\n')
}

const keys = new WeakMap<Endpoint, string>()

/** Endpoints with equal keys are the same endpoint, in whatever state. */
export function endpointKey(endpoint: Endpoint): string {
  let key = keys.get(endpoint)
  if (key === undefined) {
    const { addresses, hostname, targetRef } = endpoint
    const sorted = addresses.length < 2 ? addresses : [...addresses].sort()
    key = [...sorted, '', hostname ?? '', targetRef?.namespace ?? '', targetRef?.name ?? ''].join('\n')
    keys.set(endpoint, key)
  }
  return key
}

/** Whether two endpoints with one key say the same. */
export const sameState = perPair(compareState)

function compareState(a: Endpoint, b: Endpoint): boolean {
  const { resourceVersion: _a, ...left } = a.targetRef ?? {}
  const { resourceVersion: _b, ...right } = b.targetRef ?? {}
  return a.nodeName === b.nodeName && a.zone === b.zone && equalJson(a.conditions, b.conditions) && equalJson(left, right)
}

/** The families that the service wants slices for. */
export function addressTypes(service: Service): AddressType[] {
  const families = (service.spec?.ipFamilies ?? []).filter((family): family is AddressType => family === 'IPv4' || family === 'IPv6')
  if (families.length > 0) return [...new Set(families)]
  const ip = service.spec?.clusterIP ?? ''
  return ip !== '' && ip !== 'None' ? [familyOf(ip)] : ['IPv4', 'IPv6']
}

/** The labels that the service's slices are to have, and whether the service's own have changed. */
export function sliceLabels(
  slice: Pick<EndpointSlice, 'metadata'>, service: Service, managedBy: string,
): { labels: Record<string, string>; changed: boolean } {
  const own = withoutReserved(slice.metadata.labels)
  const wanted = withoutReserved(service.metadata.labels)
  const ip = service.spec?.clusterIP ?? ''
  return {
    changed: !equalJson(own, wanted),
    labels: {
      ...wanted,
      ...(ip === '' || ip === 'None' ? { [headlessLabel]: '' } : {}),
      [serviceNameLabel]: service.metadata.name ?? '',
      [managedByLabel]: managedBy,
    },
  }
}

function withoutReserved(labels: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(labels ?? {}).filter(([key]) => !reservedLabels.has(key)))
}
