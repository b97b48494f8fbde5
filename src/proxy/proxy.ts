/** The Service proxy of one node: watches Services and endpoints, and keeps the kernel's rules as they say. */
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts'
import type { Node } from '../api/generated/types/core-v1.ts'
import { endpointSlices, nodes, serviceCIDRs, services } from '../api/generated/resources.ts'
import type { Component, Env, Timer } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { type Informer, InformerFactory, type Informers } from '../client/informer.ts'
import { keyOf } from '../client/lister.ts'
import { type Family, familyOf } from './addresses.ts'
import { staleFlows } from './conntrack/stale.ts'
import { ServiceHealthChecks } from './health/service-checks.ts'
import { type PageServer, servePages } from './health/server/http.ts'
import { ProxyHealth } from './health/state.ts'
import { type ProxyMetrics, proxyMetrics } from './metrics.ts'
import { Table } from './nftables/table.ts'
import type { ConnectionTracking, PacketFilter } from './packet-filter.ts'
import { type RuleOptions, renderBase } from './rules.ts'
import { ServiceTracker, familyOfNode } from './tracker.ts'

export interface ProxyOptions {
  readonly nodeName: string
  readonly nodeIP: string
  readonly filter: PacketFilter
  readonly tracking?: ConnectionTracking
  /** Shared with other components of this process; the proxy's own when absent. */
  readonly informers?: Informers
  /** What lies inside the cluster: sources from elsewhere are masqueraded. */
  readonly clusterCidrs?: readonly string[]
  /** Default: the node's address. */
  readonly nodePortAddresses?: 'all' | readonly string[]
  readonly masqueradeAll?: boolean
  /** ms between looks whether the table is still there; default 30 s. */
  readonly syncPeriodMs?: number
  /** ms between two syncs at least; default 0: changes that come during one are the next. */
  readonly minSyncPeriodMs?: number
  /** "ADDRESS:PORT"; absent: not served. */
  readonly healthz?: { readonly address: string; readonly port: number }
  readonly metrics?: { readonly address: string; readonly port: number }
}

