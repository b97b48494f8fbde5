/** Readers of a store's watch that are slower than its writers. */
import { expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { CompactedError, type RevisionBatch } from '../store.ts'
import { storeOver } from './base.ts'
import { MvccCore } from './mvcc.ts'
import { watchCore } from './watch.ts'

async function begun(limit: number) {
  const core = new MvccCore()
  const store = storeOver(core, systemClock)
  const stop = new AbortController()
  const watch = watchCore(core, '/k/', 1, stop.signal, limit)
  const first = watch.next()
  await store.create('/k/first', Buffer.from('x'))
  expect((await first).value).toMatchObject({ revision: 2 })
  return {
    core, store, watch,
    async write(count: number) {
      for (let i = 0; i < count; i++) {
        await store.create(`/k/${core.revision}`, Buffer.from('x'))
        if (i % 3 === 0) await store.create(`/other/${core.revision}`, Buffer.from('x'))
        await store.requestProgress()
      }
    },
    /** Reads until it is at the revision. */
    async read(revision: number): Promise<RevisionBatch[]> {
      const out: RevisionBatch[] = []
      while ((out.at(-1)?.revision ?? 0) < revision) out.push((await watch.next()).value as RevisionBatch)
      return out
    },
  }
}

it.each([1, 2, 7, 1000])('with a queue of %i a reader that is behind is told everything once, in order, and no progress that it has not made', async (limit) => {
  const { core, write, read, store } = await begun(limit)
  for (const count of [1, 5, 100, 3]) {
    await write(count)
    const reading = read(core.revision)
    // It is there, or asks again.
    const asking = setInterval(() => void store.requestProgress(), 1)
    const batches = await reading.finally(() => clearInterval(asking))
    const events = batches.flatMap(({ events: some }) => some.map(({ key }) => key))
    expect(events).toHaveLength(count)
    expect(new Set(events).size).toBe(count)
    const revisions = batches.map(({ revision }) => revision)
    expect([...revisions].sort((a, b) => a - b)).toEqual(revisions)
    expect(batches.findLast(({ events: some }) => some.length > 0)!.revision).toBeGreaterThanOrEqual(core.revision - 1)
  }
})

it('a reader that missed what was compacted is told so, behind what is queued for it', async () => {
  const { core, store, write, watch } = await begun(4)
  await write(100)
  await store.compact(core.revision - 10)
  const told: number[] = []
  const reading = (async () => { for await (const batch of watch) told.push(...batch.events.map(() => batch.revision)) })()
  await expect(reading).rejects.toBeInstanceOf(CompactedError)
  // Behind revision 3 a mark of progress is queued.
  expect(told).toEqual([3, 5, 6])
})

it('a reader that missed nothing is not disturbed by compaction', async () => {
  const { core, store, write, read } = await begun(4)
  await write(3)
  for (let i = 0; i < 50; i++) await store.create(`/elsewhere/${i}`, Buffer.from('x'))
  await store.compact(core.revision)
  await store.create('/k/last', Buffer.from('x'))
  expect((await read(core.revision)).flatMap(({ events }) => events)).toHaveLength(4)
})
