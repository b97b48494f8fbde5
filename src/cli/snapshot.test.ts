import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isProtobuf } from '../api/codec/protobuf.ts'
import { etcdMissing, startTestEtcd } from '../apiserver/storage/etcd/testing.ts'
import { openEtcdStore } from '../apiserver/storage/etcd/etcd.ts'
import { openLmdbStore } from '../apiserver/storage/lmdb/lmdb.ts'
import { startTestServer } from '../apiserver/testing.ts'
import { systemClock } from '../base/real/env.ts'
import { type Command, parseFlags } from './command.ts'
import { command } from './snapshot.ts'

const folder = mkdtempSync(join(tmpdir(), 'snapshot-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = (name: string): string => join(folder, name)

async function run(name: string, ...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const sub: Command = command.commands!.find((each) => each.name === name)!
  const { values, args } = parseFlags(sub.flags ?? [], words)
  let out = ''
  let err = ''
  const code = await sub.run!({ flags: values, args, stdout: (text) => { out += text }, stderr: (text) => { err += text } })
  return { code, out, err }
}

const uidsOf = async (server: Awaited<ReturnType<typeof startTestServer>>): Promise<string[]> => {
  const { json } = await server.call('GET', '/api/v1/namespaces/default/configmaps?labelSelector=mine')
  return (json['items'] as { metadata: { name: string; uid: string } }[]).map(({ metadata }) => `${metadata.name} ${metadata.uid}`)
}

async function fill(dataDir: string): Promise<string[]> {
  const server = await startTestServer({ dataDir })
  for (let i = 0; i < 20; i++) {
    await server.call('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: `c-${i}`, labels: { mine: '' } }, data: { key: `${i}` } }, headers: { 'content-type': 'application/json' } })
  }
  const uids = await uidsOf(server)
  // While the server runs.
  expect(await run('save', path('first.snapshot'), '--data-dir', dataDir)).toMatchObject({ code: 0, out: expect.stringMatching(/^saved \d+ keys at revision \d+/) })
  await server.stop()
  return uids
}

describe('snapshots of a server', () => {
  it('go from a running store into an empty one, through etcd and back, and are checked', { timeout: 60_000 }, async ({ skip }) => {
    const uids = await fill(path('a'))
    expect(uids).toHaveLength(20)
    expect((await run('verify', path('first.snapshot'))).code).toBe(0)
    expect((await run('verify', '--data-dir', path('a'))).code).toBe(0)
    expect((await run('restore', path('first.snapshot'), '--data-dir', path('b'))).code).toBe(0)
    await expect(run('restore', path('first.snapshot'), '--data-dir', path('b'))).rejects.toThrow('there is a store in this folder already')
    const second = await startTestServer({ dataDir: path('b') })
    expect(await uidsOf(second)).toEqual(uids)
    await second.stop()

    skip(etcdMissing() !== undefined, etcdMissing())
    const etcd = await startTestEtcd()
    try {
      expect((await run('restore', path('first.snapshot'), '--etcd-servers', etcd.endpoint)).code).toBe(0)
      const store = openEtcdStore({ endpoints: [etcd.endpoint], clock: systemClock })
      expect(isProtobuf((await store.get('/registry/configmaps/default/c-1')).item!.value)).toBe(true)
      await store.close()
      expect((await run('save', path('etcd.snapshot'), '--etcd-servers', etcd.endpoint)).code).toBe(0)
      await expect(run('restore', path('first.snapshot'), '--etcd-servers', etcd.endpoint)).rejects.toThrow('/registry/ is not empty')
    } finally {
      await etcd.stop()
    }
    expect((await run('restore', path('etcd.snapshot'), '--data-dir', path('c'))).code).toBe(0)
    const third = await startTestServer({ dataDir: path('c') })
    expect(await uidsOf(third)).toEqual(uids)
    await third.stop()
  })

  it('tell damage of a file and of a store', async () => {
    const store = openLmdbStore({ path: path('d'), clock: systemClock })
    await store.create('/registry/x', Buffer.from('needle'.repeat(30)))
    await store.close()
    expect((await run('save', path('d.snapshot'), '--data-dir', path('d'))).code).toBe(0)
    const damaged = (file: string) => {
      const bytes = readFileSync(file)
      bytes[bytes.lastIndexOf('needle')]! ^= 1
      writeFileSync(file, bytes)
    }
    damaged(path('d.snapshot'))
    expect(await run('verify', path('d.snapshot'))).toMatchObject({ code: 1, err: expect.stringContaining('its checksum does not fit') })
    damaged(join(path('d'), 'data.mdb'))
    expect(await run('verify', '--data-dir', path('d'))).toMatchObject({ code: 1, err: expect.stringContaining('the checksum of /registry/x does not fit') })
    expect(() => openLmdbStore({ path: path('d'), clock: systemClock })).toThrow('restore it from a snapshot')
  })
})
