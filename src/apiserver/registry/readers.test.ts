/** Readers of a watch cache that do not read: what they hold, what they are told when they do, and when they are given up. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { WatchResponseEvent } from '../handler.ts'
import { Cached } from './cached.ts'
import type { HistoryLimits } from './history.ts'
import { WatchCache } from './watch-cache.ts'
import type { Watcher } from './watcher.ts'

const everything = { namespace: '' }
const all = { selection: everything, view: (cached: Cached) => cached }
const endless: HistoryLimits = { minAgeMs: 1e12, minEvents: 1, maxEvents: 1e6, maxBytes: 1e12 }

function cacheWith(limits: HistoryLimits, bytes = 100) {
  const cache = new WatchCache({ revision: 1, now: () => 0, limits })
  let revision = 1
  return {
    cache,
    /** One more write of one of a hundred objects; every seventh takes it away. */
    write() {
      revision++
      const name = `m-${revision % 100}`
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', resourceVersion: String(revision) } }
      const gone = revision % 7 === 0 && cache.get(`default/${name}`) !== undefined
      cache.apply(revision, `default/${name}`, gone ? undefined : new Cached(object, `default/${name}`, revision, bytes))
      return revision
    },
  }
}

/** What the reader is told until nothing is ready for it, as batches of revisions. */
async function readAll(watcher: Watcher): Promise<number[][]> {
  const out: number[][] = []
  const reader = watcher[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([reader.next(), new Promise<undefined>((resolve) => { setImmediate(() => resolve(undefined)) })])
    if (next === undefined || next.done === true) return out
    out.push(next.value.map(revisionOf))
  }
}

const revisionOf = ({ object }: WatchResponseEvent): number => Number((object.metadata as { resourceVersion: string }).resourceVersion)
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

it('a reader that is far behind is told everything in order, a little at a time, and then what is new', async () => {
  const { cache, write } = cacheWith(endless)
  const watcher = cache.watch({ ...all, from: 1, limits: { events: 10, bytes: 1e9 } })
  for (let i = 0; i < 1000; i++) write()
  const batches = await readAll(watcher)
  expect(batches.flat()).toEqual(numbers(2, 1001))
  expect(Math.max(...batches.map(({ length }) => length))).toBe(10)
  const waiting = watcher[Symbol.asyncIterator]().next()
  write()
  expect((await waiting).value?.map(revisionOf)).toEqual([1002])
})

it('objects that are large come in smaller batches, at least one at a time', async () => {
  const { cache, write } = cacheWith(endless, 1000)
  const few = cache.watch({ ...all, from: 1, limits: { events: 10, bytes: 3500 } })
  const single = cache.watch({ ...all, from: 1, limits: { events: 10, bytes: 1 } })
  for (let i = 0; i < 20; i++) write()
  const batches = await readAll(few)
  expect(batches.flat()).toEqual(numbers(2, 21))
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(4)
  expect(await readAll(single)).toEqual(numbers(2, 21).map((revision) => [revision]))
})

it('whatever is written between its reads, no reader misses, repeats or reorders anything', async () => {
  const { cache, write } = cacheWith(endless)
  const readers = [1, 2, 3, 5, 8].map((events) => {
    const watcher = cache.watch({ ...all, from: 1, limits: { events, bytes: 1e9 } })
    return { watcher, reader: watcher[Symbol.asyncIterator](), seen: [] as number[], every: events * 2 - 1 }
  })
  for (let step = 1; step <= 500; step++) {
    write()
    for (const { reader, seen, every } of readers) {
      if (step % every !== 0) continue
      const { value } = await reader.next()
      seen.push(...(value ?? []).map(revisionOf))
    }
  }
  for (const { watcher, seen } of readers) expect([...seen, ...(await readAll(watcher)).flat()]).toEqual(numbers(2, 501))
})

it('begins with what is there, a little at a time, then its bookmark, then what was changed meanwhile', async () => {
  const { cache, write } = cacheWith(endless)
  for (let i = 0; i < 5; i++) write()
  const end = { type: 'BOOKMARK', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { resourceVersion: '6' } } } as const
  const watcher = cache.watch({ ...all, from: 6, prelude: { items: cache.page(everything).items, end }, limits: { events: 2, bytes: 1e9 } })
  // Revision 7 takes nothing away: there is no m-7.
  for (let i = 0; i < 4; i++) write()
  expect(await readAll(watcher)).toEqual([[2, 3], [4, 5], [6, 6], [7, 8], [9, 10]])
})

it('a reader that missed what is no longer remembered is dropped, others are not', async () => {
  const { cache, write } = cacheWith({ minAgeMs: 0, minEvents: 10, maxEvents: 100, maxBytes: 1e12 })
  const slow = cache.watch({ ...all, from: 1, limits: { events: 5, bytes: 1e9 } })
  const quick = cache.watch({ ...all, from: 1, limits: { events: 5, bytes: 1e9 } })
  const seen: number[] = []
  for (let i = 0; i < 300; i++) {
    write()
    if (i % 4 === 3) seen.push(...(await readAll(quick)).flat())
  }
  expect(slow.dropped).toBe(true)
  expect(await readAll(slow)).toEqual([])
  expect(seen).toEqual(numbers(2, 301))
  expect(cache.watches).toMatchObject({ size: 1, terminated: 1 })
})

it('a watch that is ended still tells what was before its end, unless that is forgotten by then', async () => {
  const { cache, write } = cacheWith({ minAgeMs: 0, minEvents: 10, maxEvents: 100, maxBytes: 1e12 })
  const [told, late] = [1, 2].map(() => cache.watch({ ...all, from: 1, limits: { events: 2, bytes: 1e9 } }))
  for (let i = 0; i < 10; i++) write()
  told!.close()
  late!.close()
  for (let i = 0; i < 10; i++) write()
  expect((await readAll(told!)).flat()).toEqual(numbers(2, 11))
  for (let i = 0; i < 300; i++) write()
  expect((await readAll(late!)).flat()).toEqual([2, 3])
})

it('a reader that is behind is told nothing of progress that it has not made', async () => {
  const { cache, write } = cacheWith(endless)
  const watcher = cache.watch({ ...all, from: 1, limits: { events: 2, bytes: 1e9 } })
  for (let i = 0; i < 5; i++) write()
  expect(watcher.push({ type: 'BOOKMARK', object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { resourceVersion: '6' } } })).toBe(false)
  expect((await readAll(watcher)).flat()).toEqual(numbers(2, 6))
})

it('five thousand readers that never read hold little, whatever is written and whatever they began with', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const { cache, write } = cacheWith({ minAgeMs: 1e12, minEvents: 100, maxEvents: 10_000, maxBytes: 1e12 })
  for (let i = 0; i < 100; i++) write()
  const { items } = cache.page(everything)
  const before = heap()
  const watchers = Array.from({ length: 5000 }, () => cache.watch({ ...all, from: cache.revision, prelude: { items } }))
  // Less than the history has room for: nobody is dropped.
  for (let i = 0; i < 5000; i++) write()
  const grown = heap() - before
  expect(cache.watches).toMatchObject({ size: 5000, terminated: 0 })
  expect(watchers.every((watcher) => watcher.behind)).toBe(true)
  // Twenty-five million events were not told. 256 of each reader are queued, 100 of which are what it began with.
  expect(grown / watchers.length).toBeLessThan(30_000)
  expect((await readAll(watchers[77]!)).flat().length).toBe(items.length + 5000)
})
