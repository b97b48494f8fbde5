/** Leases for keys that are to be forgotten, shared by keys of about the same age. Upstream: storage/etcd3/lease_manager.go. */
import type { Clock } from '../../../base/env.ts'

/** Keys that one lease may hold. */
const maxKeys = 1000
const maxReuseSeconds = 60
/** A lease lives this much longer than asked for, so that later keys can share it. */
const reuseShare = 0.05

interface Lease {
  readonly id: string
  readonly expiresAt: number
  readonly ttlSeconds: number
  keys: number
}

export class LeasePool {
  readonly #clock: Clock
  readonly #grant: (ttlSeconds: number) => Promise<string>
  #current: Promise<Lease> | undefined

  constructor(clock: Clock, grant: (ttlSeconds: number) => Promise<string>) {
    this.#clock = clock
    this.#grant = grant
  }

  /** The id of a lease that lives for at least `ttlSeconds`. */
  async get(ttlSeconds: number): Promise<string> {
    const reuse = Math.min(maxReuseSeconds, Math.floor(ttlSeconds * reuseShare))
    const current = await this.#current?.catch(() => undefined)
    if (current !== undefined && this.#fits(current, ttlSeconds, reuse)) {
      current.keys++
      return current.id
    }
    const granted = this.#make(ttlSeconds, reuse)
    this.#current = granted
    return (await granted).id
  }

  #fits(lease: Lease, ttlSeconds: number, reuse: number): boolean {
    const left = (lease.expiresAt - this.#clock.now()) / 1000
    return lease.keys < maxKeys && left >= ttlSeconds && left <= ttlSeconds + reuse
  }

  async #make(ttlSeconds: number, reuse: number): Promise<Lease> {
    const total = Math.max(1, Math.ceil(ttlSeconds)) + reuse
    const id = await this.#grant(total)
    return { id, expiresAt: this.#clock.now() + total * 1000, ttlSeconds: total, keys: 1 }
  }
}
