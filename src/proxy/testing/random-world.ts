/** Random Services with endpoints, and what must become of a packet among them, said as plainly as possible. */
import fc from 'fast-check'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import { contains } from '../addresses.ts'
import { flowWorld } from './flows.ts'
import { type End, service, slice } from './objects.ts'
import type { Mode } from './rulesets.ts'

export interface RandomService {
  readonly service: Service
  readonly slice: EndpointSlice
  readonly ends: readonly End[]
}

export interface Probe {
  readonly source: string
  readonly fromNode: boolean
  readonly destination: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

const { addresses, nodeIP, ruleOptions } = flowWorld('IPv4')
const podRange = '10.77.0.0/16'
const targetPort = 8080
const probePorts = [80, 443, 30_001, 30_002, 30_003]

const endArb = fc.record({
  last: fc.integer({ min: 1, max: 6 }), node: fc.constantFrom('a', 'b'), state: fc.constantFrom('ready', 'ready', 'serving', 'gone'),
  zone: fc.option(fc.constantFrom('z1', 'z2'), { nil: undefined }),
})

const ends = (raw: { last: number; node: string; state: string; zone?: string }[]): End[] =>
  raw.map(({ last, node, state, zone }) => ({
    ip: `10.77.${node === 'a' ? 0 : 1}.${last}`, node, ready: state === 'ready', serving: state !== 'gone', terminating: state !== 'ready', ...(zone === undefined ? {} : { zones: [zone] }),
  }))

/** The Service number `i`: its addresses are its own, so that two never meet. */
export const serviceArb = (i: number): fc.Arbitrary<RandomService> =>
  fc.record({
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'), external: fc.constantFrom('Cluster', 'Local'), internal: fc.constantFrom('Cluster', 'Local'),
    affinity: fc.boolean(), ranges: fc.subarray(['172.31.0.9/32', '198.51.100.0/24', podRange]), externalIP: fc.boolean(), protocol: fc.constantFrom('TCP', 'UDP'),
    raw: fc.uniqueArray(endArb, { maxLength: 4, selector: ({ last, node }) => `${node}${last}` }), port: fc.constantFrom(80, 443),
  }).map(({ type, external, internal, affinity, ranges, externalIP, protocol, raw, port }) => {
    const isOpen = type !== 'ClusterIP'
    return {
      ends: ends(raw),
      slice: { ...slice(`s${i}`, [{ port: targetPort, protocol }], ends(raw)), addressType: 'IPv4' },
      service: service(`s${i}`, `10.96.1.${i}`, [{ port, protocol, ...(isOpen ? { nodePort: 30_000 + i } : {}) }], {
        type, internalTrafficPolicy: internal, ...(isOpen || externalIP ? { externalTrafficPolicy: external } : {}), ...(externalIP ? { externalIPs: [`203.0.113.${i}`] } : {}),
        ...(affinity ? { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } } : {}),
        ...(type === 'LoadBalancer' ? { ingress: [`203.0.113.${100 + i}`], loadBalancerSourceRanges: ranges } : {}),
      }),
    }
  })

/** Every packet that tells something: from a pod, an endpoint, the node and outside to each address and port. */
export function* probes(services: readonly RandomService[]): Generator<Probe> {
  const destinations = new Set([nodeIP, '10.96.1.99'])
  for (const { service: { spec, status } } of services) for (const ip of [spec!.clusterIP!, ...(spec!.externalIPs ?? []), ...(status?.loadBalancer?.ingress ?? []).map((one) => one.ip!)]) destinations.add(ip)
  for (const source of [addresses.pod1, '10.77.0.1', addresses.client, nodeIP]) {
    for (const destination of destinations) {
      for (const port of probePorts) for (const protocol of ['tcp', 'udp'] as const) yield { source, fromNode: source === nodeIP, destination, port, protocol }
    }
  }
}

export type Expected = { readonly verdict: 'drop' | 'reject' } | { readonly verdict: 'accept'; readonly to: readonly string[]; readonly masqueraded: (endpoint: string) => boolean; readonly translated: boolean }

/** What the Service API promises for the first packet of a connection, on node "a" in zone "z1". */
export function expectedOf(services: readonly RandomService[], probe: Probe, mode: Mode): Expected {
  const fromPod = contains(podRange, probe.source)
  const untouched: Expected = { verdict: 'accept', translated: false, to: [`${probe.destination}:${probe.port}`], masqueraded: () => false }
  for (const { service: { spec, status }, ends } of services) {
    const port = spec!.ports![0]!
    if (port.protocol!.toLowerCase() !== probe.protocol) continue
    const balanced = (status?.loadBalancer?.ingress ?? []).some(({ ip }) => ip === probe.destination) && port.port === probe.port
    const atCluster = spec!.clusterIP === probe.destination && port.port === probe.port
    const atNode = probe.destination === nodeIP && port.nodePort === probe.port
    const atExternal = (spec!.externalIPs ?? []).includes(probe.destination) && port.port === probe.port
    if (!balanced && !atCluster && !atNode && !atExternal) continue
    const ranges = spec!.loadBalancerSourceRanges ?? []
    // Mode iptables fences only what has endpoints.
    const fenced = balanced && ranges.length > 0 && (mode === 'nftables' || anywhere(ends))
    if (fenced && !ranges.some((range) => contains(range, probe.source))) return { verdict: 'drop' }
    const local = atCluster ? spec!.internalTrafficPolicy === 'Local' : spec!.externalTrafficPolicy === 'Local' && !fromPod && !probe.fromNode
    const pool = poolOf(ends, local)
    if (pool.length === 0) {
      // Mode iptables looks for external addresses without endpoints in what comes in, not in what the node sends.
      if (mode === 'iptables' && probe.fromNode && !atCluster && !atNode) return untouched
      // What has an endpoint elsewhere is dropped, so that senders try again; the others are told.
      return { verdict: anywhere(ends) ? 'drop' : 'reject' }
    }
    const external = !atCluster && spec!.externalTrafficPolicy !== 'Local'
    const own = !atCluster && spec!.externalTrafficPolicy === 'Local' && probe.fromNode
    const outsider = atCluster && !fromPod
    return {
      verdict: 'accept', translated: true, to: pool.map(({ ip }) => `${ip}:${targetPort}`).sort(),
      masqueraded: (endpoint) => external || own || outsider || (endpoint === `${probe.source}:${targetPort}` && ends.some(({ ip, node }) => node === 'a' && endpoint === `${ip}:${targetPort}`)),
    }
  }
  // Mode iptables has no rule for addresses and ports that no Service uses.
  if (mode === 'iptables') return untouched
  if (services.some(({ service: { spec } }) => spec!.clusterIP === probe.destination)) return { verdict: 'reject' }
  if (ruleOptions.serviceCidrs.some((range) => contains(range, probe.destination))) return { verdict: 'drop' }
  return untouched
}

const anywhere = (ends: readonly End[]) => ends.some(({ ready, serving }) => ready === true || serving === true)

function poolOf(ends: readonly End[], local: boolean): readonly End[] {
  const near = local ? ends.filter(({ node }) => node === 'a') : ends
  const ready = near.filter((end) => end.ready)
  if (ready.length === 0) return near.filter((end) => end.serving)
  const hinted = ready.filter(({ zones }) => zones?.includes('z1'))
  return !local && hinted.length > 0 && ready.every(({ zones }) => zones !== undefined) ? hinted : ready
}
