/** `coxswain snapshot save`, `restore`, `verify` and `defrag`: the state of a cluster as a file, from one store into another, and in less room. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { upstreamValue } from '../apiserver/backup/convert.ts'
import { SnapshotError, type SnapshotItem, readSnapshot, writeSnapshot } from '../apiserver/backup/snapshot.ts'
import type { EtcdOptions } from '../apiserver/storage/etcd/connection.ts'
import type { KVStore } from '../apiserver/storage/store.ts'
import { systemClock } from '../base/real/env.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { storeFlags } from './flags/snapshot.ts'

export const command: Command = {
  name: 'snapshot',
  summary: 'Save, restore and check the state of a cluster',
  commands: [
    {
      name: 'save', arguments: 'FILE', flags: storeFlags, run: save,
      summary: 'Write what a store holds into a file; the server may run meanwhile',
      description: 'Example: coxswain snapshot save cluster.snapshot --data-dir ./data',
    },
    {
      name: 'restore', arguments: 'FILE', flags: storeFlags, run: restore,
      summary: 'Fill an empty store from a file',
      description: [
        'Our own store takes the revisions over. An etcd gives its own, and gets values in the form that kube-apiserver stores.',
        'Saved from the one and restored into the other, a cluster moves between our store and etcd.',
        '', 'Example: coxswain snapshot restore cluster.snapshot --etcd-servers http://127.0.0.1:2379',
      ].join('\n'),
    },
    {
      name: 'verify', arguments: '[FILE]', flags: storeFlags, run: verify,
      summary: 'Check a file, or with --data-dir a store, for damage',
      description: 'Example: coxswain snapshot verify cluster.snapshot',
    },
    {
      name: 'defrag', flags: storeFlags, run: defrag,
      summary: 'Give room that a store no longer uses back to the disk',
      description: 'Our own store must not be open meanwhile; the members of an etcd are asked one after another, and alarms of\nthose whose quota was used up are taken back.\n\nExample: coxswain snapshot defrag --data-dir ./data',
    },
  ],
}

function fileOf({ args }: Invocation): string {
  const [file] = args
  if (file === undefined || args.length > 1) throw new UsageError('name one file')
  return file
}

function dataDir(flags: FlagValues): string | undefined {
  const dir = flags.string('data-dir')
  if ((dir === undefined) === (flags.list('etcd-servers').length === 0)) throw new UsageError('say which store: --data-dir or --etcd-servers')
  return dir
}

function etcdOptions(flags: FlagValues): EtcdOptions {
  return { endpoints: flags.list('etcd-servers'), clock: systemClock, caFile: flags.string('etcd-cafile'), certFile: flags.string('etcd-certfile'), keyFile: flags.string('etcd-keyfile') }
}

async function openEtcd(flags: FlagValues): Promise<KVStore> {
  const { openEtcdStore } = await import('../apiserver/storage/etcd/etcd.ts')
  return openEtcdStore(etcdOptions(flags))
}

interface Contents {
  readonly revision: number
  readonly items: readonly SnapshotItem[]
}

async function readOwn(path: string): Promise<Contents> {
  if (!existsSync(join(path, 'data.mdb'))) throw new UsageError(`there is no store in ${path}`)
  const { readLmdb } = await import('../apiserver/storage/lmdb/lmdb.ts')
  return readLmdb(path)
}

const pageSize = 500
/** Events live for an hour; etcd does not tell when one of them ends. */
const eventsEndMs = 60 * 60_000

async function readEtcd(flags: FlagValues): Promise<Contents> {
  const store = await openEtcd(flags)
  try {
    const revision = await store.revision()
    const items: SnapshotItem[] = []
    for (let after: string | undefined, more = true; more;) {
      const page = await store.list('/registry/', { revision, limit: pageSize, ...(after === undefined ? {} : { after }) })
      for (const item of page.items) items.push(item.key.startsWith('/registry/events/') ? { ...item, expiresAt: systemClock.now() + eventsEndMs } : item)
      after = page.items.at(-1)?.key
      more = page.more
    }
    return { revision, items }
  } finally {
    await store.close()
  }
}

