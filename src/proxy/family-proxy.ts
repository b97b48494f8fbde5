/** The rules of one IP family on one node: takes objects as they change, and keeps the kernel as they say. */
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts'
import type { Service } from '../api/generated/types/core-v1.ts'
import type { Env, Timer } from '../base/env.ts'
import type { Family } from './addresses.ts'
import type { RuleBackend } from './backend.ts'
import { staleFlows } from './conntrack/stale.ts'
import type { ServiceHealthChecks } from './health/service-checks.ts'
import type { ProxyHealth } from './health/state.ts'
import { type ProxyMetrics, proxyMetrics } from './metrics.ts'
import type { ConnectionTracking } from './packet-filter.ts'
import type { RuleOptions } from './rules.ts'
import { ServiceTracker } from './tracker.ts'

export interface FamilyProxyOptions {
  readonly backend: RuleBackend
  readonly rules: RuleOptions
  readonly health: ProxyHealth
  readonly checks: ServiceHealthChecks
  readonly tracking?: ConnectionTracking
  /** ms between looks whether the rules are still there. */
  readonly syncPeriodMs: number
  /** ms between two syncs at least. */
  readonly minSyncPeriodMs: number
}

const triggerTime = 'endpoints.kubernetes.io/last-change-trigger-time'
/** Everything is written anew this often, whatever happened to it unseen. */
const fullSyncMs = 3_600_000

export class FamilyProxy {
  readonly family: Family
  readonly #env: Env
  readonly #options: FamilyProxyOptions
  readonly #tracker: ServiceTracker
  readonly #metrics: ProxyMetrics
  #rules: RuleOptions
  #baseChanged = true
  #full = true
  #first = true
  #lastFull = 0
  #pending = { service: 0, endpoint: 0 }
  #triggers: number[] = []
  #wake: (() => void) | undefined

  constructor(env: Env, options: FamilyProxyOptions) {
    this.family = options.backend.family
    this.#env = env
    this.#options = options
    this.#rules = options.rules
    this.#tracker = new ServiceTracker(this.family, options.rules.node.nodeName)
    this.#metrics = proxyMetrics(env.metrics, this.family, options.backend.mode)
  }

  setService(key: string, service: Service | undefined): void {
    if (this.#tracker.setService(key, service)) this.#changed('service')
  }

  setSlice(slice: EndpointSlice, gone: boolean, initial = false): void {
    if (!this.#tracker.setSlice(slice, gone)) return
    const trigger = Date.parse(slice.metadata.annotations?.[triggerTime] ?? '')
    if (!initial && !gone && !Number.isNaN(trigger)) this.#triggers.push(trigger)
    this.#changed('endpoint')
  }

  get rules(): RuleOptions {
    return this.#rules
  }

  setRules(part: Partial<RuleOptions>): void {
    this.#rules = { ...this.#rules, ...part }
    this.#baseChanged = true
    this.#tracker.touchAll()
    this.#queue()
  }

  #changed(what: 'service' | 'endpoint'): void {
    this.#pending[what]++
    const { endpointChanges, endpointsPending, serviceChanges, servicesPending } = this.#metrics
    if (what === 'service') serviceChanges.inc()
    else endpointChanges.inc()
    if (what === 'service') servicesPending.set(this.#pending.service)
    else endpointsPending.set(this.#pending.endpoint)
    this.#queue()
  }

  #queue(): void {
    this.#options.health.queued(this.family)
    this.#metrics.lastQueued.set(this.#env.clock.now() / 1000, this.#metrics.labels)
    this.#wake?.()
  }

  /** Writes and goes on writing until the signal is aborted. */
  async run(signal: AbortSignal, onFirst: () => void): Promise<void> {
    const { clock, log } = this.#env
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#sync()
        failures = 0
        onFirst()
      } catch (error) {
        // What of the changes arrived is not known: the next attempt writes everything.
        if (!this.#full) this.#metrics.partialFailures?.inc(this.#metrics.labels)
        this.#full = true
        failures++
        this.#metrics.syncFailures.inc(this.#metrics.labels)
        log.error('could not write the rules', { family: this.family, error, failures })
      }
      if (failures > 0) await clock.sleep(Math.min(30_000, 500 * 2 ** Math.min(failures, 6)), signal).catch(() => undefined)
      else await this.#pause(signal)
    }
  }

  /** Until something changed, or it is time to look whether the rules are there. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#env
    const { minSyncPeriodMs, syncPeriodMs, backend } = this.#options
    if (minSyncPeriodMs > 0) await clock.sleep(minSyncPeriodMs, signal).catch(() => undefined)
    if (this.#tracker.hasChanges || this.#baseChanged || signal.aborted) return
    let timer: Timer | undefined
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = clock.setTimeout(() => resolve(), backend.hasStale ? 1500 : syncPeriodMs)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await woken
    timer?.cancel()
    this.#wake = undefined
  }

  async #sync(): Promise<void> {
    const { clock, log } = this.#env
    const { backend, checks } = this.#options
    const started = clock.monotonic()
    if (!this.#full && !this.#tracker.hasChanges && !this.#baseChanged) {
      await this.#cleanUp()
      const old = started - this.#lastFull > fullSyncMs
      if (!old && (await backend.intact())) return
      if (!old) log.warn('the rules have vanished and are written anew', { family: this.family })
      this.#full = true
      this.#first = true
    }
    const triggers = this.#triggers.splice(0)
    const { changed, udp } = this.#tracker.takeChanges()
    const baseChanged = this.#baseChanged
    this.#baseChanged = false
    this.#pending = { service: 0, endpoint: 0 }
    const full = this.#full
    await backend.sync({ changed, options: this.#rules, baseChanged, full, first: this.#first })
    this.#full = false
    this.#first = false
    if (full) this.#lastFull = started
    this.#observe(started, full, triggers)
    await checks.sync(this.#tracker.healthChecks())
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
    this.#metrics.servicesPending.set(this.#pending.service)
    this.#metrics.endpointsPending.set(this.#pending.endpoint)
    if (!this.#tracker.hasChanges) this.#options.health.updated(this.family)
    const without = this.#tracker.withoutLocalEndpoints()
    for (const policy of ['internal', 'external'] as const) this.#metrics.noLocalEndpoints.set(without[policy], { traffic_policy: policy, ...labels })
  }

  async #cleanUp(): Promise<void> {
    try {
      await this.#options.backend.cleanUp()
    } catch (error) {
      // Left-over chains do no harm; a full sync finds them again.
      this.#metrics.cleanupFailures?.inc(this.#metrics.labels)
      this.#env.log.debug('could not remove unused chains', { error })
    }
  }

  async #cleanFlows(): Promise<void> {
    const { tracking } = this.#options
    if (tracking === undefined) return
    const started = this.#env.clock.monotonic()
    try {
      const stale = staleFlows(await tracking.listUdp(this.family), this.#tracker.view())
      if (stale.length > 0) await tracking.deleteUdp(this.family, stale)
      this.#metrics.conntrackDeleted.inc(this.#metrics.labels, stale.length)
    } catch (error) {
      this.#env.log.error('could not clean tracked flows', { error })
    }
    this.#metrics.conntrack.observe((this.#env.clock.monotonic() - started) / 1000, this.#metrics.labels)
  }
}
