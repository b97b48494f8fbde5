/** The rules of mode iptables from Services and endpoints (upstream: pkg/proxy/iptables/proxier.go). Pure. */
import { contains, hostPort } from '../addresses.ts'
import type { Rule, Statement } from '../ruleset.ts'
import { type RuleOptions, fromPods } from '../rules.ts'
import { type EndpointInfo, type PortInfo, isExternallyAccessible, portName, usesClusterEndpoints, usesLocalEndpoints } from '../service-map.ts'
import { type Categorized, categorize } from '../topology.ts'
import { type ChainKey, type PortChains, chainOf, endpointChain, markMasq, portChains } from './names.ts'

/** What the base, or one Service port, adds to the tables. */
export interface Part {
  /** Chains of its own. */
  readonly own: ReadonlyMap<ChainKey, readonly Rule[]>
  /** Rules that it adds to chains that all Services fill together; the base's come last. */
  readonly shared: ReadonlyMap<ChainKey, readonly Rule[]>
}

/** The chains that all Services fill together: there even when none does. */
export const sharedChains: readonly ChainKey[] = [
  'filter KUBE-SERVICES', 'filter KUBE-EXTERNAL-SERVICES', 'filter KUBE-NODEPORTS', 'filter KUBE-PROXY-FIREWALL', 'nat KUBE-SERVICES', 'nat KUBE-NODEPORTS',
]

/** What is in the tables whether there are Services or not. `liberal`: the kernel takes packets outside a connection's window for valid. */
export function renderBase(options: RuleOptions, liberal: boolean): Part {
  const own = new Map<ChainKey, Rule[]>([
    ['filter KUBE-FORWARD', [
      // Answers that belong to no connection would reach the client with an address that it never wrote to.
      ...(liberal ? [] : [{ statements: [{ do: 'isState', states: ['INVALID'] }, { do: 'drop' }] } satisfies Rule]),
      { statements: [{ do: 'isMarked' }, { do: 'accept' }], comment: 'kubernetes forwarding rules' },
      { statements: [{ do: 'isState', states: ['RELATED', 'ESTABLISHED'] }, { do: 'accept' }], comment: 'kubernetes forwarding conntrack rule' },
    ]],
    [markMasq, [{ statements: [{ do: 'mark' }] }]],
    ['nat KUBE-POSTROUTING', [
      { statements: [{ do: 'isMarked', not: true }, { do: 'return' }] },
      { statements: [{ do: 'unmark' }] },
      { statements: [{ do: 'masquerade' }], comment: 'kubernetes service traffic requiring SNAT' },
    ]],
  ])
  if (takesLocalhost(options)) own.set('filter KUBE-FIREWALL', [blockLocalnet])
  return { own, shared: new Map([['nat KUBE-SERVICES', nodePortJumps(options)]]) }
}

/** Since route_localnet lets packets to the loopback in from outside, those that are not the node's own are stopped. */
const blockLocalnet: Rule = {
  statements: [
    { do: 'among', field: 'daddr', values: ['127.0.0.0/8'] }, { do: 'among', field: 'saddr', not: true, values: ['127.0.0.0/8'] },
    { do: 'isState', not: true, states: ['RELATED', 'ESTABLISHED', 'DNAT'] }, { do: 'drop' },
  ],
  comment: 'block incoming localnet connections',
}

/** Whether node ports answer by the loopback's address too. */
export function takesLocalhost({ family, localhostNodePorts, nodePortAddresses }: Pick<RuleOptions, 'family' | 'localhostNodePorts' | 'nodePortAddresses'>): boolean {
  return family === 'IPv4' && localhostNodePorts === true && (nodePortAddresses === 'all' || nodePortAddresses.some(isLoopback))
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || contains('127.0.0.0/8', ip)
}

function nodePortJumps(options: RuleOptions): Rule[] {
  const comment = 'kubernetes service nodeports; NOTE: this must be the last rule in this chain'
  const jump: Statement = { do: 'jump', chain: 'nat KUBE-NODEPORTS' }
  const local = takesLocalhost(options)
  if (options.nodePortAddresses === 'all') {
    const notLoopback: Statement[] = local ? [] : [{ do: 'among', field: 'daddr', not: true, values: [options.family === 'IPv4' ? '127.0.0.0/8' : '::1/128'] }]
    return [{ statements: [{ do: 'isLocal', field: 'daddr' }, ...notLoopback, jump], comment }]
  }
  return options.nodePortAddresses.filter((ip) => local || !isLoopback(ip)).map((ip) => ({ statements: [{ do: 'among', field: 'daddr', values: [ip] }, jump], comment }))
}

