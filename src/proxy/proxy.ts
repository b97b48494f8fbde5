/** The Service proxy of one node: watches Services, endpoints and its Node, for one IP family or both. */
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts'
import type { Node } from '../api/generated/types/core-v1.ts'
import { endpointSlices, nodes, serviceCIDRs, services } from '../api/generated/resources.ts'
import { ComponentPages } from '../api/pages/component-pages.ts'
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { createEventRecorder } from '../client/events.ts'
import { type Informer, InformerFactory, type InformerOptions, type Informers } from '../client/informer.ts'
import { keyOf } from '../client/lister.ts'
import { type Family, familyOf } from './addresses.ts'
import type { RuleBackend } from './backend.ts'
import { FamilyProxy } from './family-proxy.ts'
import { ServiceHealthChecks } from './health/service-checks.ts'
import { type Page, type PageServer, type Question, servePages } from './health/server/http.ts'
import { ProxyHealth } from './health/state.ts'
import { healthMetrics } from './metrics.ts'
import { type NodeIPs, chooseNodeIPs, nodePortAddresses, podCIDRsOf } from './node-addresses.ts'
import type { ConnectionTracking } from './packet-filter.ts'
import type { LocalTraffic } from './rules.ts'

export interface ProxyOptions {
  readonly nodeName: string
  /** Default: what the Node object says, 30 s after the start the loopback's. */
  readonly nodeIPs?: NodeIPs
  /** "0.0.0.0" and "::" say nothing; any other wins over the Node object. */
  readonly bindAddress?: string
  readonly backends: readonly RuleBackend[]
  readonly tracking?: ConnectionTracking
  /** Shared with other components of this process; the proxy's own when absent. */
  readonly informers?: Informers
  /** How traffic of pods is known: by ranges, by the node's own pod ranges, by interface; default: not at all. */
  readonly detectLocal?: { readonly cidrs: readonly string[] } | { readonly interface: string } | 'node'
  /** Ranges of the node's addresses that take node ports, or its primary one of each family; default: all. */
  readonly nodePortAddresses?: 'primary' | readonly string[]
  /** The addresses of the node's interfaces now. */
  readonly interfaceAddresses?: () => readonly string[]
  readonly masqueradeAll?: boolean
  readonly localhostNodePorts?: boolean
  /** ms between looks whether the rules are still there; default 30 s. */
  readonly syncPeriodMs?: number
  /** ms between two syncs at least; default 0: changes that come during one are the next. */
  readonly minSyncPeriodMs?: number
  readonly healthz?: { readonly address: string; readonly port: number }
  readonly metrics?: { readonly address: string; readonly port: number }
  /** A port that cannot be had ends the proxy; otherwise it is tried again. */
  readonly bindHardFail?: boolean
  /** Further pages of the metrics server. */
  readonly pages?: Readonly<Record<string, () => Page>>
  /** Whether the metrics server has a /statusz; default: it has. */
  readonly statusz?: boolean
  /** What /flagz of the metrics server shows: flags with their values; without it there is no such page. */
  readonly flags?: (() => Readonly<Record<string, string>>) | undefined
  /** Called when the proxy cannot go on as it is; whoever runs it should end it. */
  readonly onFatal?: (error: Error) => void
}

const sliceServiceLabel = 'kubernetes.io/service-name'
const nodeWaitMs = 30_000

/** What a proxy with informers of its own needs to see (upstream: cmd/kube-proxy/app/server.go). */
export function proxyInformerOptions(nodeName: string): (resource: { readonly resource: string }) => InformerOptions {
  const byResource: Readonly<Record<string, InformerOptions>> = {
    nodes: { fieldSelector: `metadata.name=${nodeName}` },
    services: { labelSelector: '!service.kubernetes.io/service-proxy-name', fieldSelector: 'spec.clusterIP!=None' },
    endpointslices: { labelSelector: '!service.kubernetes.io/headless' },
  }
  return ({ resource }) => byResource[resource] ?? {}
}

/** The component. Ready when the first rules are in the kernel. Stopping leaves the rules: connections go on. */
export function createProxy(env: Env, client: Client, options: ProxyOptions): Component {
  return new Proxy(env, client, options)
}

class Proxy implements Component {
  readonly name = 'proxy'
  readonly ready: Promise<void>
  #resolveReady!: () => void
  readonly #env: Env
  readonly #client: Client
  readonly #options: ProxyOptions
  readonly #health: ProxyHealth
  readonly #servers: PageServer[] = []
  readonly #checks: ServiceHealthChecks[] = []
  readonly #removeHandlers: (() => void)[] = []
  #ownInformers: InformerFactory | undefined
  #nodes: Informer<Node> | undefined
  #task: { stop(): Promise<void> } | undefined

