/** The pages about itself that a component serves besides its health: /statusz, /flagz and /metrics/slis. */
import type { Clock, Counter, Gauge, Random } from '../../base/env.ts'
import { createMetrics } from '../../base/metrics.ts'
import { type PageAnswer, type PageRequest, pageAnswer, textHeaders } from './negotiate.ts'
import { flagz, statusz } from './statusz.ts'

export interface ComponentPagesOptions {
  /** As upstream's pages call the component. */
  readonly component: string
  readonly clock: Clock
  readonly random: Random
  /** Whether there is a /statusz; default: there is. */
  readonly statusz?: boolean
  /** Flags with their values as texts; without it there is no /flagz. */
  readonly flags?: (() => Readonly<Record<string, string>>) | undefined
  /** All paths that the component serves, for /statusz. */
  readonly paths: () => readonly string[]
}

const metricsType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores'

/** Each is one component's: it started when this was made. */
export class ComponentPages {
  readonly #options: ComponentPagesOptions
  readonly #startedAt: number
  #checks: ReturnType<typeof healthMetrics>
  /** The paths that are answered here. */
  readonly served: readonly string[]

  constructor(options: ComponentPagesOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
    this.#checks = healthMetrics(this.#startedAt)
    this.served = ['/metrics/slis', ...(options.flags === undefined ? [] : ['/flagz']), ...(options.statusz === false ? [] : ['/statusz'])]
  }

  /** Counts how a check ended that was asked for with all others. `endpoint`: "healthz", "livez" or "readyz". Upstream: component-base/metrics/prometheus/slis. */
  observe(check: string, endpoint: string, healthy: boolean): void {
    this.#checks.last.set(healthy ? 1 : 0, { name: check, type: endpoint })
    this.#checks.total.inc({ name: check, status: healthy ? 'success' : 'error', type: endpoint })
  }

  /** Undefined: another's path. The text pages are the same for all methods; DELETE sets the health metrics back. */
  answer(method: string, path: string, request: PageRequest): PageAnswer | undefined {
    if (!this.served.includes(path)) return undefined
    const { component, clock, random, flags, paths } = this.#options
    if (path === '/statusz') return pageAnswer(statusz({ component, startedAt: this.#startedAt, now: clock.now(), paths: paths(), chance: random.next() }), request)
    if (path === '/flagz') return pageAnswer(flagz(component, flags!(), random.next()), request)
    if (method === 'DELETE') {
      this.#checks = healthMetrics(this.#startedAt)
      return { code: 200, headers: textHeaders, body: 'metrics reset\n' }
    }
    return { code: 200, headers: { 'content-type': metricsType, 'process-start-time-unix': String(Math.floor(this.#startedAt / 1000)) }, body: this.#checks.render() }
  }
}

function healthMetrics(startedAt: number): { last: Gauge; total: Counter; render(): string } {
  const metrics = createMetrics()
  const last = metrics.gauge('kubernetes_healthcheck', '[STABLE] This metric records the result of a single healthcheck.', ['name', 'type'])
  const total = metrics.counter('kubernetes_healthchecks_total', '[STABLE] This metric records the results of all healthcheck.', ['name', 'status', 'type'])
  metrics.gauge('process_start_time_seconds', '[ALPHA] Start time of the process since unix epoch in seconds.').set(startedAt / 1000)
  return { last, total, render: () => metrics.render() }
}
