/**
 * NetworkPolicies as packet rules of one node (upstream has the API only: networking.k8s.io/v1 says what is promised).
 * Each packet is judged by the ends of its connection, so that a new policy also ends connections under way, in both
 * directions. What a node itself says to its pods, and a pod to itself, passes. Pure.
 */
import { selectorFromObject } from '../../api/meta/label-selector.ts'
import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts'
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/generated/types/networking-v1.ts'
import { type Family, canonical, familyOf } from '../addresses.ts'
import { chainBase } from '../rules.ts'
import { type Chain, type Rule, type Rules, type SetSpec, type Statement, type Verdict, elementKey } from '../ruleset.ts'

export interface PolicyWorld {
  readonly family: Family
  readonly nodeName: string
  readonly policies: readonly NetworkPolicy[]
  readonly pods: readonly Pod[]
  readonly namespaces: readonly Namespace[]
}

const directions = ['ingress', 'egress'] as const
type Direction = (typeof directions)[number]

/** A pod that policies may name: it has an address of its own and still runs. */
interface Subject {
  readonly pod: Pod
  readonly namespace: string
  readonly ip: string
}

/** Whom the rules of a direction ask about: the other end. */
const otherEnd = { ingress: 'from', egress: 'to' } as const
const ownEnd = { ingress: 'to', egress: 'from' } as const

/** The fixed part: two places where forwarded packets are looked at, and the pods for which there are rules. */
export function policyBase(): Rules {
  const chains = new Map<string, Chain>()
  const sets = new Map<string, SetSpec>([['self', { keys: ['address', 'address'], comment: 'pods that talk to themselves' }]])
  for (const [i, direction] of (['egress', 'ingress'] as const).entries()) {
    sets.set(`${direction}-pods`, { keys: ['address'], verdicts: true, comment: `pods with ${direction} policies` })
    chains.set(direction, {
      base: { type: 'filter', hook: 'forward', priority: String(i - 6) },
      rules: [
        { statements: [{ do: 'in', fields: ['from', 'to'], set: 'self' }, { do: 'accept' }] },
        { statements: [{ do: 'lookup', fields: [ownEnd[direction]], map: `${direction}-pods` }] },
      ],
    })
  }
  return { chains, sets, elements: new Map() }
}

/** The parts of the table, by owner: each policy that has a pod here, each group of pods with the same policies, each pod. */
export function compilePolicies(world: PolicyWorld): Map<string, Rules> {
  const out = new Map<string, Rules>()
  if (world.policies.length === 0) return out
  const subjects = subjectsOf(world)
  const applied = new Map<Subject, Record<Direction, string[]>>()
  for (const policy of [...world.policies].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const own = subjects.filter(({ pod, namespace }) => pod.spec!.nodeName === world.nodeName && namespace === policy.metadata.namespace && matches(policy.spec?.podSelector ?? {}, pod))
    if (own.length === 0) continue
    const rules = new Part()
    for (const direction of directionsOf(policy)) {
      const chain = `${direction}-${chainBase(nameOf(policy))}`
      rules.chains.set(chain, { rules: policyRules(world, rules, policy, direction, own, subjects) })
      for (const subject of own) {
        const lists = applied.get(subject) ?? { ingress: [], egress: [] }
        lists[direction].push(chain)
        applied.set(subject, lists)
      }
    }
    out.set(`policy ${nameOf(policy)}`, rules)
  }
  for (const [{ pod, namespace, ip }, lists] of applied) {
    const part = new Part()
    part.element('self', elementKey(ip, ip))
    for (const direction of directions) {
      if (lists[direction].length > 0) part.element(`${direction}-pods`, ip, { goto: groupChain(out, direction, lists[direction]) })
    }
    out.set(`pod ${namespace}/${pod.metadata.name}`, part)
  }
  return out
}

/** The chain of pods with just these policies: what none of them lets through is dropped. */
function groupChain(out: Map<string, Rules>, direction: Direction, chains: readonly string[]): string {
  const name = `${direction}-pods-${chainBase(chains.join())}`.slice(0, 30) + `/${chains.length}`
  const part = new Part()
  part.chains.set(name, { rules: [...chains.map((chain): Rule => ({ statements: [{ do: 'jump', chain }] })), { statements: [{ do: 'drop' }] }] })
  out.set(`group ${name}`, part)
  return name
}

function policyRules(world: PolicyWorld, part: Part, policy: NetworkPolicy, direction: Direction, own: readonly Subject[], all: readonly Subject[]): Rule[] {
  const list = direction === 'ingress' ? (policy.spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })) : (policy.spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))
  return list.flatMap(({ peers, ports }, i) => {
    const setName = (what: string) => `${what}-${direction}-${chainBase(`${nameOf(policy)}/${i}`).slice(0, 180)}`
    const others = (peers ?? []).some((peer) => peer.ipBlock === undefined) ? all.filter((subject) => (peers ?? []).some((peer) => isPeer(world, policy, peer, subject))) : []
    const who = peerMatches(world.family, peers ?? [], direction, () => part.fill(setName('peers'), others))
    // A port's name means what the pod that is asked calls so.
    const asked = direction === 'ingress' ? own : others.length > 0 ? others : all
    const what = portMatches(ports ?? [], asked, (key, ips) => part.fill(`${setName('ports')}/${key}`, ips))
    return who.flatMap((peer) => what.map((port): Rule => ({ statements: [...peer, ...port, { do: 'accept' }] })))
  })
}