  constructor(env: Env, client: Client, options: ProxyOptions) {
    this.#env = { ...env, log: env.log.child('proxy') }
    this.#client = client
    this.#options = options
    const families = options.backends.map(({ family }) => family)
    this.#health = new ProxyHealth(env.clock, families, 2 * (options.syncPeriodMs ?? 30_000), () => this.#nodes?.get({ name: options.nodeName }))
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
  }

  async start(): Promise<void> {
    const { nodeName } = this.#options
    const informers = this.#options.informers ?? (this.#ownInformers = new InformerFactory(this.#env, this.#client, proxyInformerOptions(nodeName)))
    this.#nodes = informers.of(nodes)
    await this.#serve()
    const recorder = createEventRecorder(this.#env, this.#client, { component: 'kube-proxy', host: nodeName })
    recorder.event({ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeName }, 'Normal', 'Starting', '')
    this.#task = this.#env.tasks.go('proxy', (signal) => this.#run(informers, signal))
  }

  async stop(): Promise<void> {
    for (const remove of this.#removeHandlers.splice(0)) remove()
    await this.#task?.stop()
    await this.#ownInformers?.stop()
    await Promise.all(this.#checks.map((checks) => checks.close()))
    await Promise.all(this.#servers.splice(0).map((server) => server.close()))
  }

  async #serve(): Promise<void> {
    const { healthz, metrics, pages = {}, statusz, flags, backends } = this.#options
    const counts = healthMetrics(this.#env.metrics)
    const text = (body: string): Page => ({ code: 200, body, contentType: 'text/plain; charset=utf-8' })
    if (healthz !== undefined) {
      await this.#listen('healthz', healthz, (path) => {
        const answer = path === '/healthz' ? this.#health.healthz() : path === '/livez' ? this.#health.livez() : undefined
        if (answer !== undefined) (path === '/healthz' ? counts.healthz : counts.livez).inc({ code: String(answer.code) })
        return answer
      })
    }
    if (metrics !== undefined) {
      const about: ComponentPages = new ComponentPages({
        ...this.#env, component: 'kube-proxy', statusz, flags, paths: () => ['/healthz', '/metrics', '/proxyMode', ...Object.keys(pages), ...about.served.filter((path) => path !== '/statusz')],
      })
      await this.#listen('metrics', metrics, (path, question) => {
        if (path === '/metrics') return { code: 200, body: this.#env.metrics.render(), contentType: 'text/plain; version=0.0.4; charset=utf-8' }
        if (path === '/proxyMode') return text(backends[0]!.mode)
        if (path === '/healthz') about.observe('ping', 'healthz', true)
        return path === '/healthz' ? text('ok') : pages[path]?.() ?? about.answer(question.method, path, question)
      })
    }
  }

  async #listen(what: string, { address, port }: { address: string; port: number }, page: (path: string, question: Question) => Page | undefined): Promise<void> {
    try {
      this.#servers.push(await servePages(address, port, page))
    } catch (error) {
      if (this.#options.bindHardFail === true) throw error
      this.#env.log.error(`could not serve ${what}; trying again`, { address, port, error })
      this.#env.tasks.go(`${what} server`, async (signal) => {
        await this.#env.clock.sleep(5_000, signal).catch(() => undefined)
        if (!signal.aborted) await this.#listen(what, { address, port }, page)
      })
    }
  }

  async #run(informers: Informers, signal: AbortSignal): Promise<void> {
    for (const resource of [services, endpointSlices, serviceCIDRs]) informers.of(resource as never)
    // Half a picture would turn traffic away: nothing is written before everything is known.
    await Promise.race([informers.synced(), aborted(signal)])
    const ips = await this.#nodeIPs(signal)
    if (signal.aborted) return
    const proxies = this.#options.backends.map((backend) => this.#proxyOf(backend, ips))
    this.#watch(informers, proxies)
    let waiting = proxies.length
    const writtenOnce = new Set<FamilyProxy>()
    await Promise.all(proxies.map((proxy) => proxy.run(signal, () => {
      if (writtenOnce.has(proxy)) return
      writtenOnce.add(proxy)
      if (--waiting === 0) this.#resolveReady()
    })))
  }

  async #nodeIPs(signal: AbortSignal): Promise<NodeIPs> {
    const { nodeIPs, bindAddress, nodeName, detectLocal } = this.#options
    if (nodeIPs !== undefined) return nodeIPs
    const { clock, log } = this.#env
    const until = clock.monotonic() + nodeWaitMs
    const node = () => this.#nodes!.get({ name: nodeName })
    for (;;) {
      const found = chooseNodeIPs(node()?.status?.addresses ?? [], bindAddress)
      const complete = found !== undefined && (detectLocal !== 'node' || podCIDRsOf(node()).length > 0)
      if (complete) return found
      if (signal.aborted || clock.monotonic() > until) break
      await clock.sleep(250, signal).catch(() => undefined)
    }
    if (!signal.aborted) log.error('the node has no address; set --bind-address if the loopback is wrong', { node: nodeName })
    return chooseNodeIPs(node()?.status?.addresses ?? [], bindAddress) ?? { IPv4: '127.0.0.1', IPv6: '::1' }
  }

  #proxyOf(backend: RuleBackend, ips: NodeIPs): FamilyProxy {
    const { nodeName, masqueradeAll = false, localhostNodePorts = true, tracking, syncPeriodMs = 30_000, minSyncPeriodMs = 0 } = this.#options
    const { family } = backend
    const { nodePortAddresses: ranges = [], interfaceAddresses = () => [] } = this.#options
    const primary = [ips[family]].filter((ip) => ip !== undefined && ip !== '127.0.0.1' && ip !== '::1') as string[]
    const addresses = ranges === 'primary' ? (primary.length === 0 ? 'all' : primary) : nodePortAddresses(family, ranges, interfaceAddresses(), backend.mode === 'iptables')
    const checks = new ServiceHealthChecks(addresses === 'all' ? [family === 'IPv4' ? '0.0.0.0' : '::'] : addresses, this.#env.log, () => this.#health.healthy)
    this.#checks.push(checks)
    const node = this.#nodes!.get({ name: nodeName })
    return new FamilyProxy(this.#env, {
      backend, health: this.#health, checks, ...(tracking === undefined ? {} : { tracking }), syncPeriodMs, minSyncPeriodMs,
      rules: {
        family, node: topologyOf(nodeName, node), nodeIP: ips[family] ?? (family === 'IPv4' ? '127.0.0.1' : '::1'), nodePortAddresses: addresses,
        ...this.#local(family, node), serviceCidrs: [], masqueradeAll, localhostNodePorts,
      },
    })
  }

  #local(family: Family, node: Node | undefined): { local?: LocalTraffic } {
    const { detectLocal } = this.#options
    if (detectLocal === undefined) return {}
    if (detectLocal !== 'node' && 'interface' in detectLocal) return { local: detectLocal }
    const cidrs = (detectLocal === 'node' ? podCIDRsOf(node) : detectLocal.cidrs).filter((range) => familyOf(range) === family)
    return cidrs.length === 0 ? {} : { local: { cidrs: [cidrs[0]!] } }
  }

  #watch(informers: Informers, proxies: readonly FamilyProxy[]): void {
    const all = (call: (proxy: FamilyProxy) => void) => proxies.forEach(call)
    const onSlice = (slice: EndpointSlice, gone: boolean, initial = false) => all((proxy) => proxy.setSlice(slice, gone, initial))
    const cidrs = informers.of(serviceCIDRs)
    const onCidrs = () => all((proxy) => {
      const serviceCidrs = [...new Set(cidrs.list().flatMap((cidr) => cidr.spec?.cidrs ?? []))].filter((range) => familyOf(range) === proxy.family).sort()
      if (serviceCidrs.join() !== proxy.rules.serviceCidrs.join()) proxy.setRules({ serviceCidrs })
    })
    this.#removeHandlers.push(
      informers.of(services).addHandler({
        add: (service) => all((proxy) => proxy.setService(keyOf(service), service)),
        update: (service) => all((proxy) => proxy.setService(keyOf(service), service)),
        delete: (service) => all((proxy) => proxy.setService(keyOf(service), undefined)),
      }),
      informers.of(endpointSlices).addHandler({
        add: (slice, initial) => onSlice(slice, false, initial),
        update: (slice, old) => {
          // A slice that was handed to another Service leaves the first.
          if (old.metadata.labels?.[sliceServiceLabel] !== slice.metadata.labels?.[sliceServiceLabel]) onSlice(old, true)
          onSlice(slice, false)
        },
        delete: (slice) => onSlice(slice, true),
      }),
      this.#nodes!.addHandler({ add: (node) => this.#onNode(node, proxies), update: (node, old) => this.#onNode(node, proxies, old) }),
      cidrs.addHandler({ add: onCidrs, update: onCidrs, delete: onCidrs }),
    )
  }

  #onNode(node: Node, proxies: readonly FamilyProxy[], old?: Node): void {
    const { nodeName, detectLocal, onFatal } = this.#options
    if (node.metadata.name !== nodeName) return
    const topology = topologyOf(nodeName, node)
    for (const proxy of proxies) if (topology.zone !== proxy.rules.node.zone) proxy.setRules({ node: topology })
    if (detectLocal === 'node' && old !== undefined && podCIDRsOf(node).join() !== podCIDRsOf(old).join()) {
      onFatal?.(new Error(`the pod ranges of node ${nodeName} have changed: the proxy must be started anew`))
    }
  }
}

function topologyOf(nodeName: string, node: Node | undefined): { nodeName: string; zone?: string } {
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  return zone === undefined ? { nodeName } : { nodeName, zone }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}
