/**
 * The packet rules of a node, from Services and endpoints (upstream: pkg/proxy/nftables/proxier.go; names of chains,
 * sets and maps are upstream's, since other programs look for them). Pure.
 */
import { createHash } from 'node:crypto'
import { type Family, contains } from './addresses.ts'
import { base32 } from './base32.ts'
import { type Chain, type Rule, type Rules, type SetSpec, type Statement, elementKey, type Verdict } from './ruleset.ts'
import { type EndpointInfo, type PortInfo, isExternallyAccessible, portName, usesClusterEndpoints, usesLocalEndpoints } from './service-map.ts'
import { type NodeTopology, categorize } from './topology.ts'

export interface RuleOptions {
  readonly family: Family
  readonly node: NodeTopology
  readonly nodeIP: string
  /** Addresses that take NodePort traffic; 'all': every address of the node but the loopback's. */
  readonly nodePortAddresses: 'all' | readonly string[]
  /** How traffic of pods is known; undefined: it is not, so nothing is treated by where it comes from. */
  readonly local?: LocalTraffic
  /** Ranges from which Service addresses come; unused addresses in them are dropped. */
  readonly serviceCidrs: readonly string[]
  readonly masqueradeAll: boolean
  /** Node ports by the loopback's address too; iptables and IPv4 only. */
  readonly localhostNodePorts?: boolean
}

/** What comes from pods: by source ranges, or by the interface it comes in ("cali*": all that begin so). */
export type LocalTraffic = { readonly cidrs: readonly string[] } | { readonly interface: string }

/** Goes on only for (or, with `not`, only for all but) what comes from pods. */
export function fromPods(local: LocalTraffic, not = false): Statement {
  return 'cidrs' in local ? { do: 'among', field: 'saddr', values: local.cidrs, ...(not ? { not } : {}) } : { do: 'fromInterface', name: local.interface, ...(not ? { not } : {}) }
}

const addressAndPort: SetSpec['keys'] = ['address', 'protocol', 'port']

/** The sets and maps that every table has. */
const baseSets: Readonly<Record<string, SetSpec>> = {
  'cluster-ips': { keys: ['address'], comment: 'Active ClusterIPs' },
  'nodeport-ips': { keys: ['address'], comment: 'IPs that accept NodePort traffic' },
  'hairpin-connections': { keys: ['address', 'address', 'protocol', 'port'], comment: 'service hairpin connections' },
  'service-ips': { keys: addressAndPort, verdicts: true, comment: 'ClusterIP, ExternalIP and LoadBalancer IP traffic' },
  'service-nodeports': { keys: ['protocol', 'port'], verdicts: true, comment: 'NodePort traffic' },
  'no-endpoint-services': { keys: addressAndPort, verdicts: true, comment: 'services with no endpoints' },
  'no-endpoint-nodeports': { keys: ['protocol', 'port'], verdicts: true, comment: 'node ports with no endpoints' },
  'firewall-ips': { keys: addressAndPort, verdicts: true, comment: 'addresses with LoadBalancerSourceRanges' },
}

/** What is in the table whether there are Services or not. */
export function renderBase(options: RuleOptions): Rules {
  const everywhere = options.nodePortAddresses === 'all'
  const sets = new Map(Object.entries(baseSets).filter(([name]) => name !== 'nodeport-ips' || !everywhere))
  const elements = new Map<string, ReadonlyMap<string, Verdict>>()
  if (options.nodePortAddresses !== 'all') elements.set('nodeport-ips', new Map(options.nodePortAddresses.map((ip) => [ip, undefined])))
  return { chains: new Map(Object.entries(baseChains(options))), sets, elements }
}