/** Each way to be one of the peers; [[]] when everybody is. */
function peerMatches(family: Family, peers: readonly NetworkPolicyPeer[], direction: Direction, fill: () => string): Statement[][] {
  if (peers.length === 0) return [[]]
  const field = otherEnd[direction]
  const out: Statement[][] = []
  if (peers.some((peer) => peer.ipBlock === undefined)) out.push([{ do: 'in', fields: [field], set: fill() }])
  for (const { ipBlock } of peers) {
    if (ipBlock === undefined || familyOf(ipBlock.cidr) !== family) continue
    const except = (ipBlock.except ?? []).filter((range) => familyOf(range) === family).map(canonical)
    out.push([
      { do: 'among', field, values: [canonical(ipBlock.cidr)] },
      ...(except.length === 0 ? [] : [{ do: 'among', field, values: except, not: true } as const]),
    ])
  }
  return out
}

/** Each way to be at one of the ports; [[]] when all are open. */
function portMatches(ports: readonly NetworkPolicyPort[], asked: readonly Subject[], fill: (key: string, ips: readonly Subject[]) => string): Statement[][] {
  if (ports.length === 0) return [[]]
  const numbers = new Map<string, string[]>()
  const out: Statement[][] = []
  for (const { protocol = 'TCP', port, endPort } of ports) {
    const name = protocol.toLowerCase()
    if (port === undefined) {
      out.push([{ do: 'isProtocol', protocol: name }])
    } else if (typeof port === 'number' || /^\d+$/.test(String(port))) {
      numbers.set(name, [...(numbers.get(name) ?? []), endPort === undefined || endPort === Number(port) ? String(port) : `${port}-${endPort}`])
    } else {
      for (const [number, subjects] of namedPorts(asked, protocol, String(port))) {
        out.push([{ do: 'toPorts', protocol: name, ports: [String(number)] }, { do: 'in', fields: ['to'], set: fill(`${name}-${number}-${port}`, subjects) }])
      }
    }
  }
  for (const [protocol, list] of numbers) out.push([{ do: 'toPorts', protocol, ports: withoutOverlaps(list) }])
  return out
}

function namedPorts(asked: readonly Subject[], protocol: string, name: string): Map<number, Subject[]> {
  const out = new Map<number, Subject[]>()
  for (const subject of asked) {
    const found = (subject.pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? []).find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)
    if (found !== undefined) out.set(found.containerPort, [...(out.get(found.containerPort) ?? []), subject])
  }
  return out
}

/** nft refuses ranges that overlap. */
function withoutOverlaps(texts: readonly string[]): string[] {
  const ranges = texts.map((text) => text.split('-').map(Number)).map(([first, last = first]) => ({ first: first!, last: last! })).sort((a, b) => a.first - b.first)
  const out: { first: number; last: number }[] = []
  for (const range of ranges) {
    const previous = out.at(-1)
    if (previous !== undefined && range.first <= previous.last + 1) previous.last = Math.max(previous.last, range.last)
    else out.push({ ...range })
  }
  return out.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`))
}

function subjectsOf({ family, pods }: PolicyWorld): Subject[] {
  const out: Subject[] = []
  for (const pod of pods) {
    const { phase } = pod.status ?? {}
    if (pod.spec?.hostNetwork === true || phase === 'Succeeded' || phase === 'Failed') continue
    const ip = pod.status?.podIPs?.find((one) => familyOf(one.ip) === family)?.ip
    if (ip !== undefined) out.push({ pod, namespace: pod.metadata.namespace ?? '', ip: canonical(ip) })
  }
  return out
}

function isPeer({ namespaces }: PolicyWorld, policy: NetworkPolicy, peer: NetworkPolicyPeer, { pod, namespace }: Subject): boolean {
  if (peer.ipBlock !== undefined) return false
  if (peer.namespaceSelector === undefined) {
    if (namespace !== policy.metadata.namespace) return false
  } else if (!selectorFromObject(peer.namespaceSelector).matches(namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels ?? {})) {
    return false
  }
  return peer.podSelector === undefined || matches(peer.podSelector, pod)
}

function matches(selector: Parameters<typeof selectorFromObject>[0], pod: Pod): boolean {
  return selectorFromObject(selector).matches(pod.metadata.labels ?? {})
}

function directionsOf({ spec }: NetworkPolicy): Direction[] {
  const types = spec?.policyTypes ?? ['Ingress', ...((spec?.egress ?? []).length > 0 ? ['Egress'] : [])]
  return directions.filter((direction) => types.some((type) => type.toLowerCase() === direction))
}

function nameOf({ metadata }: NetworkPolicy): string {
  return `${metadata.namespace}/${metadata.name}`
}

class Part implements Rules {
  readonly chains = new Map<string, Chain>()
  readonly sets = new Map<string, SetSpec>()
  readonly elements = new Map<string, Map<string, Verdict>>()

  element(container: string, key: string, verdict?: Verdict): void {
    this.elements.set(container, (this.elements.get(container) ?? new Map<string, Verdict>()).set(key, verdict))
  }
  /** A set of the pods' addresses; answers its name. */
  fill(name: string, subjects: readonly Subject[]): string {
    this.sets.set(name, { keys: ['address'] })
    for (const { ip } of subjects) this.element(name, ip)
    return name
  }
}
