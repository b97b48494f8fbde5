/** How histories are run on each backend: stores, pauses and limits of time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../base/env.ts'
import { systemClock } from '../../../base/real/env.ts'
import { type SeededRandom, seededRandom } from '../../../base/virtual/random.ts'
import { openEtcdStore } from '../etcd/etcd.ts'
import { startTestEtcd } from '../etcd/testing.ts'
import { openLmdbStore } from '../lmdb/lmdb.ts'
import { createMemoryStore } from '../memory/memory.ts'
import type { KVStore } from '../store.ts'
import { type History, runHistory } from './history.ts'
import { violations } from './verify.ts'

export const backends = ['memory', 'lmdb', 'etcd'] as const
export type BackendName = (typeof backends)[number]

export interface Checked {
  readonly histories: number
  readonly operations: number
  /** Of the first history that may not be: its name and what is wrong. */
  readonly wrong?: { readonly history: string; readonly violations: readonly string[] }
}

/** A clock that stands still: memory stores without leases need none. */
const noClock: Clock = {
  now: () => 0, monotonic: () => 0, setTimeout: () => ({ cancel: () => undefined }), sleep: () => Promise.resolve(),
}

/** Some turns of the microtask queue: enough to mix clients of a store without I/O. */
async function microPause(random: SeededRandom): Promise<void> {
  for (let turns = random.int(6); turns > 0; turns--) await Promise.resolve()
}

/** A turn of the event loop, so that I/O goes on. */
async function realPause(random: SeededRandom): Promise<void> {
  if (random.int(3) === 0) await new Promise<void>((resolve) => { setImmediate(resolve) })
}

/** In turns of the queue, since no time passes. */
function withinTurns(): { over: Promise<'late'>; cancel(): void } {
  let cancelled = false
  const over = (async () => {
    for (let turn = 0; turn < 100_000 && !cancelled; turn++) await Promise.resolve()
    return 'late' as const
  })()
  return { over, cancel: () => { cancelled = true } }
}

function withinTime(ms: number): { over: Promise<'late'>; cancel(): void } {
  let timer: { cancel(): void }
  const over = new Promise<'late'>((resolve) => { timer = systemClock.setTimeout(() => resolve('late'), ms) })
  return { over, cancel: () => timer.cancel() }
}

export function memoryHistory(store: KVStore, seed: string): Promise<History> {
  return runHistory({ store, random: seededRandom(seed), prefix: `/${seed}/`, pause: microPause, within: withinTurns, operations: 60 })
}

/** Several at once on one store, of which one compacts now and then. */
function realHistories(store: KVStore, ids: readonly string[]): Promise<History[]> {
  const shared = { tick: 0, compactions: [] }
  return Promise.all(ids.map((id, i) => runHistory({
    store, random: seededRandom(id), prefix: `/${id}/`, pause: realPause, within: withinTime, clients: 6, operations: 60, shared, compactions: i === 0,
  })))
}

/** At once: enough that etcd's pauses do not count. */
const together = { memory: 1, lmdb: 4, etcd: 24 }

/** Runs histories until one is wrong. `from` is the number of the seed's first history (0); `progress` is called now and then. */
export async function checkBackend(name: BackendName, count: number, seed: string, { from = 0, progress }: { readonly from?: number; readonly progress?: (done: number) => void } = {}): Promise<Checked> {
  let operations = 0
  let done = 0
  const { store, close } = await openBackend(name)
  try {
    while (done < count) {
      const ids = Array.from({ length: Math.min(together[name], count - done) }, (_, i) => `${seed}-${from + done + i}`)
      const histories = store === undefined ? [await memoryHistory(createMemoryStore({ clock: noClock }), ids[0]!)] : await realHistories(store, ids)
      for (const history of histories) {
        operations += history.calls.length
        done++
        const wrong = violations(history, { exclusive: ids.length === 1, lateStart: name === 'etcd' })
        if (wrong.length > 0) return { histories: done, operations, wrong: { history: history.prefix, violations: wrong } }
      }
      progress?.(done)
    }
  } finally {
    await close()
  }
  return { histories: count, operations }
}

async function openBackend(name: BackendName): Promise<{ store?: KVStore; close(): Promise<void> }> {
  if (name === 'memory') return { close: () => Promise.resolve() }
  if (name === 'etcd') {
    const etcd = await startTestEtcd(['--unsafe-no-fsync'])
    const store = openEtcdStore({ endpoints: [etcd.endpoint], clock: systemClock })
    return {
      store,
      async close() {
        await store.close()
        await etcd.stop()
      },
    }
  }
  const path = mkdtempSync(join(tmpdir(), 'coxswain-histories-'))
  const store = openLmdbStore({ path, clock: systemClock, unsafeNoSync: true })
  return {
    store,
    async close() {
      await store.close()
      rmSync(path, { recursive: true, force: true })
    },
  }
}
