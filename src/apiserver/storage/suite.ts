/** What every store must do; memory, lmdb and etcd run it. A backend gives a fresh, empty store for each test. */
import { afterEach, describe, expect, it } from 'vitest'
import type { KVStore, RevisionBatch } from './store.ts'
import { CompactedError, FutureRevisionError } from './store.ts'

export interface Backend {
  readonly name: string
  /** A reason why this backend cannot be tested here. */
  readonly skip?: string
  open(): Promise<KVStore>
  /** Lets this much time pass for leases: moves the injected clock, or sleeps. */
  passTime(ms: number): Promise<void>
  /** Longest time until an expired key is gone, in ms (etcd checks now and then). */
  readonly leaseSlackMs: number
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const text = (value: Uint8Array | undefined): string | undefined => value === undefined ? undefined : Buffer.from(value).toString()

export function storeSuite(backend: Backend): void {
  describe.skipIf(backend.skip !== undefined)(`store: ${backend.name}${backend.skip === undefined ? '' : ` (${backend.skip})`}`, () => {
    let store: KVStore
    const opened: KVStore[] = []
    const open = async () => {
      store = await backend.open()
      opened.push(store)
      return store
    }
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.close()
    })
    writes(open)
    reads(open)
    watches(open)
    leases(open, backend)
  })
}

type Open = () => Promise<KVStore>

function writes(open: Open): void {
  it('gives each write the next revision', async () => {
    const s = await open()
    const start = await s.revision()
    expect(start).toBeGreaterThan(0)
    const a = await s.create('/a', bytes('1'))
    const b = await s.create('/b', bytes('1'))
    expect([a, b]).toEqual([{ ok: true, revision: start + 1 }, { ok: true, revision: start + 2 }])
    expect(await s.revision()).toBe(start + 2)
  })

  it('refuses to create what exists, and tells what is there', async () => {
    const s = await open()
    await s.create('/a', bytes('1'))
    const again = await s.create('/a', bytes('2'))
    expect(again.ok).toBe(false)
    expect(!again.ok && text(again.current?.value)).toBe('1')
  })

  it('updates only at the expected revision', async () => {
    const s = await open()
    const made = await s.create('/a', bytes('1'))
    const updated = await s.update('/a', bytes('2'), made.revision)
    expect(updated.ok).toBe(true)
    const late = await s.update('/a', bytes('3'), made.revision)
    expect(late.ok).toBe(false)
    expect(!late.ok && late.current).toMatchObject({ createRevision: made.revision, modRevision: updated.revision })
    expect(text((await s.get('/a')).item?.value)).toBe('2')
    expect((await s.update('/none', bytes('1'), 5)).ok).toBe(false)
  })

  it('deletes only at the expected revision', async () => {
    const s = await open()
    const made = await s.create('/a', bytes('1'))
    expect((await s.delete('/a', made.revision + 7)).ok).toBe(false)
    expect((await s.delete('/a', made.revision)).ok).toBe(true)
    expect((await s.get('/a')).item).toBeUndefined()
    const gone = await s.delete('/a', made.revision)
    expect(gone.ok).toBe(false)
    expect(!gone.ok && gone.current).toBeUndefined()
  })

  it('lets one of many concurrent updates win', async () => {
    const s = await open()
    const made = await s.create('/a', bytes('0'))
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => s.update('/a', bytes(String(i)), made.revision)))
    expect(results.filter((r) => r.ok)).toHaveLength(1)
  })

  it('keeps bytes as they are', async () => {
    const s = await open()
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    await s.create('/bytes', all)
    expect([...(await s.get('/bytes')).item!.value]).toEqual([...all])
    await s.create('/empty', new Uint8Array())
    expect((await s.get('/empty')).item!.value).toHaveLength(0)
  })
}