function baseChains(options: RuleOptions): Record<string, Chain> {
  const jump = (chain: string, ...before: Statement[]): Rule => ({ statements: [...before, { do: 'jump', chain }] })
  const isNew: Statement = { do: 'isNew' }
  const service = ['daddr', 'protocol', 'dport'] as const
  const lookup = (map: string): Rule => ({ statements: [{ do: 'lookup', fields: service, map }] })
  const nodePort = (map: string, local: boolean): Rule => ({ statements: [...nodePortMatch(options, local), { do: 'lookup', fields: ['protocol', 'dport'], map }] })
  return {
    'filter-prerouting-pre-dnat': { base: { type: 'filter', hook: 'prerouting', priority: '-110' }, rules: [jump('firewall-check', isNew)] },
    'filter-output-pre-dnat': { base: { type: 'filter', hook: 'output', priority: '-110' }, rules: [jump('firewall-check', isNew)] },
    'filter-input': { base: { type: 'filter', hook: 'input', priority: '0' }, rules: [jump('nodeport-endpoints-check', isNew), jump('service-endpoints-check', isNew)] },
    'filter-forward': { base: { type: 'filter', hook: 'forward', priority: '0' }, rules: [jump('service-endpoints-check', isNew), jump('cluster-ips-check', isNew)] },
    'filter-output': { base: { type: 'filter', hook: 'output', priority: '0' }, rules: [jump('service-endpoints-check', isNew), jump('cluster-ips-check', isNew)] },
    'nat-prerouting': { base: { type: 'nat', hook: 'prerouting', priority: '-100' }, rules: [jump('services')] },
    'nat-output': { base: { type: 'nat', hook: 'output', priority: '-100' }, rules: [jump('services')] },
    'nat-postrouting': { base: { type: 'nat', hook: 'postrouting', priority: '100' }, rules: [jump('masquerading')] },
    'services': { rules: [...masqueradeOutsiders(options), lookup('service-ips'), nodePort('service-nodeports', true)] },
    'firewall-check': { rules: [lookup('firewall-ips')] },
    'service-endpoints-check': { rules: [lookup('no-endpoint-services')] },
    'nodeport-endpoints-check': { rules: [nodePort('no-endpoint-nodeports', false)] },
    'reject-chain': { rules: [{ statements: [{ do: 'reject' }] }] },
    'cluster-ips-check': { rules: clusterIPsCheck(options) },
    'masquerading': {
      rules: [
        { statements: [{ do: 'isMarked' }, { do: 'unmark' }, { do: 'masquerade' }] },
        { statements: [{ do: 'isTranslated' }, { do: 'in', fields: ['saddr', 'daddr', 'protocol', 'dport'], set: 'hairpin-connections' }, { do: 'masquerade' }] },
      ],
    },
  }
}

function nodePortMatch(options: RuleOptions, local: boolean): Statement[] {
  if (options.nodePortAddresses !== 'all') return [{ do: 'in', fields: ['daddr'], set: 'nodeport-ips' }]
  const notLoopback: Statement = { do: 'among', field: 'daddr', not: true, values: [options.family === 'IPv4' ? '127.0.0.0/8' : '::1'] }
  return local ? [{ do: 'isLocal', field: 'daddr' }, notLoopback] : [notLoopback]
}

/** Traffic that enters the cluster here by a Service's address must come back here. */
function masqueradeOutsiders(options: RuleOptions): Rule[] {
  const toService: Statement = { do: 'in', fields: ['daddr'], set: 'cluster-ips' }
  if (options.masqueradeAll) return [{ statements: [toService, { do: 'mark' }], comment: 'masquerade all clusterIP traffic' }]
  if (options.local === undefined) return []
  return [{ statements: [toService, fromPods(options.local, true), { do: 'mark' }], comment: 'masquerade clusterIP traffic from outside cluster' }]
}

function clusterIPsCheck(options: RuleOptions): Rule[] {
  const reject: Rule = { statements: [{ do: 'in', fields: ['daddr'], set: 'cluster-ips' }, { do: 'reject' }], comment: 'Reject traffic to invalid ports of ClusterIPs' }
  if (options.serviceCidrs.length === 0) return [reject]
  return [reject, { statements: [{ do: 'among', field: 'daddr', values: options.serviceCidrs }, { do: 'drop' }], comment: 'Drop traffic to unallocated ClusterIPs' }]
}

/** What one Service port adds to the table. */
export function renderPort(info: PortInfo, endpoints: readonly EndpointInfo[], options: RuleOptions): Rules {
  const out = new Builder()
  const found = categorize(info, endpoints, options.node)
  const protocol = info.protocol.toLowerCase()
  const base = chainBase(`${info.namespace}/${info.service}/${protocol}/${info.name}`)
  const names = { cluster: `service-${base}`, local: `local-${base}`, external: `external-${base}`, firewall: `firewall-${base}` }
  for (const { ip, port, isLocal } of found.reachable) if (isLocal) out.element('hairpin-connections', elementKey(ip, ip, protocol, port))
  if (found.cluster.length > 0 && usesClusterEndpoints(info)) out.policyChain(names.cluster, info, found.cluster)
  if (found.local.length > 0 && usesLocalEndpoints(info)) out.policyChain(names.local, info, found.local)
  if (info.affinitySeconds !== undefined) for (const endpoint of found.reachable) out.endpointChain(info, endpoint)

  const hasInternal = found.any && (!info.internalLocal || found.local.length > 0)
  const hasExternal = found.any && (!info.externalLocal || found.local.length > 0)
  // Without an endpoint anywhere a client is told; with endpoints on other nodes only, Local policy drops.
  const refusal: Verdict = found.any ? 'drop' : { goto: 'reject-chain' }
  out.element('cluster-ips', info.clusterIP)
  const service = elementKey(info.clusterIP, protocol, info.port)
  if (hasInternal) out.element('service-ips', service, { goto: info.internalLocal ? names.local : names.cluster })
  else out.element('no-endpoint-services', service, refusal)

  for (const ip of [...info.externalIPs, ...info.loadBalancerIPs]) {
    const key = elementKey(ip, protocol, info.port)
    if (found.any) out.element('service-ips', key, { goto: names.external })
    if (!hasExternal) out.element('no-endpoint-services', key, refusal)
  }
  if (info.nodePort !== 0) {
    const key = elementKey(protocol, info.nodePort)
    if (found.any) out.element('service-nodeports', key, { goto: names.external })
    if (!hasExternal) out.element('no-endpoint-nodeports', key, refusal)
  }
  if (found.any && isExternallyAccessible(info)) out.chain(names.external, externalRules(info, options, names, hasExternal))
  if (info.loadBalancerIPs.length > 0 && info.sourceRanges.length > 0) {
    for (const ip of info.loadBalancerIPs) out.element('firewall-ips', elementKey(ip, protocol, info.port), { goto: names.firewall })
    out.chain(names.firewall, [firewallRule(info, options)])
  }
  return out
}