/** What one Service port adds. `brief`: without the comments of endpoints, of which a large cluster has very many. */
export function renderPort(info: PortInfo, endpoints: readonly EndpointInfo[], options: RuleOptions, brief = false): Part {
  const found = categorize(info, endpoints, options.node)
  const port = new PortRules(info, found, options, brief)
  port.front()
  port.policyChains()
  port.endpointChains()
  return port
}

class PortRules implements Part {
  readonly own = new Map<ChainKey, Rule[]>()
  readonly shared = new Map<ChainKey, Rule[]>()
  readonly #info: PortInfo
  readonly #found: Categorized
  readonly #options: RuleOptions
  readonly #brief: boolean
  readonly #name: string
  readonly #protocol: string
  readonly #chains: PortChains

  constructor(info: PortInfo, found: Categorized, options: RuleOptions, brief: boolean) {
    this.#info = info
    this.#found = found
    this.#options = options
    this.#brief = brief
    this.#name = portName(info)
    this.#protocol = info.protocol.toLowerCase()
    this.#chains = portChains(info)
  }

  #add(where: Map<ChainKey, Rule[]>, chain: ChainKey, statements: Statement[], comment?: string): void {
    const rule = comment === undefined ? { statements } : { statements, comment }
    const rules = where.get(chain)
    if (rules === undefined) where.set(chain, [rule])
    else rules.push(rule)
  }

  #to(ip: string | undefined, port: number): Statement {
    return { do: 'isTo', ...(ip === undefined ? {} : { ip }), protocol: this.#protocol, port }
  }

  /** The ways to the Service's addresses and node port, or what says that there is none. */
  front(): void {
    const { any, local } = this.#found
    const { clusterIP, port, internalLocal, externalLocal, externalIPs, loadBalancerIPs, nodePort, healthCheckNodePort, sourceRanges } = this.#info
    const { cluster, external, firewall, local: localChain } = this.#chains
    const hasExternal = any && (!externalLocal || local.length > 0)
    // Without an endpoint anywhere a client is told; with endpoints on other nodes only, Local policy drops.
    const refusal: Statement = { do: any ? 'drop' : 'reject' }
    const why = `${this.#name} has no ${any ? 'local ' : ''}endpoints`
    const name = this.#name
    if (any && (!internalLocal || local.length > 0)) {
      const chain = internalLocal ? localChain : cluster
      this.#add(this.shared, 'nat KUBE-SERVICES', [this.#to(clusterIP, port), { do: 'jump', chain }], `${name} cluster IP`)
      this.#masqueradeOutsiders(chain)
    } else this.#add(this.shared, 'filter KUBE-SERVICES', [this.#to(clusterIP, port), refusal], why)
    const refuse = (...match: Statement[]) => {
      if (!hasExternal) this.#add(this.shared, 'filter KUBE-EXTERNAL-SERVICES', [...match, refusal], why)
    }
    for (const ip of externalIPs) {
      if (any) this.#add(this.shared, 'nat KUBE-SERVICES', [this.#to(ip, port), { do: 'jump', chain: external }], `${name} external IP`)
      refuse(this.#to(ip, port))
    }
    const fenced = any && loadBalancerIPs.length > 0 && sourceRanges.length > 0
    for (const ip of loadBalancerIPs) {
      if (any) this.#add(this.shared, 'nat KUBE-SERVICES', [this.#to(ip, port), { do: 'jump', chain: fenced ? firewall : external }], `${name} loadbalancer IP`)
      if (fenced) this.#add(this.shared, 'filter KUBE-PROXY-FIREWALL', [this.#to(ip, port), { do: 'drop' }], `${name} traffic not accepted by ${chainOf(firewall)}`)
      refuse(this.#to(ip, port))
    }
    if (nodePort !== 0) {
      if (any) this.#add(this.shared, 'nat KUBE-NODEPORTS', [this.#to(undefined, nodePort), { do: 'jump', chain: external }], name)
      refuse({ do: 'isLocal', field: 'daddr' }, this.#to(undefined, nodePort))
    }
    if (healthCheckNodePort !== 0) {
      this.#add(this.shared, 'filter KUBE-NODEPORTS', [{ do: 'isTo', protocol: 'tcp', port: healthCheckNodePort }, { do: 'accept' }], `${name} health check node port`)
    }
    if (any && isExternallyAccessible(this.#info)) this.#externalChain(hasExternal)
    if (fenced) this.#firewallChain()
  }

  /** Traffic that enters the cluster here by a Service's address must come back here. */
  #masqueradeOutsiders(chain: ChainKey): void {
    const { masqueradeAll, local } = this.#options
    if (!masqueradeAll && local === undefined) return
    const outside = masqueradeAll ? [] : [fromPods(local!, true)]
    this.#add(this.own, chain, [this.#to(this.#info.clusterIP, this.#info.port), ...outside, { do: 'jump', chain: markMasq }], `${this.#name} cluster IP`)
  }

  #externalChain(hasExternal: boolean): void {
    const { cluster, external, local: localChain } = this.#chains
    const { externalLocal } = this.#info
    const where = `for ${this.#name} external destinations`
    const add = (statements: Statement[], comment?: string) => this.#add(this.own, external, statements, comment)
    // The endpoint may be on another node, and its answer must come back through here.
    if (!externalLocal) add([{ do: 'jump', chain: markMasq }], `masquerade traffic ${where}`)
    else {
      const { local } = this.#options
      if (local !== undefined) add([fromPods(local), { do: 'jump', chain: cluster }], `pod traffic ${where}`)
      const fromNode: Statement = { do: 'isLocal', field: 'saddr' }
      add([fromNode, { do: 'jump', chain: markMasq }], `masquerade LOCAL traffic ${where}`)
      add([fromNode, { do: 'jump', chain: cluster }], `route LOCAL traffic ${where}`)
    }
    if (hasExternal) add([{ do: 'jump', chain: externalLocal ? localChain : cluster }])
  }

  /** Who may come goes on; the others come back untranslated, and KUBE-PROXY-FIREWALL knows them by that. */
  #firewallChain(): void {
    const { external, firewall } = this.#chains
    const { sourceRanges, loadBalancerIPs } = this.#info
    // A node's own packets to an address that it has itself come from that address.
    const own = sourceRanges.some((range) => contains(range, this.#options.nodeIP)) ? loadBalancerIPs : []
    for (const from of [...sourceRanges, ...own]) {
      this.#add(this.own, firewall, [{ do: 'among', field: 'saddr', values: [from] }, { do: 'jump', chain: external }], `${this.#name} loadbalancer IP`)
    }
    this.#add(this.own, firewall, [], `other traffic to ${this.#name} will be dropped by KUBE-PROXY-FIREWALL`)
  }

  policyChains(): void {
    const { cluster, local } = this.#found
    if (cluster.length > 0 && usesClusterEndpoints(this.#info)) this.#choice(this.#chains.cluster, cluster)
    if (local.length > 0 && usesLocalEndpoints(this.#info)) this.#choice(this.#chains.local, local)
  }

  /** The choice among endpoints; with session affinity those that remember the client come first. */
  #choice(chain: ChainKey, endpoints: readonly EndpointInfo[]): void {
    const seconds = this.#info.affinitySeconds
    const ways = endpoints.map((endpoint) => ({ to: endpointChain(this.#info, endpoint), comment: `${this.#name} -> ${hostPort(endpoint.ip, endpoint.port)}` }))
    const add = (statements: Statement[], comment: string) => this.#add(this.own, chain, statements, this.#brief ? undefined : comment)
    if (seconds !== undefined) for (const { to, comment } of ways) add([{ do: 'remembered', set: chainOf(to), seconds }, { do: 'jump', chain: to }], comment)
    for (const [i, { to, comment }] of ways.entries()) {
      const left = ways.length - i
      add([...(left > 1 ? [{ do: 'chance', of: left } satisfies Statement] : []), { do: 'jump', chain: to }], comment)
    }
  }

  endpointChains(): void {
    for (const endpoint of this.#found.reachable) {
      const chain = endpointChain(this.#info, endpoint)
      const { ip, port } = endpoint
      const comment = this.#brief ? undefined : this.#name
      // Who reaches itself through its Service must not see its own address as the sender's.
      this.#add(this.own, chain, [{ do: 'among', field: 'saddr', values: [ip] }, { do: 'jump', chain: markMasq }], comment)
      const remember: Statement[] = this.#info.affinitySeconds === undefined ? [] : [{ do: 'remember', set: chainOf(chain) }]
      this.#add(this.own, chain, [...remember, { do: 'isProtocol', protocol: this.#protocol }, { do: 'translate', to: [{ ip, port }] }], comment)
    }
  }
}
