/**
 * etcd's leases as far as the store has them: a key that is put under one is deleted by the store when its time is over.
 * A lease is not renewed: nobody who keeps Kubernetes' state does that.
 */
import type { Clock } from '../../../base/env.ts'
import { EtcdError, grpcCode } from './messages.ts'

export interface LeaseBook {
  /** Its id and length; `id` 0: the book chooses one. */
  grant(seconds: number, id: number): { readonly id: number; readonly ttl: number }
  /** Seconds that are left. Throws when there is no such lease. */
  remaining(id: number): number
  /** The key belongs to this lease from now on (0: to none). */
  attach(key: string, id: number): void
  /** The key's lease, or 0. */
  of(key: string): number
  granted(id: number): number
  /** Forgets it and returns its keys, which are the caller's to delete. */
  revoke(id: number): readonly string[]
  keysOf(id: number): readonly string[]
  ids(): readonly number[]
}

interface Lease {
  readonly seconds: number
  readonly until: number
  readonly keys: Set<string>
}

export function createLeaseBook(clock: Clock): LeaseBook {
  const leases = new Map<number, Lease>()
  const keys = new Map<string, number>()
  let last = 0x1000

  function get(id: number): Lease {
    const lease = leases.get(id)
    if (lease === undefined || lease.until <= clock.now()) {
      if (lease !== undefined) drop(id, lease)
      throw new EtcdError(grpcCode.notFound, 'etcdserver: requested lease not found')
    }
    return lease
  }

  function drop(id: number, lease: Lease): void {
    leases.delete(id)
    for (const key of lease.keys) keys.delete(key)
  }

  return {
    grant(seconds, id) {
      for (const [old, lease] of leases) if (lease.until <= clock.now()) drop(old, lease)
      if (leases.has(id)) throw new EtcdError(grpcCode.failedPrecondition, 'etcdserver: lease already exists')
      const own = id > 0 ? id : (last += 1)
      const ttl = Math.max(1, seconds)
      leases.set(own, { seconds: ttl, until: clock.now() + ttl * 1000, keys: new Set() })
      return { id: own, ttl }
    },
    remaining: (id) => Math.max(1, Math.ceil((get(id).until - clock.now()) / 1000)),
    attach(key, id) {
      const before = keys.get(key)
      if (before === id || (before === undefined && id === 0)) return
      if (before !== undefined) leases.get(before)?.keys.delete(key)
      if (id === 0) {
        keys.delete(key)
        return
      }
      keys.set(key, id)
      leases.get(id)?.keys.add(key)
    },
    of: (key) => keys.get(key) ?? 0,
    granted: (id) => get(id).seconds,
    revoke(id) {
      const lease = get(id)
      const own = [...lease.keys]
      drop(id, lease)
      return own
    },
    keysOf: (id) => [...get(id).keys],
    ids: () => [...leases].filter(([, lease]) => lease.until > clock.now()).map(([id]) => id),
  }
}
