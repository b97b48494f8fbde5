/** One small world of Services and the ways of packets in it, for each family: followed by the tracer, and sent through the kernel. */
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { Service, ServicePort } from '../../api/generated/types/core-v1.ts'
import type { Family } from '../addresses.ts'
import type { RuleOptions } from '../rules.ts'
import { type End, service, slice } from './objects.ts'

const nodeIP = '172.31.0.2'
const addresses = { client: '172.31.0.9', node: nodeIP, pod1: '10.77.0.11', pod2: '10.77.0.12', pod3: '10.77.1.13' } as const
export type Place = keyof typeof addresses
export const podPort = 8080

const ruleOptions: RuleOptions = {
  family: 'IPv4', node: { nodeName: 'a' }, nodeIP, nodePortAddresses: [nodeIP], local: { cidrs: ['10.77.0.0/16'] }, serviceCidrs: ['10.96.0.0/16'], masqueradeAll: false,
}

const pod1: End = { ip: addresses.pod1, node: 'a' }
const pod2: End = { ip: addresses.pod2, node: 'a' }
const pod3: End = { ip: addresses.pod3, node: 'b' }
const tcp = (port: number, nodePort?: number): ServicePort => ({ port, protocol: 'TCP', ...(nodePort === undefined ? {} : { nodePort }) })
const to = (name: string, ends: End[]) => slice(name, [{ port: podPort }], ends)
const nodePortLocal = { type: 'NodePort', externalTrafficPolicy: 'Local' }

const services: readonly Service[] = [
  service('web', '10.96.0.1', [tcp(80)]),
  service('ports', '10.96.0.2', [tcp(80, 30082)], { type: 'NodePort', externalTrafficPolicy: 'Cluster' }),
  service('empty', '10.96.0.3', [tcp(80, 30083)], { type: 'NodePort' }),
  service('local', '10.96.0.4', [tcp(80, 30084)], nodePortLocal),
  service('elsewhere', '10.96.0.5', [tcp(80, 30085)], nodePortLocal),
  service('inside', '10.96.0.6', [tcp(80)], { internalTrafficPolicy: 'Local' }),
  service('inside-elsewhere', '10.96.0.7', [tcp(80)], { internalTrafficPolicy: 'Local' }),
  service('open', '10.96.0.8', [tcp(80, 30088)], { type: 'LoadBalancer', ingress: ['203.0.113.8'], loadBalancerSourceRanges: ['172.31.0.9/32'] }),
  service('closed', '10.96.0.9', [tcp(80, 30089)], { type: 'LoadBalancer', ingress: ['203.0.113.9'], loadBalancerSourceRanges: ['198.51.100.0/24'] }),
  service('external', '10.96.0.10', [tcp(80)], { externalIPs: ['203.0.113.10'] }),
  service('alone', '10.96.0.11', [tcp(80)]),
  service('ending', '10.96.0.12', [tcp(80)]),
  service('names', '10.96.0.13', [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, protocol: 'TCP' }]),
  service('headless', 'None', [tcp(80)]),
]

const slices: readonly EndpointSlice[] = [
  to('web', [pod1, pod2, pod3]), to('ports', [pod1, pod3]), to('empty', [{ ...pod1, ready: false, serving: false }]), to('local', [pod1, pod3]),
  to('elsewhere', [pod3]), to('inside', [pod2, pod3]), to('inside-elsewhere', [pod3]), to('open', [pod1]), to('closed', [pod1]), to('external', [pod3]),
  to('alone', [pod1]), to('ending', [{ ...pod1, ready: false, serving: true, terminating: true }, { ...pod2, ready: false, serving: false, terminating: true }]),
  slice('names', [{ name: 'dns', port: 5353, protocol: 'UDP' }, { name: 'dns-tcp', port: podPort }], [pod2, pod3]),
  to('headless', [pod1]),
]

export interface Flow {
  readonly name: string
  readonly from: Place
  readonly protocol?: 'tcp' | 'udp'
  readonly ip: string
  readonly port: number
  /** Who may answer; or how the packet is turned away. */
  readonly expect: readonly Place[] | 'drop' | 'reject'
  /** No rule of mode iptables is about it: the packet goes its way, and nobody is there. */
  readonly untouched?: 'iptables'
  /** Whether the answering side sees the node's address instead of the sender's. */
  readonly masqueraded?: boolean
}