function reads(open: Open): void {
  it('lists in key order, by prefix, in pages', async () => {
    const s = await open()
    for (const key of ['/p/c', '/p/a', '/q/x', '/p/b', '/p', '/pz']) await s.create(key, bytes(key))
    const all = await s.list('/p/')
    expect(all.items.map((i) => i.key)).toEqual(['/p/a', '/p/b', '/p/c'])
    expect(all).toMatchObject({ more: false, remaining: 0, revision: await s.revision() })
    const first = await s.list('/p/', { limit: 2 })
    expect(first).toMatchObject({ more: true, remaining: 1 })
    const rest = await s.list('/p/', { limit: 2, after: first.items.at(-1)!.key })
    expect(rest.items.map((i) => i.key)).toEqual(['/p/c'])
    expect(rest.more).toBe(false)
    expect(await s.count('/p/')).toBe(3)
  })

  it('shows the past', async () => {
    const s = await open()
    const one = await s.create('/p/a', bytes('1'))
    await s.create('/p/b', bytes('1'))
    const two = await s.update('/p/a', bytes('2'), one.revision)
    await s.delete('/p/a', two.revision)
    expect(text((await s.get('/p/a', { revision: one.revision })).item?.value)).toBe('1')
    expect(text((await s.get('/p/a', { revision: two.revision })).item?.value)).toBe('2')
    expect((await s.get('/p/a')).item).toBeUndefined()
    const then = await s.list('/p/', { revision: two.revision })
    expect(then.items.map((i) => text(i.value))).toEqual(['2', '1'])
    expect((await s.list('/p/', { revision: one.revision })).items).toHaveLength(1)
  })

  it('forgets what is compacted, and knows no future', async () => {
    const s = await open()
    const one = await s.create('/p/a', bytes('1'))
    const two = await s.update('/p/a', bytes('2'), one.revision)
    const three = await s.update('/p/a', bytes('3'), two.revision)
    await s.compact(three.revision)
    await expect(s.get('/p/a', { revision: one.revision })).rejects.toBeInstanceOf(CompactedError)
    await expect(s.list('/p/', { revision: two.revision })).rejects.toBeInstanceOf(CompactedError)
    await expect(s.list('/p/', { revision: three.revision + 100 })).rejects.toBeInstanceOf(FutureRevisionError)
    expect(text((await s.get('/p/a')).item?.value)).toBe('3')
    await expect(firstOf(s.watch('/p/', one.revision, new AbortController().signal))).rejects.toBeInstanceOf(CompactedError)
  })
}

function watches(open: Open): void {
  it('sees every change once, in order, from where it began', async () => {
    const s = await open()
    const start = await s.revision()
    const one = await s.create('/p/a', bytes('1'))
    await s.create('/other', bytes('x'))
    const stop = new AbortController()
    const seen = collect(s.watch('/p/', start, stop.signal), 3)
    const two = await s.update('/p/a', bytes('2'), one.revision)
    await s.delete('/p/a', two.revision)
    const events = await seen
    stop.abort()
    expect(events.map((e) => [e.type, e.key, text(e.value), text(e.previous?.value)])).toEqual([
      ['put', '/p/a', '1', undefined], ['put', '/p/a', '2', '1'], ['delete', '/p/a', undefined, '2'],
    ])
    expect(events.map((e) => e.createRevision)).toEqual([one.revision, one.revision, one.revision])
  })

  it('tells progress when asked', async () => {
    const s = await open()
    const start = await s.revision()
    const stop = new AbortController()
    const watch = s.watch('/p/', start, stop.signal)[Symbol.asyncIterator]()
    const first = watch.next()
    await s.create('/other', bytes('x'))
    const target = await s.revision()
    // etcd passes over the request until the watch has caught up, which takes it a tenth of a second.
    for (let asked = 0; asked < 500; asked++) {
      await s.requestProgress()
      const batch = await Promise.race([first, new Promise<undefined>((resolve) => { setTimeout(() => resolve(undefined), 10) })])
      if (batch !== undefined) break
    }
    expect((await first).value).toMatchObject({ events: [] })
    expect(((await first).value as RevisionBatch).revision).toBeGreaterThanOrEqual(target - 1)
    stop.abort()
  })

  it('ends when it is aborted', async () => {
    const s = await open()
    const stop = new AbortController()
    const end = collect(s.watch('/p/', await s.revision(), stop.signal), 1)
    stop.abort()
    expect(await end).toEqual([])
  })
}

function leases(open: Open, backend: Backend): void {
  it('forgets a key when its time is over, unless it was written again', { timeout: 20_000 }, async () => {
    const s = await open()
    const start = await s.revision()
    const stop = new AbortController()
    await s.create('/p/short', bytes('1'), { ttlSeconds: 1 })
    const kept = await s.create('/p/kept', bytes('1'), { ttlSeconds: 1 })
    await s.update('/p/kept', bytes('2'), kept.revision)
    const seen = collect(s.watch('/p/', start, stop.signal), 4)
    await backend.passTime(1000 + backend.leaseSlackMs)
    const events = await seen
    stop.abort()
    expect(events.at(-1)).toMatchObject({ type: 'delete', key: '/p/short' })
    expect((await s.get('/p/short')).item).toBeUndefined()
    expect(text((await s.get('/p/kept')).item?.value)).toBe('2')
  })
}

async function firstOf(watch: AsyncIterable<RevisionBatch>): Promise<RevisionBatch | undefined> {
  for await (const batch of watch) return batch
  return undefined
}

async function collect(watch: AsyncIterable<RevisionBatch>, count: number): Promise<RevisionBatch['events'][number][]> {
  const events: RevisionBatch['events'][number][] = []
  for await (const batch of watch) {
    events.push(...batch.events)
    if (events.length >= count) break
  }
  return events
}
