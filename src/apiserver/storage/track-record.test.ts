/**
 * The thirteen correctness issues that etcd's robustness tests list (etcd-io/etcd, tests/robustness/README.md), each held
 * against our own stores: by a test, or by the reason why it has no place here; and against etcd behind our client, and our
 * own server of etcd's API. Random histories (histories.test.ts) look for the same on memory, lmdb and etcd.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../base/real/env.ts'
import { openEtcdStore } from './etcd/etcd.ts'
import { etcdMissing, startTestEtcd } from './etcd/testing.ts'
import { openLmdbStore } from './lmdb/lmdb.ts'
import { createMemoryStore } from './memory/memory.ts'
import { createEtcdServer } from './server/server.ts'
import type { KVStore, RevisionBatch } from './store.ts'
import { CompactedError } from './store.ts'
import { Ledger, damage, runWriter } from './testing/crashes.ts'

const folders: string[] = []
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'coxswain-record-'))
  folders.push(path)
  return path
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
})

const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Reads batches until `enough` says so; whatever was read is answered. */
async function read(store: KVStore, from: number, enough: (batches: readonly RevisionBatch[]) => boolean, pause?: () => Promise<void>): Promise<RevisionBatch[]> {
  const stop = new AbortController()
  const batches: RevisionBatch[] = []
  for await (const batch of store.watch('/k/', from, stop.signal)) {
    batches.push(batch)
    if (enough(batches)) break
    await pause?.()
  }
  return batches
}

const eventsOf = (batches: readonly RevisionBatch[]) => batches.flatMap(({ revision, events }) => events.map(({ type, key }) => `${revision} ${type} ${key}`))

interface Backend {
  open(): KVStore
  close(): Promise<void>
}

const alone = (open: () => KVStore) => (): Promise<Backend> => Promise.resolve({ open, close: () => Promise.resolve() })

/** A part of the keys for each test. */
const overTheWire = (endpoint: string, close: () => Promise<void>): Backend => {
  let tests = 0
  return { open: () => openEtcdStore({ endpoints: [endpoint], clock: systemClock, prefix: `/t${++tests}` }), close }
}

async function startEtcd(): Promise<Backend> {
  const { endpoint, stop } = await startTestEtcd(['--unsafe-no-fsync'])
  return overTheWire(endpoint, stop)
}

async function startOurs(): Promise<Backend> {
  const store = createMemoryStore({ clock: systemClock })
  const server = createEtcdServer({ store, clock: systemClock, addresses: ['127.0.0.1:0'] })
  const [port] = await server.start()
  return overTheWire(`http://127.0.0.1:${port}`, async () => {
    await server.stop()
    await store.close()
  })
}

const backends: readonly (readonly [string, () => Promise<Backend>])[] = [
  ['memory', alone(() => createMemoryStore({ clock: systemClock }))], ['lmdb', alone(() => openLmdbStore({ path: folder(), clock: systemClock }))],
  ['our server of etcd\'s API', startOurs], ...(etcdMissing() === undefined ? [['etcd', startEtcd] as const] : []),
]

