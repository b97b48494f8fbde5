import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { seededRandom } from '../../../base/virtual/random.ts'
import { storeSuite } from '../suite.ts'
import { Ledger, damage, killLoop, pointLoop, runWriter, straceMissing } from '../testing/crashes.ts'
import { defragmentLmdb, openLmdbStore } from './lmdb.ts'

const folders: string[] = []
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'coxswain-lmdb-'))
  folders.push(path)
  return path
}
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
})

storeSuite({
  name: 'lmdb',
  leaseSlackMs: 200,
  open: async () => openLmdbStore({ path: folder(), clock: systemClock }),
  passTime: (ms) => systemClock.sleep(ms),
})

describe('over a restart', () => {
  it('keeps values, revisions and leases', async () => {
    const path = folder()
    const first = openLmdbStore({ path, clock: systemClock })
    const made = await first.create('/a', Buffer.from('1'))
    await first.update('/a', Buffer.from('2'), made.revision)
    const gone = await first.create('/b', Buffer.from('x'))
    const last = await first.delete('/b', gone.revision)
    await first.create('/lease', Buffer.from('x'), { ttlSeconds: 0.05 })
    await first.close()
    const second = openLmdbStore({ path, clock: systemClock })
    const { item, revision } = await second.get('/a')
    expect(item).toMatchObject({ createRevision: made.revision, modRevision: made.revision + 1 })
    expect(Buffer.from(item!.value).toString()).toBe('2')
    expect(revision).toBeGreaterThanOrEqual(last.revision)
    expect((await second.get('/b')).item).toBeUndefined()
    await expect.poll(async () => (await second.get('/lease')).item).toBeUndefined()
    await second.close()
  })

  it('has every acknowledged write after each of ten kills', async () => {
    const { acknowledged, damage: found } = await killLoop(folder(), 10, seededRandom('kills').next)
    expect(found).toEqual([])
    expect(acknowledged).toBeGreaterThan(50)
  })
})

describe('a folder', () => {
  it('is one store\'s at a time; a copy of it, or what a killed process left, is nobody\'s', async () => {
    const path = folder()
    const store = openLmdbStore({ path, clock: systemClock })
    expect(() => openLmdbStore({ path, clock: systemClock })).toThrow(`another process (${process.pid}) has the store in ${path} open`)
    await expect(defragmentLmdb(path)).rejects.toThrow('has the store')
    const copy = folder()
    cpSync(path, copy, { recursive: true })
    await openLmdbStore({ path: copy, clock: systemClock }).close()
    await store.close()
    await openLmdbStore({ path, clock: systemClock }).close()
  })

  it('gives room back when it is defragmented, and nothing else', async () => {
    const path = folder()
    const store = openLmdbStore({ path, clock: systemClock, journalBytes: 100_000 })
    const made: number[] = []
    for (let i = 0; i < 60; i++) made.push((await store.create(`/k/${i}`, Buffer.alloc(50_000, i))).revision)
    for (let i = 1; i < 60; i++) await store.delete(`/k/${i}`, made[i]!)
    const revision = await store.revision()
    await store.close()
    const { before, after } = await defragmentLmdb(path)
    expect(after).toBeLessThan(before / 4)
    const again = openLmdbStore({ path, clock: systemClock })
    expect([await again.revision(), (await again.list('/')).items.map(({ key, value }) => [key, value.length])]).toEqual([revision, [['/k/0', 50_000]]])
    await again.close()
  })
})

describe.skipIf(straceMissing() !== undefined)('killed before each of its first writes to disk', () => {
  it('has every acknowledged write', { timeout: 60_000 }, async () => {
    const { kills, damage: found } = await pointLoop(folder(), 8)
    expect(found).toEqual([])
    expect(kills).toBeGreaterThan(14)
  })
})

describe('a disk', () => {
  it('that is full refuses writes, keeps what was acknowledged, and the process lives on', async () => {
    const path = folder()
    const ledger = new Ledger()
    // Files end at 600 kB: the system refuses what goes beyond in the middle of a commit.
    await runWriter(path, 1, ledger, { fileBlocks: 600, size: 20_000 })
    expect(ledger.writes.filter(({ failed }) => failed !== undefined).length).toBeGreaterThanOrEqual(20)
    expect(ledger.writes.find(({ failed }) => failed !== undefined)!.failed).toContain('the store could not write to disk')
    expect(ledger.acknowledged).toBeGreaterThan(10)
    expect(await damage(path, ledger)).toEqual([])
    // With room again it goes on where it was.
    await runWriter(path, 2, ledger, { killAfterMs: (acknowledged) => (acknowledged > 50 ? 0 : undefined) })
    expect(await damage(path, ledger)).toEqual([])
  })

  it.skipIf(straceMissing() !== undefined).each([
    ['refuses every seventh write', 'pwrite64:error=EIO:when=12+7'], ['has no room now and then', 'pwrite64:error=ENOSPC:when=9+5'],
    ['fails to sync', 'fdatasync:error=EIO:when=4+2'],
  ])('that %s: what was acknowledged is there, and what was refused is not', async (_name, inject) => {
    const path = folder()
    const ledger = new Ledger()
    const { signal } = await runWriter(path, 1, ledger, { limit: 600, inject: [inject] })
    expect(signal).toBeNull()
    expect(ledger.acknowledged).toBeGreaterThan(20)
    expect(await damage(path, ledger)).toEqual([])
    await runWriter(path, 2, ledger, { limit: 50 })
    expect(await damage(path, ledger)).toEqual([])
  })

  it.skipIf(straceMissing() !== undefined)('that is slow keeps everybody waiting and loses nothing', async () => {
    const path = folder()
    const ledger = new Ledger()
    await runWriter(path, 1, ledger, { limit: 150, inject: ['pwrite64,fdatasync:delay_exit=10000'] })
    expect(ledger.acknowledged).toBeGreaterThanOrEqual(150)
    expect(ledger.writes.filter(({ failed }) => failed !== undefined)).toEqual([])
    expect(await damage(path, ledger)).toEqual([])
  })

  it('over its quota takes deletions alone, and writes again behind them', async () => {
    const store = openLmdbStore({ path: folder(), clock: systemClock, quotaBytes: 500_000 })
    const made: { key: string; revision: number }[] = []
    let refused: unknown
    for (let i = 0; refused === undefined && i < 100; i++) {
      const result = await store.create(`/k/${i}`, Buffer.alloc(50_000, i)).catch((error: unknown) => { refused = error })
      if (result?.ok === true) made.push({ key: `/k/${i}`, revision: result.revision })
    }
    expect(String(refused)).toContain('etcdserver: mvcc: database space exceeded')
    expect((await store.list('/k/')).items).toHaveLength(made.length)
    for (const { key, revision } of made.splice(0, 5)) expect((await store.delete(key, revision)).ok).toBe(true)
    expect((await store.create('/k/again', Buffer.alloc(50_000))).ok).toBe(true)
    await store.close()
  })
})