const flows: readonly Flow[] = [
  { name: 'pod to cluster IP', from: 'pod2', ip: '10.96.0.2', port: 80, expect: ['pod1', 'pod3'] },
  { name: 'node to cluster IP', from: 'node', ip: '10.96.0.11', port: 80, expect: ['pod1'], masqueraded: true },
  { name: 'outside to cluster IP', from: 'client', ip: '10.96.0.11', port: 80, expect: ['pod1'], masqueraded: true },
  { name: 'pod to itself by its Service', from: 'pod1', ip: '10.96.0.11', port: 80, expect: ['pod1'], masqueraded: true },
  { name: 'outside to node port, any node', from: 'client', ip: nodeIP, port: 30082, expect: ['pod1', 'pod3'], masqueraded: true },
  { name: 'pod to node port', from: 'pod2', ip: nodeIP, port: 30082, expect: ['pod1', 'pod3'], masqueraded: true },
  { name: 'node to its own node port', from: 'node', ip: nodeIP, port: 30082, expect: ['pod1', 'pod3'], masqueraded: true },
  { name: 'no endpoints: cluster IP', from: 'pod1', ip: '10.96.0.3', port: 80, expect: 'reject' },
  { name: 'no endpoints: from the node', from: 'node', ip: '10.96.0.3', port: 80, expect: 'reject' },
  { name: 'no endpoints: node port', from: 'client', ip: nodeIP, port: 30083, expect: 'reject' },
  { name: 'external policy Local keeps the source', from: 'client', ip: nodeIP, port: 30084, expect: ['pod1'], masqueraded: false },
  { name: 'external policy Local, from a pod: anywhere', from: 'pod2', ip: nodeIP, port: 30084, expect: ['pod1', 'pod3'], masqueraded: false },
  { name: 'external policy Local, from the node: anywhere', from: 'node', ip: nodeIP, port: 30084, expect: ['pod1', 'pod3'], masqueraded: true },
  { name: 'external policy Local without one here', from: 'client', ip: nodeIP, port: 30085, expect: 'drop' },
  { name: 'external policy Local without one here, by cluster IP', from: 'pod1', ip: '10.96.0.5', port: 80, expect: ['pod3'] },
  { name: 'internal policy Local', from: 'pod1', ip: '10.96.0.6', port: 80, expect: ['pod2'] },
  { name: 'internal policy Local without one here', from: 'pod1', ip: '10.96.0.7', port: 80, expect: 'drop' },
  { name: 'load balancer, source allowed', from: 'client', ip: '203.0.113.8', port: 80, expect: ['pod1'], masqueraded: true },
  { name: 'load balancer, source not allowed', from: 'client', ip: '203.0.113.9', port: 80, expect: 'drop' },
  { name: 'node ports have no source ranges', from: 'client', ip: nodeIP, port: 30089, expect: ['pod1'], masqueraded: true },
  { name: 'external IP', from: 'client', ip: '203.0.113.10', port: 80, expect: ['pod3'], masqueraded: true },
  { name: 'endpoints that end but serve are the last resort', from: 'pod2', ip: '10.96.0.12', port: 80, expect: ['pod1'] },
  { name: 'UDP', from: 'pod1', protocol: 'udp', ip: '10.96.0.13', port: 53, expect: ['pod2', 'pod3'] },
  { name: 'TCP on the same port', from: 'pod1', ip: '10.96.0.13', port: 53, expect: ['pod2', 'pod3'] },
  { name: 'a port that the Service has not', from: 'pod1', ip: '10.96.0.1', port: 81, expect: 'reject', untouched: 'iptables' },
  { name: 'an address that no Service has', from: 'pod1', ip: '10.96.9.9', port: 80, expect: 'drop', untouched: 'iptables' },
  { name: 'pod to pod, past all Services', from: 'pod1', ip: addresses.pod3, port: podPort, expect: ['pod3'] },
]

/** "10.77.0.11" in the tests' IPv6 range, "10.77.0.0/16" with the same number of host bits. */
function inIPv6(text: string): string {
  const [address, bits] = text.split('/')
  const [a, b, c, d] = address!.split('.').map(Number) as [number, number, number, number]
  const low = (c * 256 + d).toString(16)
  const range = `fd00::${(a * 256 + b).toString(16)}:${low}`
  return bits === undefined ? range : `${range}/${96 + Number(bits)}`
}

export interface FlowWorld {
  readonly family: Family
  readonly addresses: Readonly<Record<Place, string>>
  readonly nodeIP: string
  readonly ruleOptions: RuleOptions
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly flows: readonly Flow[]
  /** An IPv4 address of this file as it is in this world. */
  readonly at: (ip: string) => string
}

/** The world in one family: IPv6 is the same with other addresses. */
export function flowWorld(family: Family): FlowWorld {
  const world = { addresses, nodeIP, ruleOptions, services, slices, flows }
  if (family === 'IPv4') return { family, ...world, at: (ip) => ip }
  const text = JSON.stringify(world).replace(/\d+\.\d+\.\d+\.\d+(\/\d+)?/g, inIPv6).replaceAll('"IPv4"', '"IPv6"')
  return { family, ...(JSON.parse(text) as typeof world), at: inIPv6 }
}
