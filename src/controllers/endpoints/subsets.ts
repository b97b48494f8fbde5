/** Subsets of the older Endpoints kind (upstream: pkg/api/v1/endpoints RepackSubsets, pkg/controller/endpoint). */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/generated/types/core-v1.ts'
import { isPodReady } from '../../api/helpers/pod-conditions.ts'
import { findPodPort } from '../../api/helpers/service.ts'
import { canonicalJSON } from '../../api/helpers/template-hash.ts'
import { belongsInEndpoints, setsHostname } from '../endpointslice/endpoint.ts'

/** More addresses than this are cut off: the object would grow too large. */
export const maxCapacity = 1000

interface Known {
  readonly address: EndpointAddress
  /** Whether the address is ready, by the key of the port. */
  readonly ports: Map<string, boolean>
}

/** The service's endpoints: addresses with the same ports share a subset. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const { spec } = service
  const publish = spec?.publishNotReadyAddresses === true
  const ports = new Map<string, EndpointPort>()
  const addresses = new Map<string, Known>()
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, publish)) continue
    const address = addressOf(service, pod)
    if (address === undefined) continue
    const own = portsOf(service, pod)
    if (own.length === 0 && !((spec?.ports ?? []).length === 0 && spec?.clusterIP === 'None')) continue
    const keys = own.length === 0 ? [''] : own.map((port) => keyOfPort(port, ports))
    const id = `${address.ip}\n${pod.metadata.uid ?? ''}`
    const known = addresses.get(id) ?? { address, ports: new Map<string, boolean>() }
    addresses.set(id, known)
    const ready = publish || isPodReady(pod)
    for (const key of keys) known.ports.set(key, (known.ports.get(key) ?? true) && ready)
  }
  return regroup(addresses, ports)
}

/** Ports whose addresses are the same, in the same state, go together. */
function regroup(addresses: ReadonlyMap<string, Known>, ports: ReadonlyMap<string, EndpointPort>): EndpointSubset[] {
  const byPort = new Map<string, string[]>()
  for (const [id, known] of addresses) {
    for (const [port, ready] of known.ports) byPort.set(port, [...(byPort.get(port) ?? []), `${id}\n${ready}`])
  }
  const groups = new Map<string, { keys: string[]; members: string[] }>()
  for (const [port, members] of byPort) {
    const key = [...members].sort().join('\0')
    const group = groups.get(key) ?? { keys: [], members }
    group.keys.push(port)
    groups.set(key, group)
  }
  const subsets = [...groups.values()].map(({ keys, members }): EndpointSubset => {
    const pick = (ready: boolean): EndpointAddress[] => members
      .filter((member) => member.endsWith(`\n${ready}`))
      .map((member) => addresses.get(member.slice(0, member.lastIndexOf('\n')))!.address)
      .sort(byAddress)
    const [ready, notReady] = [pick(true), pick(false)]
    const own = keys.filter((key) => key !== '').map((key) => ports.get(key)!).sort((a, b) => (canonicalJSON(a) < canonicalJSON(b) ? -1 : 1))
    return {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(own.length === 0 ? {} : { ports: own }),
    }
  })
  return sortSubsets(subsets)
}

export function sortSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  return [...subsets].sort((a, b) => (canonicalJSON(a) < canonicalJSON(b) ? -1 : 1))
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1
}

function keyOfPort(port: EndpointPort, ports: Map<string, EndpointPort>): string {
  const key = canonicalJSON(port)
  ports.set(key, port)
  return key
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap((port): EndpointPort[] => {
    const number = findPodPort(pod, port)
    if (number === undefined) return []
    return [{
      ...((port.name ?? '') === '' ? {} : { name: port.name }), port: number, protocol: port.protocol ?? 'TCP',
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    }]
  })
}

/** The pod's address of the service's first family. */
function addressOf(service: Service, pod: Pod): EndpointAddress | undefined {
  const { spec, metadata, status } = pod
  const wantsIPv6 = service.spec?.ipFamilies?.[0] === 'IPv6'
    || ((service.spec?.ipFamilies ?? []).length === 0 && (service.spec?.clusterIP ?? '').includes(':'))
  const all = (status?.podIPs ?? []).map(({ ip }) => ip)
  const ip = (all.length === 0 && status?.podIP !== undefined ? [status.podIP] : all).find((one) => one.includes(':') === wantsIPv6)
  if (ip === undefined) return undefined
  return {
    ip,
    ...(setsHostname(pod, service) ? { hostname: spec!.hostname } : {}),
    ...((spec?.nodeName ?? '') === '' ? {} : { nodeName: spec!.nodeName }),
    targetRef: { kind: 'Pod', namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
  }
}

/** At most maxCapacity addresses: ready ones first, each subset keeping its share. */
export function truncateSubsets(subsets: readonly EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const total = (of: (subset: EndpointSubset) => readonly unknown[] | undefined): number =>
    subsets.reduce((sum, subset) => sum + (of(subset) ?? []).length, 0)
  const ready = total((subset) => subset.addresses)
  const notReady = total((subset) => subset.notReadyAddresses)
  if (ready + notReady <= maxCapacity) return { subsets: [...subsets], truncated: false }
  const cutReady = ready > maxCapacity
  const room = cutReady ? maxCapacity : maxCapacity - ready
  const outOf = cutReady ? ready : notReady
  let left = room
  const cut = subsets.map((subset): EndpointSubset => {
    const { addresses = [], notReadyAddresses = [], ...rest } = subset
    const concerned = cutReady ? addresses : notReadyAddresses
    const kept = concerned.slice(0, Math.min(left, Math.ceil((concerned.length / outOf) * room)))
    left -= kept.length
    return cutReady ? { ...rest, addresses: kept } : { ...rest, addresses, notReadyAddresses: kept }
  })
  return { subsets: cut, truncated: true }
}
