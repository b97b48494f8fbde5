/** The KVStore over an MvccCore; how a change becomes durable is the one thing that differs between its users. */
import type { Clock } from '../../../base/env.ts'
import type { KVStore, LocalStore, LocalWrite, StoreSnapshot, WriteResult } from '../store.ts'
import { Leases } from './leases.ts'
import type { Change, MvccCore } from './mvcc.ts'
import { Quota } from './quota.ts'
import { watchCore } from './watch.ts'

/** Makes changes durable. Called with each applied change; resolves when it is visible (`core.publish` was called). */
export interface Durability {
  commit(change: Change): Promise<void>
  /** Resolves when everything applied so far is visible or given up. */
  settled(): Promise<void>
  size(): number
  close(): Promise<void>
}

/** The store over a core. Without `durability` changes are visible at once and last as long as the process. */
export function storeOver(core: MvccCore, clock: Clock, durability: Durability = fleeting(core), quota = new Quota(Infinity)): KVStore {
  const leases = new Leases(clock, (key, modRevision) => {
    write({ type: 'delete', key, expectedRevision: modRevision }).catch(() => undefined)
  })
  for (const value of core.expiring()) leases.add(value)

  async function write(op: LocalWrite): Promise<WriteResult> {
    quota.admit(core.bytes, op.type === 'delete')
    const applied = core.apply(op, clock.now())
    if (!applied.ok) {
      const at = core.head
      // The refusal may rest on a change that nobody may see yet, or never will.
      if (at !== core.revision) await durability.settled()
      return core.revision < at ? write(op) : { ok: false, current: applied.current, revision: at }
    }
    await durability.commit(applied.change)
    quota.told(core.bytes)
    if (applied.change.next?.expiresAt !== undefined) leases.add(applied.change.next)
    return { ok: true, revision: applied.change.revision }
  }

  const local: LocalStore = {
    revision: () => core.revision,
    entries: (prefix) => core.range(prefix).items,
    subscribe: (prefix, onEvent) => core.subscribe(prefix, onEvent),
    write,
    snapshot: () => snapshotOf(core.fork()),
  }
  return {
    local,
    revision: () => Promise.resolve(core.revision),
    get: async (key, o = {}) => ({ item: core.get(key, o.revision), revision: core.revision }),
    async list(prefix, o = {}) {
      const { items, remaining } = core.range(prefix, o)
      return { items, remaining, more: remaining > 0, revision: o.revision ?? core.revision }
    },
    count: async (prefix) => core.count(prefix),
    create: (key, value, o = {}) => write({ type: 'create', key, value: () => value, ...o }),
    update: (key, value, expectedRevision, o = {}) => write({ type: 'update', key, value: () => value, expectedRevision, ...o }),
    delete: (key, expectedRevision) => write({ type: 'delete', key, expectedRevision }),
    watch: (prefix, fromRevision, signal) => watchCore(core, prefix, fromRevision, signal),
    requestProgress: async () => core.progress(),
    compact: async (revision) => core.compact(revision),
    size: async () => durability.size(),
    space: () => ({ used: core.bytes, quota: quota.bytes }),
    async close() {
      leases.stop()
      await durability.close()
    },
  }
}

/** Nothing is kept. */
function fleeting(core: MvccCore): Durability {
  return {
    async commit(change) {
      core.publish([change])
    },
    settled: () => Promise.resolve(),
    size: () => core.bytes,
    close: () => Promise.resolve(),
  }
}

/** Of a core that nobody writes to any more. */
function snapshotOf(core: MvccCore): StoreSnapshot {
  return {
    revision: core.revision,
    entries: (prefix) => core.range(prefix).items,
    open: ({ clock }) => storeOver(core.fork(), clock),
  }
}