describe.each(backends)('etcd\'s track record: %s', (_name, start) => {
  let backend: Backend
  beforeAll(async () => { backend = await start() })
  afterAll(() => backend.close())

  async function withStore(run: (store: KVStore) => Promise<void>): Promise<void> {
    const store = backend.open()
    try {
      await run(store)
    } finally {
      await store.close()
    }
  }

  it('#15220: a progress mark is not ahead of the events of its watch', () => withStore(async (store) => {
    const start = await store.revision()
    const watched = read(store, start, (batches) => eventsOf(batches).length === 200)
    for (let i = 0; i < 200; i++) {
      void store.create(`/k/${i}`, bytes('x'))
      void store.requestProgress()
      if (i % 10 === 0) await store.create(`/other/${i}`, bytes('x'))
    }
    let seen = start
    const written = (await watched).map(({ revision, events }) => {
      expect(revision).toBeGreaterThanOrEqual(seen)
      if (events.length > 0) expect(revision).toBeGreaterThan(seen)
      return (seen = revision)
    })
    expect(written.length).toBeGreaterThanOrEqual(200)
  }))

  it('#15271: a watch that begins again does not go back in time', () => withStore(async (store) => {
    const revisions: number[] = []
    for (let i = 0; i < 10; i++) revisions.push((await store.create(`/k/${i}`, bytes('x'))).revision)
    const first = await read(store, revisions[0]!, (batches) => batches.length === 4)
    const again = await read(store, first.at(-1)!.revision, (batches) => batches.length === 5)
    expect([...first, ...again].map(({ revision }) => revision)).toEqual(revisions.slice(1))
  }))

  it('#17247: an event is told once', () => withStore(async (store) => {
    const start = await store.revision()
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => store.create(`/k/${i % 10}`, bytes(String(i)))))
    const made = results.filter(({ ok }) => ok)
    expect(made).toHaveLength(10)
    expect(new Set(eventsOf(await read(store, start, (batches) => eventsOf(batches).length === 10))).size).toBe(10)
  }))

  it('#17529: a watch that starves misses nothing', () => withStore(async (store) => {
    const start = await store.revision()
    let held = true
    const watched = read(store, start, (batches) => batches.length === 2000, async () => {
      while (held) await new Promise<void>((resolve) => { setImmediate(resolve) })
    })
    await Promise.all(Array.from({ length: 2000 }, (_, i) => store.create(`/k/${i}`, bytes('x'))))
    held = false
    const revisions = (await watched).map(({ revision }) => revision)
    expect(revisions).toEqual(Array.from({ length: 2000 }, (_, i) => start + 1 + i))
  }))

  it('#18089, #19179: a deletion at the compacted revision is told, or the watch is refused', () => withStore(async (store) => {
    const made = await store.create('/k/a', bytes('x'))
    const gone = await store.delete('/k/a', made.revision)
    await store.create('/k/b', bytes('x'))
    await store.compact(gone.revision)
    const told = await read(store, made.revision, (batches) => eventsOf(batches).length > 1).then(eventsOf, (error: unknown) => error)
    if (!(told instanceof CompactedError)) expect(told).toEqual([`${gone.revision} delete /k/a`, `${gone.revision + 1} put /k/b`])
    expect(eventsOf(await read(store, gone.revision, () => true))).toEqual([`${gone.revision + 1} put /k/b`])
  }))

  it('#18667: reads of a compacted revision fail whole, whatever they ask', () => withStore(async (store) => {
    const made = await store.create('/k/a', bytes('x'))
    const next = await store.update('/k/a', bytes('y'), made.revision)
    await store.compact(next.revision)
    const { revision } = made
    for (const refused of [() => store.get('/k/a', { revision }), () => store.get('/none', { revision }), () => store.list('/none/', { revision })]) {
      await expect(refused()).rejects.toBeInstanceOf(CompactedError)
    }
    expect(Buffer.from((await store.get('/k/a', { revision: next.revision })).item!.value).toString()).toBe('y')
  }))

  it('#20221: a watch from the future is told nothing of what was before', () => withStore(async (store) => {
    const start = await store.revision()
    const watched = read(store, start + 3, (batches) => eventsOf(batches).length === 1)
    for (let i = 0; i < 4; i++) {
      await store.requestProgress()
      await store.create(`/k/${i}`, bytes('x'))
    }
    const batches = await watched
    expect(eventsOf(batches)).toEqual([`${start + 4} put /k/3`])
    expect(Math.min(...batches.map(({ revision }) => revision))).toBeGreaterThanOrEqual(start + 3)
  }))

  it('#14571: there are no users, roles or permissions in a store that could change what a write does', () => withStore(async (store) => {
    // Authorization is the API server's; every write of every client takes one path, so members cannot disagree about it.
    expect(Object.keys(store).filter((name) => /auth|user|role/i.test(name))).toEqual([])
    await Promise.resolve()
  }))
})

describe('etcd\'s track record: crashes of lmdb', () => {
  it('#13766, #14370: revision and data agree after a crash under load, and no acknowledged write is lost', async () => {
    const path = folder()
    const ledger = new Ledger()
    for (let round = 1; round <= 3; round++) {
      await runWriter(path, round, ledger, { killAfterMs: (acknowledged) => (acknowledged > 100 ? 0 : undefined) })
      expect(await damage(path, ledger)).toEqual([])
      const store = openLmdbStore({ path, clock: systemClock })
      const { items, revision } = await store.list('/')
      expect(Math.max(...items.map(({ modRevision }) => modRevision))).toBeLessThanOrEqual(revision)
      expect(await store.create(`/next/${round}`, bytes('x'))).toEqual({ ok: true, revision: revision + 1 })
      await store.close()
    }
  })

  it('#17780: compaction is not written, so a crash in it cannot take the revision back', async () => {
    const path = folder()
    const store = openLmdbStore({ path, clock: systemClock })
    const made = await store.create('/k/a', bytes('x'))
    const gone = await store.delete('/k/a', made.revision)
    await store.compact(gone.revision)
    // As after a crash: nothing was closed.
    const crashed = folder()
    cpSync(path, crashed, { recursive: true })
    await store.close()
    const after = openLmdbStore({ path: crashed, clock: systemClock })
    expect(await after.revision()).toBe(gone.revision)
    await after.close()
  })

  it('#14685: nothing is defragmented while the store is open: files are few, and their pages are used again', async () => {
    const path = folder()
    const store = openLmdbStore({ path, clock: systemClock, journalBytes: 200_000 })
    let { revision } = await store.create('/k/a', Buffer.alloc(100_000))
    for (let i = 0; i < 100; i++) ({ revision } = await store.update('/k/a', Buffer.alloc(100_000, i), revision))
    expect(await store.size()).toBeLessThan(2_000_000)
    expect(readdirSync(path).sort()).toEqual(['data.mdb', 'journal-0', 'journal-1', 'lock.mdb', 'owner'])
    await store.close()
    const sizes = readdirSync(path).filter((name) => name !== 'lock.mdb').map((name) => statSync(join(path, name)).size)
    expect(Math.max(...sizes)).toBeLessThan(2_000_000)
  })
})
