/** Subsets of the older Endpoints kind (upstream: pkg/api/v1/endpoints RepackSubsets, pkg/controller/endpoint). */
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../api/generated/types/core-v1.ts'
import { isPodReady } from '../../api/helpers/pod-conditions.ts'
import { findPodPort } from '../../api/helpers/service.ts'
import { canonicalJSON } from '../../api/helpers/template-hash.ts'
import { perPair } from '../endpointslice/per-pair.ts'
import { belongsInEndpoints, setsHostname } from '../endpointslice/endpoint.ts'

/** More addresses than this are cut off: the object would grow too large. */
export const maxCapacity = 1000

/** What a pod adds to its service: an address, ready or not, with the keys of its ports. */
interface Member {
  readonly address: EndpointAddress
  readonly ready: boolean
  readonly keys: readonly string[]
  /** Members with equal signatures go together. */
  readonly signature: string
}

/** Of a pod in a service: cached objects are frozen, so that it stays true as long as both are the same objects. */
const memberOf = perPair(makeMember)

function makeMember(service: Service, pod: Pod): Member | undefined {
  const { spec } = service
  const publish = spec?.publishNotReadyAddresses === true
  if (!belongsInEndpoints(pod, publish)) return undefined
  const address = addressOf(service, pod)
  if (address === undefined) return undefined
  const own = portsOf(service, pod)
  if (own.length === 0 && !((spec?.ports ?? []).length === 0 && spec?.clusterIP === 'None')) return undefined
  const keys = own.length === 0 ? [''] : [...new Set(own.map((port) => canonicalJSON(port)))]
  const ready = publish || isPodReady(pod)
  return { address, ready, keys, signature: `${ready}\n${keys.join('\n')}` }
}

/** The service's endpoints: addresses with the same ports share a subset. */
export function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const crowds = new Map<string, { readonly first: Member; readonly addresses: EndpointAddress[] }>()
  for (const pod of pods) {
    const member = memberOf(service, pod)
    if (member === undefined) continue
    const crowd = crowds.get(member.signature)
    if (crowd === undefined) crowds.set(member.signature, { first: member, addresses: [member.address] })
    else crowd.addresses.push(member.address)
  }
  return regroup([...crowds.values()])
}

/** Ports whose addresses are the same, in the same state, go together. */
function regroup(crowds: readonly { readonly first: Member; readonly addresses: readonly EndpointAddress[] }[]): EndpointSubset[] {
  const crowdsOfPort = new Map<string, number[]>()
  for (const [at, { first }] of crowds.entries()) {
    for (const key of first.keys) {
      const list = crowdsOfPort.get(key)
      if (list === undefined) crowdsOfPort.set(key, [at])
      else list.push(at)
    }
  }
  const groups = Map.groupBy(crowdsOfPort.keys(), (key) => crowdsOfPort.get(key)!.join(' '))
  const subsets = [...groups.values()].map((keys): EndpointSubset => {
    const members = crowdsOfPort.get(keys[0]!)!.map((at) => crowds[at]!)
    const pick = (ready: boolean): EndpointAddress[] =>
      members.filter(({ first }) => first.ready === ready).flatMap(({ addresses }) => addresses).sort(byAddress)
    const [ready, notReady] = [pick(true), pick(false)]
    const own = keys.filter((key) => key !== '').sort().map((key) => JSON.parse(key) as EndpointPort)
    return {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(own.length === 0 ? {} : { ports: own }),
    }
  })
  return sortSubsets(subsets)
}

export function sortSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  if (subsets.length < 2) return [...subsets]
  return [...subsets].sort((a, b) => (canonicalJSON(a) < canonicalJSON(b) ? -1 : 1))
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1
  return (a.targetRef?.uid ?? '') < (b.targetRef?.uid ?? '') ? -1 : 1
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
