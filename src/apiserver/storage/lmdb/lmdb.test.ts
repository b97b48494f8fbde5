import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { storeSuite } from '../suite.ts'
import { openLmdbStore } from './lmdb.ts'

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

  it('has every acknowledged write after kill -9', async () => {
    const path = folder()
    const acknowledged = new Map<string, number>()
    for (let round = 0; round < 3; round++) {
      await crash(path, round, acknowledged)
      const store = openLmdbStore({ path, clock: systemClock })
      const { items, revision } = await store.list('/w/')
      const there = new Map(items.map((item) => [item.key, item.modRevision]))
      for (const [key, written] of acknowledged) expect(there.get(key), key).toBe(written)
      // Revisions have no holes: each write made one key.
      expect(new Set(there.values()).size).toBe(there.size)
      expect(revision).toBeGreaterThanOrEqual(Math.max(...acknowledged.values()))
      await store.close()
    }
    expect(acknowledged.size).toBeGreaterThan(100)
  })
})

/** Runs a writer in a process of its own and kills it in the middle of its work. */
async function crash(path: string, round: number, acknowledged: Map<string, number>): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let rest = ''
  let lines = 0
  child.stdout.on('data', (data: Buffer) => {
    rest += data.toString()
    const complete = rest.split('\n')
    rest = complete.pop()!
    for (const line of complete) {
      const [key, revision] = line.split(' ')
      acknowledged.set(key!, Number(revision))
    }
    lines += complete.length
    if (lines > 100) child.kill('SIGKILL')
  })
  await once(child, 'close')
}