/** From outside (node ports, external and load balancer addresses) to the endpoints that the external policy allows. */
function externalRules(info: PortInfo, options: RuleOptions, names: { cluster: string; local: string }, hasExternal: boolean): Rule[] {
  const rules: Rule[] = []
  if (!info.externalLocal) {
    // The endpoint may be on another node, and its answer must come back through here.
    rules.push({ statements: [{ do: 'mark' }], comment: 'masquerade' })
  } else {
    if (options.local !== undefined) {
      rules.push({ statements: [fromPods(options.local), { do: 'goto', chain: names.cluster }], comment: 'short-circuit pod traffic' })
    }
    rules.push(
      { statements: [{ do: 'isLocal', field: 'saddr' }, { do: 'mark' }], comment: 'masquerade local traffic' },
      { statements: [{ do: 'isLocal', field: 'saddr' }, { do: 'goto', chain: names.cluster }], comment: 'short-circuit local traffic' },
    )
  }
  if (hasExternal) rules.push({ statements: [{ do: 'goto', chain: info.externalLocal ? names.local : names.cluster }] })
  return rules
}

function firewallRule(info: PortInfo, options: RuleOptions): Rule {
  // A node's own packets to an address that it has itself come from that address.
  const own = info.sourceRanges.some((range) => contains(range, options.nodeIP)) ? info.loadBalancerIPs : []
  return { statements: [{ do: 'among', field: 'saddr', not: true, values: [...info.sourceRanges, ...own] }, { do: 'drop' }], comment: portName(info) }
}

/** Collects what a Service port adds. */
class Builder implements Rules {
  readonly chains = new Map<string, Chain>()
  readonly sets = new Map<string, SetSpec>()
  readonly elements = new Map<string, Map<string, Verdict>>()

  chain(name: string, rules: readonly Rule[]): void {
    this.chains.set(name, { rules })
  }
  element(container: string, key: string, verdict?: Verdict): void {
    const found = this.elements.get(container) ?? new Map<string, Verdict>()
    this.elements.set(container, found.set(key, verdict))
  }
  /** The choice among endpoints; with session affinity those that remember the client come first. */
  policyChain(name: string, info: PortInfo, endpoints: readonly EndpointInfo[]): void {
    const isProtocol: Statement = { do: 'isProtocol', protocol: info.protocol.toLowerCase() }
    if (info.affinitySeconds === undefined) {
      this.chain(name, [{ statements: [isProtocol, { do: 'translate', to: endpoints.map(({ ip, port }) => ({ ip, port })) }] }])
      return
    }
    const bases = endpoints.map((endpoint) => endpointBase(info, endpoint))
    const remembered = bases.map((base): Rule => ({ statements: [{ do: 'in', fields: ['saddr'], set: `affinity-${base}` }, { do: 'goto', chain: `endpoint-${base}` }] }))
    this.chain(name, [...remembered, { statements: [{ do: 'choose', chains: bases.map((base) => `endpoint-${base}`) }] }])
  }
  endpointChain(info: PortInfo, endpoint: EndpointInfo): void {
    const base = endpointBase(info, endpoint)
    this.sets.set(`affinity-${base}`, { keys: ['address'], timeoutSeconds: info.affinitySeconds! })
    this.chain(`endpoint-${base}`, [
      { statements: [{ do: 'remember', set: `affinity-${base}` }] },
      { statements: [{ do: 'isProtocol', protocol: info.protocol.toLowerCase() }, { do: 'translate', to: [{ ip: endpoint.ip, port: endpoint.port }] }] },
    ])
  }
}

function endpointBase(info: PortInfo, endpoint: EndpointInfo): string {
  const address = endpoint.ip.replaceAll(':', '.')
  return chainBase(`${info.namespace}/${info.service}/${info.protocol.toLowerCase()}/${info.name}__${address}/${endpoint.port}`)
}

const nameLengthMax = 240

/** A hash before the name, so that long names stay different when they are cut. */
export function chainBase(name: string): string {
  const full = `${base32(createHash('sha256').update(name).digest().subarray(0, 5))}-${name}`
  return full.length > nameLengthMax ? `${full.slice(0, nameLengthMax - 3)}...` : full
}

/** Whether a chain or set belongs to a Service or a policy rather than to the base. */
export function isServiceChain(name: string): boolean {
  return name.includes('/')
}
