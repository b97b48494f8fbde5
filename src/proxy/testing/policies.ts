/** Pods, namespaces and policies, and what they let through: followed by the tracer, and sent through the kernel. */
import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts'
import type { NetworkPolicy, NetworkPolicySpec } from '../../api/generated/types/networking-v1.ts'
import type { Family } from '../addresses.ts'
import { type Place, flowWorld, podPort } from './flows.ts'

export interface PolicyCase {
  readonly name: string
  readonly policies: readonly NetworkPolicySpec[]
  /** Who may not reach whom: "pod1>pod2:8080"; all else passes. */
  readonly refused: readonly string[]
}

/** pod1 and pod2 are on the node, pod3 (another namespace) is not; client is outside. 5353 is UDP. */
export const reaches: readonly (readonly [from: Place, to: 'pod1' | 'pod2' | 'pod3', port: number])[] = [
  ['pod1', 'pod2', podPort], ['pod2', 'pod1', podPort], ['pod3', 'pod1', podPort], ['client', 'pod1', podPort], ['pod1', 'pod3', podPort], ['pod1', 'pod3', 5353],
  ['pod3', 'pod2', 5353], ['node', 'pod1', podPort], ['pod1', 'pod1', podPort],
]

const one = { matchLabels: { app: 'one' } }
const other = { matchLabels: { team: 'b' } }
const ingress = (...rules: NonNullable<NetworkPolicySpec['ingress']>): NetworkPolicySpec => ({ podSelector: one, policyTypes: ['Ingress'], ingress: rules })
const egress = (...rules: NonNullable<NetworkPolicySpec['egress']>): NetworkPolicySpec => ({ podSelector: one, policyTypes: ['Egress'], egress: rules })
const intoOne = ['pod2>pod1:8080', 'pod3>pod1:8080', 'client>pod1:8080']
const outOfOne = ['pod1>pod2:8080', 'pod1>pod3:8080', 'pod1>pod3:5353']
const without = (list: readonly string[], ...gone: string[]) => list.filter((text) => !gone.includes(text))

export const policyCases: readonly PolicyCase[] = [
  { name: 'no policy', policies: [], refused: [] },
  { name: 'nothing in', policies: [ingress()], refused: intoOne },
  { name: 'nothing out', policies: [egress()], refused: outOfOne },
  { name: 'nothing at all, for every pod', policies: [{ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }], refused: [...intoOne, ...outOfOne, 'pod3>pod2:5353'] },
  { name: 'everybody in', policies: [ingress({})], refused: [] },
  { name: 'pods of the same namespace', policies: [ingress({ from: [{ podSelector: {} }] })], refused: without(intoOne, 'pod2>pod1:8080') },
  { name: 'pods of a namespace by its labels', policies: [ingress({ from: [{ namespaceSelector: other }] })], refused: without(intoOne, 'pod3>pod1:8080') },
  { name: 'both selectors of a peer', policies: [ingress({ from: [{ namespaceSelector: other, podSelector: one }] })], refused: intoOne },
  { name: 'expressions', policies: [ingress({ from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['two', 'three'] }] } }] })], refused: ['client>pod1:8080'] },
  { name: 'a range of addresses, with an exception', policies: [ingress({ from: [{ ipBlock: { cidr: '10.77.0.0/16', except: ['10.77.1.0/24'] } }] })], refused: without(intoOne, 'pod2>pod1:8080') },
  { name: 'ranges add up', policies: [ingress({ from: [{ ipBlock: { cidr: '172.31.0.0/24' } }, { ipBlock: { cidr: '10.77.1.13/32' } }] })], refused: ['pod2>pod1:8080'] },
  { name: 'a port', policies: [ingress({ ports: [{ port: podPort }] })], refused: [] },
  { name: 'another port', policies: [ingress({ ports: [{ port: 81 }, { port: 82, endPort: 90 }] })], refused: intoOne },
  { name: 'a range of ports, and one inside it', policies: [ingress({ ports: [{ port: 8000, endPort: 9000 }, { port: podPort }] })], refused: [] },
  { name: 'the wrong protocol', policies: [ingress({ ports: [{ port: podPort, protocol: 'UDP' }] })], refused: intoOne },
  { name: 'a protocol without a port', policies: [egress({ ports: [{ protocol: 'UDP' }] })], refused: without(outOfOne, 'pod1>pod3:5353') },
  { name: 'a port by its name', policies: [ingress({ ports: [{ port: 'web' }] })], refused: [] },
  { name: 'a name that no pod has', policies: [ingress({ ports: [{ port: 'nobody' }] })], refused: intoOne },
  { name: 'out to a port by its name', policies: [egress({ to: [{ namespaceSelector: {} }], ports: [{ port: 'dns', protocol: 'UDP' }] })], refused: without(outOfOne, 'pod1>pod3:5353') },
  { name: 'out to one pod', policies: [egress({ to: [{ podSelector: { matchLabels: { app: 'two' } } }] })], refused: ['pod1>pod3:8080', 'pod1>pod3:5353'] },
  { name: 'policies add up', policies: [ingress({ from: [{ podSelector: {} }] }), ingress({ from: [{ namespaceSelector: other }], ports: [{ port: podPort }] })], refused: ['client>pod1:8080'] },
  { name: 'of pods that are not here', policies: [{ podSelector: { matchLabels: { app: 'three' } }, policyTypes: ['Ingress'] }], refused: [] },
]

export interface PolicyTestWorld {
  readonly pods: readonly Pod[]
  readonly namespaces: readonly Namespace[]
  policiesOf(one: PolicyCase): NetworkPolicy[]
}

/** The same in each family. */
export function policyWorld(family: Family): PolicyTestWorld {
  const { addresses, at } = flowWorld(family)
  const pod = (name: 'pod1' | 'pod2' | 'pod3', namespace: string, app: string, nodeName: string): Pod => ({
    apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, labels: { app } },
    spec: { nodeName, containers: [{ name: 'c', ports: [{ name: 'web', containerPort: podPort, protocol: 'TCP' }, { name: 'dns', containerPort: 5353, protocol: 'UDP' }] }] },
    status: { phase: 'Running', podIPs: [{ ip: addresses[name] }] },
  })
  const space = (name: string, team: string): Namespace => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team } } })
  return {
    pods: [pod('pod1', 'x', 'one', 'a'), pod('pod2', 'x', 'two', 'a'), pod('pod3', 'y', 'three', 'b')],
    namespaces: [space('x', 'a'), space('y', 'b')],
    policiesOf: ({ policies }) => policies.map((spec, i) => {
      const text = JSON.stringify(spec)
      const there = family === 'IPv4' ? text : text.replace(/\d+\.\d+\.\d+\.\d+\/\d+/g, at)
      return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { namespace: 'x', name: `p${i}` }, spec: JSON.parse(there) as NetworkPolicySpec }
    }),
  }
}
