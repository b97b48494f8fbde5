/** Whether the proxy keeps up with changes, and what it says about it (upstream: healthcheck/proxy_health.go). */
import type { Node } from '../../api/generated/types/core-v1.ts'
import type { Clock } from '../../base/env.ts'
import type { Family } from '../addresses.ts'

/** Set by an autoscaler on a node that it is about to remove. */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler'

export interface HealthAnswer {
  readonly code: 200 | 503
  readonly body: string
}

/** Unhealthy is a proxy with a change that has waited longer than `timeoutMs` for the kernel. */
export class ProxyHealth {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #node: () => Node | undefined
  readonly #updated = new Map<Family, number>()
  readonly #queued = new Map<Family, number>()

  constructor(clock: Clock, families: readonly Family[], timeoutMs: number, node: () => Node | undefined) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#node = node
    for (const family of families) this.#updated.set(family, clock.now())
  }

  queued(family: Family): void {
    if (!this.#queued.has(family)) this.#queued.set(family, this.#clock.now())
  }
  updated(family: Family): void {
    this.#queued.delete(family)
    this.#updated.set(family, this.#clock.now())
  }
  get healthy(): boolean {
    return [...this.#updated.keys()].every((family) => this.#isHealthy(family))
  }
  #isHealthy(family: Family): boolean {
    const queued = this.#queued.get(family)
    return queued === undefined || this.#clock.now() - queued < this.#timeoutMs
  }

  /** For load balancers: also whether new connections should come to this node at all. */
  healthz(): HealthAnswer {
    const node = this.#node()
    const eligible = node !== undefined && node.metadata.deletionTimestamp === undefined &&
      node.spec?.taints?.some(({ key }) => key === toBeDeletedTaint) !== true
    return this.#answer(this.healthy && eligible, { nodeEligible: eligible })
  }
  /** For whoever restarts the proxy. */
  livez(): HealthAnswer {
    return this.#answer(this.healthy, {})
  }

  #answer(ok: boolean, more: { nodeEligible?: boolean }): HealthAnswer {
    const now = this.#clock.now()
    const time = (ms: number) => new Date(ms).toISOString()
    return {
      code: ok ? 200 : 503,
      body: JSON.stringify({
        lastUpdated: time(ok ? now : Math.max(...this.#updated.values())), currentTime: time(now), ...more, healthy: this.healthy,
        status: Object.fromEntries([...this.#updated].map(([family, at]) => [family, { lastUpdated: time(at), healthy: this.#isHealthy(family) }])),
      }),
    }
  }
}

/** The answer of a Service's health check node port (upstream: healthcheck/service_health.go). */
export function serviceHealth(key: string, localEndpoints: number, proxyHealthy: boolean): HealthAnswer {
  const [namespace, name] = key.split('/')
  const text = `{\n\t"service": {\n\t\t"namespace": "${namespace}",\n\t\t"name": "${name}"\n\t},\n\t"localEndpoints": ${localEndpoints},\n\t"serviceProxyHealthy": ${proxyHealthy}\n}`
  return { code: localEndpoints > 0 && proxyHealthy ? 200 : 503, body: text }
}