async function save(invocation: Invocation): Promise<number> {
  const { flags, stdout } = invocation
  const file = fileOf(invocation)
  const dir = dataDir(flags)
  const { revision, items } = dir === undefined ? await readEtcd(flags) : await readOwn(dir)
  // The file appears when it is whole. It holds secrets.
  const unfinished = `${file}.unfinished`
  writeFileSync(unfinished, '', { mode: 0o600 })
  for (const chunk of writeSnapshot(revision, items)) writeFileSync(unfinished, chunk, { flag: 'a' })
  renameSync(unfinished, file)
  stdout(`saved ${items.length} keys at revision ${revision} to ${file}\n`)
  return 0
}

async function restore(invocation: Invocation): Promise<number> {
  const { flags, stdout } = invocation
  const file = fileOf(invocation)
  const dir = dataDir(flags)
  const { revision, items } = readSnapshot(readFileSync(file))
  if (dir !== undefined) {
    const { fillLmdb } = await import('../apiserver/storage/lmdb/lmdb.ts')
    await fillLmdb(dir, revision, items)
    stdout(`restored ${items.length} keys at revision ${revision} into ${dir}\n`)
    return 0
  }
  const store = await openEtcd(flags)
  try {
    if (await store.count('/registry/') > 0) throw new Error('the etcd holds a cluster already: /registry/ is not empty')
    const restored = await fillEtcd(store, items)
    stdout(`restored ${restored} keys into etcd, with values as kube-apiserver stores them; revisions are etcd's own\n`)
  } finally {
    await store.close()
  }
  return 0
}

async function fillEtcd(store: KVStore, items: readonly SnapshotItem[]): Promise<number> {
  let restored = 0
  for (let at = 0; at < items.length; at += 32) {
    await Promise.all(items.slice(at, at + 32).map(async ({ key, value, expiresAt }) => {
      const ttlSeconds = expiresAt === undefined ? undefined : Math.ceil((expiresAt - systemClock.now()) / 1000)
      if (ttlSeconds !== undefined && ttlSeconds <= 0) return
      const result = await store.create(key, upstreamValue(key, value), { ttlSeconds })
      if (!result.ok) throw new Error(`${key} is there already: somebody else writes to this etcd`)
      restored++
    }))
  }
  return restored
}

async function verify({ args, flags, stdout, stderr }: Invocation): Promise<number> {
  const dir = flags.string('data-dir')
  if ((dir === undefined) === (args[0] === undefined)) throw new UsageError('name a file, or a store with --data-dir')
  try {
    const { revision, items } = dir === undefined ? readSnapshot(readFileSync(args[0]!)) : await readOwn(dir)
    stdout(`${dir ?? args[0]} is whole: ${items.length} keys at revision ${revision}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof SnapshotError) && (error as Error).name !== 'DamageError') throw error
    stderr(`error: ${(error as Error).message}\n`)
    return 1
  }
}

async function defrag({ args, flags, stdout }: Invocation): Promise<number> {
  if (args.length > 0) throw new UsageError('name a store with --data-dir or --etcd-servers')
  const dir = dataDir(flags)
  if (dir !== undefined) {
    if (!existsSync(join(dir, 'data.mdb'))) throw new UsageError(`there is no store in ${dir}`)
    const { defragmentLmdb } = await import('../apiserver/storage/lmdb/lmdb.ts')
    const { before, after } = await defragmentLmdb(dir)
    stdout(`${dir}: ${before} bytes before, ${after} now\n`)
    return 0
  }
  const { defragmentMember, disarmNoSpace } = await import('../apiserver/storage/etcd/defragment.ts')
  for (const endpoint of flags.list('etcd-servers')) {
    const { before, after } = await defragmentMember({ ...etcdOptions(flags), endpoints: [endpoint] })
    stdout(`${endpoint}: ${before} bytes before, ${after} now\n`)
  }
  for (const member of await disarmNoSpace(etcdOptions(flags))) stdout(`member ${member} had used up its quota, and takes writes again\n`)
  return 0
}