const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time'

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
  readonly #family: Family
  readonly #tracker: ServiceTracker
  readonly #table: Table
  readonly #metrics: ProxyMetrics
  readonly #health: ProxyHealth
  readonly #checks: ServiceHealthChecks
  readonly #servers: PageServer[] = []
  readonly #removeHandlers: (() => void)[] = []
  #ownInformers: InformerFactory | undefined
  #nodes: Informer<Node> | undefined
  #rules: RuleOptions
  #baseChanged = true
  #full = true
  #first = true
  #triggers: number[] = []
  #wake: (() => void) | undefined
  #task: { stop(): Promise<void> } | undefined

  constructor(env: Env, client: Client, options: ProxyOptions) {
    this.#env = { ...env, log: env.log.child('proxy') }
    this.#client = client
    this.#options = options
    this.#family = familyOfNode(options.nodeIP)
    this.#tracker = new ServiceTracker(this.#family, options.nodeName)
    this.#table = new Table(this.#family)
    this.#metrics = proxyMetrics(env.metrics, this.#family)
    this.#health = new ProxyHealth(env.clock, this.#family, 2 * (options.syncPeriodMs ?? 30_000), () => this.#nodes?.get({ name: options.nodeName }))
    this.#checks = new ServiceHealthChecks(this.#family === 'IPv4' ? '0.0.0.0' : '::', this.#env.log, () => this.#health.healthy)
    this.#rules = {
      family: this.#family, node: { nodeName: options.nodeName }, nodeIP: options.nodeIP, nodePortAddresses: options.nodePortAddresses ?? [options.nodeIP],
      clusterCidrs: (options.clusterCidrs ?? []).filter((range) => familyOf(range) === this.#family), serviceCidrs: [], masqueradeAll: options.masqueradeAll ?? false,
    }
    this.ready = new Promise((resolve) => (this.#resolveReady = resolve))
  }

  async start(): Promise<void> {
    await this.#serve()
    const informers = this.#options.informers ?? (this.#ownInformers = new InformerFactory(this.#env, this.#client))
    this.#watch(informers)
    this.#task = this.#env.tasks.go('proxy', (signal) => this.#loop(informers, signal))
  }

  async stop(): Promise<void> {
    for (const remove of this.#removeHandlers.splice(0)) remove()
    await this.#task?.stop()
    await this.#ownInformers?.stop()
    await this.#checks.close()
    await Promise.all(this.#servers.splice(0).map((server) => server.close()))
  }

  async #serve(): Promise<void> {
    const { healthz, metrics } = this.#options
    if (healthz !== undefined) {
      this.#servers.push(await servePages(healthz.address, healthz.port, (path) => {
        const answer = path === '/healthz' ? this.#health.healthz() : path === '/livez' ? this.#health.livez() : undefined
        if (answer !== undefined) (path === '/healthz' ? this.#metrics.healthz : this.#metrics.livez).inc({ code: String(answer.code) })
        return answer
      }))
    }
    if (metrics !== undefined) {
      this.#servers.push(await servePages(metrics.address, metrics.port, (path) => {
        if (path === '/metrics') return { code: 200, body: this.#env.metrics.render(), contentType: 'text/plain; version=0.0.4; charset=utf-8' }
        if (path === '/proxyMode') return { code: 200, body: 'nftables', contentType: 'text/plain' }
        return path === '/healthz' ? { code: 200, body: 'ok', contentType: 'text/plain' } : undefined
      }))
    }
  }

  #watch(informers: Informers): void {
    const changed = (yes: boolean, what: 'service' | 'endpoint') => {
      if (!yes) return
      this.#metrics[what === 'service' ? 'serviceChanges' : 'endpointChanges'].inc()
      this.#queue()
    }
    const onSlice = (slice: EndpointSlice, gone: boolean, initial = false) => {
      const yes = this.#tracker.setSlice(slice, gone)
      const trigger = Date.parse(slice.metadata.annotations?.[triggerTime] ?? '')
      if (yes && !initial && !gone && !Number.isNaN(trigger)) this.#triggers.push(trigger)
      changed(yes, 'endpoint')
    }
    this.#removeHandlers.push(
      informers.of(services).addHandler({
        add: (service) => changed(this.#tracker.setService(keyOf(service), service), 'service'),
        update: (service) => changed(this.#tracker.setService(keyOf(service), service), 'service'),
        delete: (service) => changed(this.#tracker.setService(keyOf(service), undefined), 'service'),
      }),
      informers.of(endpointSlices).addHandler({
        add: (slice, initial) => onSlice(slice, false, initial),
        update: (slice, old) => {
          // A slice that was handed to another Service leaves the first.
          if (old.metadata.labels?.['kubernetes.io/service-name'] !== slice.metadata.labels?.['kubernetes.io/service-name']) onSlice(old, true)
          onSlice(slice, false)
        },
        delete: (slice) => onSlice(slice, true),
      }),
    )
    this.#nodes = informers.of(nodes)
    const cidrs = informers.of(serviceCIDRs)
    const onNode = (node: Node) => {
      const zone = node.metadata.labels?.['topology.kubernetes.io/zone']
      if (node.metadata.name !== this.#options.nodeName || zone === this.#rules.node.zone) return
      this.#change({ node: { nodeName: this.#options.nodeName, ...(zone === undefined ? {} : { zone }) } })
    }
    const onCidrs = () => {
      const serviceCidrs = [...new Set(cidrs.list().flatMap((cidr) => cidr.spec?.cidrs ?? []))].filter((range) => familyOf(range) === this.#family).sort()
      if (serviceCidrs.join() !== this.#rules.serviceCidrs.join()) this.#change({ serviceCidrs })
    }
    this.#removeHandlers.push(this.#nodes.addHandler({ add: onNode, update: onNode }), cidrs.addHandler({ add: onCidrs, update: onCidrs, delete: onCidrs }))
  }

  #change(part: Partial<RuleOptions>): void {
    this.#rules = { ...this.#rules, ...part }
    this.#baseChanged = true
    this.#tracker.touchAll()
    this.#queue()
  }

  #queue(): void {
    this.#health.queued()
    this.#metrics.lastQueued.set(this.#env.clock.now() / 1000, this.#metrics.labels)
    this.#wake?.()
  }

  async #loop(informers: Informers, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#env
    // Half a picture would turn traffic away: nothing is written before everything is known.
    await Promise.race([informers.synced(), aborted(signal)])
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#sync()
        failures = 0
        this.#resolveReady()
      } catch (error) {
        // What of the changes arrived is not known: the next attempt writes everything.
        this.#full = true
        failures++
        this.#metrics.syncFailures.inc(this.#metrics.labels)
        log.error('could not write the rules', { error, failures })
      }
      if (failures > 0) await clock.sleep(Math.min(30_000, 500 * 2 ** Math.min(failures, 6)), signal).catch(() => undefined)
      else await this.#pause(signal)
    }
  }

  /** Until something changed, or it is time to look whether the table is there. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#env
    await clock.sleep(this.#options.minSyncPeriodMs ?? 0, signal).catch(() => undefined)
    if (this.#tracker.hasChanges || this.#baseChanged || signal.aborted) return
    let timer: Timer | undefined
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = clock.setTimeout(() => resolve(), this.#table.hasStale ? 1500 : (this.#options.syncPeriodMs ?? 30_000))
    })
    await Promise.race([woken, aborted(signal)])
    timer?.cancel()
    this.#wake = undefined
  }

  async #sync(): Promise<void> {
    const { clock, log } = this.#env
    const started = clock.monotonic()
    const { filter } = this.#options
    const triggers = this.#triggers.splice(0)
    const idle = !this.#tracker.hasChanges && !this.#baseChanged && !this.#full
    if (idle) {
      await this.#cleanUp()
      if ((await filter.existing(this.#family)) !== undefined) return
      log.warn('the table of rules has vanished and is written anew')
      this.#full = true
      this.#first = true
    }
    const { parts, udp } = this.#tracker.takeChanges(this.#rules)
    if (this.#baseChanged) parts.set('', renderBase(this.#rules))
    this.#baseChanged = false
    let text = this.#table.update(parts)
    const full = this.#full
    if (full) text = this.#table.full((await filter.existing(this.#family)) ?? { chains: [], sets: [] }, this.#first)
    if (text !== '') await filter.apply(text)
    this.#full = false
    this.#first = false
    this.#observe(started, full, triggers)
    await this.#checks.sync(this.#tracker.healthChecks())
    if (udp) await this.#cleanFlows()
  }

  #observe(started: number, full: boolean, triggers: readonly number[]): void {
    const { clock } = this.#env
    const { labels } = this.#metrics
    const seconds = (clock.monotonic() - started) / 1000
    this.#metrics.sync.observe(seconds, labels)
    this.#metrics[full ? 'fullSync' : 'partialSync'].observe(seconds, labels)
    for (const trigger of triggers) this.#metrics.programming.observe(Math.max(0, clock.now() - trigger) / 1000, labels)
    this.#metrics.lastSync.set(clock.now() / 1000, labels)
    if (!this.#tracker.hasChanges) this.#health.updated()
    const withoutLocal = { internal: 0, external: 0 }
    for (const { info, endpoints } of this.#tracker.view()) {
      if (endpoints.length === 0 || endpoints.some(({ isLocal, ready }) => isLocal && ready)) continue
      if (info.internalLocal) withoutLocal.internal++
      if (info.externalLocal) withoutLocal.external++
    }
    for (const policy of ['internal', 'external'] as const) this.#metrics.noLocalEndpoints.set(withoutLocal[policy], { traffic_policy: policy, ...labels })
  }

  async #cleanUp(): Promise<void> {
    const text = this.#table.cleanUp()
    if (text === '') return
    try {
      await this.#options.filter.apply(text)
    } catch (error) {
      // Left-over chains do no harm; a full sync finds them again.
      this.#metrics.cleanupFailures.inc(this.#metrics.labels)
      this.#env.log.debug('could not remove unused chains', { error })
    }
  }

  async #cleanFlows(): Promise<void> {
    const { tracking } = this.#options
    if (tracking === undefined) return
    const started = this.#env.clock.monotonic()
    try {
      const stale = staleFlows(await tracking.listUdp(this.#family), this.#tracker.view())
      if (stale.length > 0) await tracking.deleteUdp(this.#family, stale)
      this.#metrics.conntrackDeleted.inc(this.#metrics.labels, stale.length)
    } catch (error) {
      this.#env.log.error('could not clean tracked flows', { error })
    }
    this.#metrics.conntrack.observe((this.#env.clock.monotonic() - started) / 1000, this.#metrics.labels)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
}
