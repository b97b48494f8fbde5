/** Keeps one small server open for each Service with a health check node port. */
import type { Logger } from '../../base/env.ts'
import { serviceHealth } from './state.ts'
import { type PageServer, servePages } from './server/http.ts'

interface Check {
  port: number
  localEndpoints: number
  servers: PageServer[]
}

export class ServiceHealthChecks {
  readonly #addresses: readonly string[]
  readonly #log: Logger
  readonly #healthy: () => boolean
  readonly #checks = new Map<string, Check>()

  /** Listens on each of the addresses, the node-port addresses of one family. */
  constructor(addresses: readonly string[], log: Logger, healthy: () => boolean) {
    this.#addresses = addresses
    this.#log = log
    this.#healthy = healthy
  }

  /** Opens, closes and updates until what is served is what is wanted. A port that is in use is logged, and tried again next time. */
  async sync(wanted: ReadonlyMap<string, { port: number; localEndpoints: number }>): Promise<void> {
    for (const [key, check] of this.#checks) {
      if (wanted.get(key)?.port === check.port && check.servers.length > 0) continue
      this.#checks.delete(key)
      await Promise.all(check.servers.map((server) => server.close()))
    }
    for (const [key, { port, localEndpoints }] of wanted) {
      const known = this.#checks.get(key)
      if (known !== undefined) known.localEndpoints = localEndpoints
      else await this.#open(key, { port, localEndpoints, servers: [] })
    }
  }

  async #open(key: string, check: Check): Promise<void> {
    this.#checks.set(key, check)
    for (const address of this.#addresses) {
      try {
        check.servers.push(await servePages(address, check.port, () => {
          const { code, body } = serviceHealth(key, check.localEndpoints, this.#healthy())
          return { code, body, headers: { 'x-load-balancing-endpoint-weight': String(check.localEndpoints) } }
        }, { onlyIPv6: true }))
      } catch (error) {
        this.#log.error('could not open the health check port of a Service', { service: key, address, port: check.port, error })
      }
    }
  }

  close(): Promise<void> {
    return this.sync(new Map())
  }
}
