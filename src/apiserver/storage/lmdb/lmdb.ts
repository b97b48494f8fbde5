/**
 * The embedded store: state in memory by the multi-version core, durable in a journal and in LMDB. A write resolves, and is
 * seen by anyone, only after it is in the journal on disk (journal.ts); LMDB takes over what the journal holds when that is
 * full and when the store is closed (committer.ts). What a journal still holds is taken over when the store is opened.
 *
 * Layout: database "kv" holds keys and values (records.ts); "meta" holds the revision up to which it has every change, and
 * the layout's number. Checksums of all of it are checked when the store is opened. History is not kept over a restart:
 * readers of old revisions begin anew, as after a compaction.
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Database } from 'lmdb'
import type { Clock, Logger } from '../../../base/env.ts'
import type { KVStore } from '../store.ts'
import { storeOver } from '../memory/base.ts'
import { Quota, quotaOf } from '../memory/quota.ts'
import type { StoredValue } from '../memory/mvcc.ts'
import { firstRevision, MvccCore } from '../memory/mvcc.ts'
import { Committer, type Databases, heard, transaction } from './committer.ts'
import { DamageError } from './damage.ts'
import { Journal, openJournalFiles, readJournal } from './journal-files.ts'
import { changesBehind } from './journal.ts'
import { ownFolder } from './owner.ts'
import { hasTodaysForm, headerOf, layout, pack, unpack } from './records.ts'

export interface LmdbOptions {
  /** A folder of its own; made if it is missing. */
  readonly path: string
  readonly clock: Clock
  /** Address space to begin with, in bytes; it grows by itself. Default 64 GiB. */
  readonly mapSize?: number
  /** Keys and values may take so many bytes; beyond that only deletions are taken. 0, the default: 8 GiB; less: no bound. */
  readonly quotaBytes?: number
  /** Leave out fsync: for tests and simulations whose data may be lost with the machine, not with the process. */
  readonly unsafeNoSync?: boolean
  /** Told when the quota is nearly or wholly used up, and when there is room again. */
  readonly log?: Logger
  /** Bytes that the journal may have before the database takes them over. Default 16 MiB. */
  readonly journalBytes?: number
}

const defaultMapSize = 64 * 1024 ** 3

function openDatabases(o: Omit<LmdbOptions, 'clock'>): Databases {
  const root = open({
    path: o.path, maxDbs: 4, mapSize: o.mapSize ?? defaultMapSize, encoding: 'binary', compression: false,
    overlappingSync: false, noSync: o.unsafeNoSync ?? false, noMemInit: true, cache: false, eventTurnBatching: false,
  })
  return {
    root, kv: root.openDB<Buffer, string>({ name: 'kv', encoding: 'binary' }), meta: root.openDB<number, string>({ name: 'meta', encoding: 'json' }),
  }
}

/**
 * Opens or makes the store. Throws when the folder cannot be used or somebody has it open, and DamageError when what is in it
 * cannot be right.
 */
export function openLmdbStore(o: LmdbOptions): KVStore {
  mkdirSync(o.path, { recursive: true, mode: 0o700 })
  const leave = ownFolder(o.path)
  try {
    const store = openOwned(o)
    const close = () => store.close().finally(leave)
    return { ...store, close }
  } catch (error) {
    leave()
    throw error
  }
}

function openOwned(o: LmdbOptions): KVStore {
  const databases = openDatabases(o)
  const kept = load(databases, () => readJournal(o.path))
  const { revision, values } = kept
  bringUpToDate(databases, kept)
  const core = new MvccCore(revision, revision)
  for (const value of values.values()) core.load(value)
  const journal = new Journal(openJournalFiles(o.path, { sync: o.unsafeNoSync !== true }), revision, o.journalBytes)
  const quota = new Quota(quotaOf(o.quotaBytes), o.log)
  return storeOver(core, o.clock, new Committer(core, databases, () => openDatabases(o), journal, o.clock), quota)
}

/** The database has everything afterwards, in today's layout. */
function bringUpToDate({ root, kv, meta }: Databases, { revision, values, changed }: Kept): void {
  const found = meta.get('layout')
  if (found === layout && changed.size === 0) return
  root.transactionSync(() => {
    for (const key of hasTodaysForm(found) ? changed : values.keys()) {
      const value = values.get(key)
      if (value !== undefined) kv.putSync(key, pack(value))
    }
    for (const key of changed) if (!values.has(key)) kv.removeSync(key)
    meta.putSync('revision', revision)
    meta.putSync('layout', layout)
  })
}

const readAttempts = 20

/** What a store holds, as one moment shows it, though another process may be writing. Throws as `openLmdbStore` does. */
export async function readLmdb(path: string): Promise<{ revision: number; items: StoredValue[] }> {
  const root = open({ path, maxDbs: 4, encoding: 'binary', readOnly: true, cache: false })
  try {
    const kv = root.openDB<Buffer, string>({ name: 'kv', encoding: 'binary' }) as Database<Buffer, string> | undefined
    const meta = root.openDB<number, string>({ name: 'meta', encoding: 'json' }) as Database<number, string> | undefined
    if (kv === undefined || meta === undefined) throw new DamageError('there is no store in this folder')
    for (let attempt = 1; ; attempt++) {
      try {
        const { revision, values } = load({ root, kv, meta }, () => readJournal(path))
        return { revision, items: [...values.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) }
      } catch (error) {
        // A journal that is written while it is read may look broken; the database may have taken it over meanwhile.
        if (!(error instanceof DamageError) || attempt === readAttempts) throw error
        await new Promise((resolve) => { setTimeout(resolve, 20) })
      }
    }
  } finally {
    await root.close()
  }
}

/** Fills an empty folder with what a snapshot holds, revisions included. Throws when there is a store already. */
export async function fillLmdb(path: string, revision: number, items: readonly StoredValue[]): Promise<void> {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const leave = ownFolder(path)
  const { root, kv, meta } = openDatabases({ path })
  try {
    if (meta.get('revision') !== undefined || readJournal(path).some(({ length }) => length > 0)) throw new Error('there is a store in this folder already')
    await transaction(root, () => {
      for (const item of items) heard(kv.put(item.key, pack(item)))
      heard(meta.put('layout', layout))
      heard(meta.put('revision', revision))
    })
  } finally {
    await root.close()
    leave()
  }
}

/**
 * Writes the database anew without the room that nothing uses any more. Nobody may have the store open. A crash leaves the
 * old file or the new one, each whole. Answers the sizes in bytes.
 */
export async function defragmentLmdb(path: string): Promise<{ readonly before: number; readonly after: number }> {
  const leave = ownFolder(path)
  const folder = join(path, 'defragmented')
  const copy = join(folder, 'data.mdb')
  const data = join(path, 'data.mdb')
  try {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { mode: 0o700 })
    const before = statSync(data).size
    const databases = openDatabases({ path })
    try {
      // What cannot be read is damage, of which no copy is to be made.
      bringUpToDate(databases, load(databases, () => readJournal(path)))
      await databases.root.flushed
      await databases.root.backup(folder, true)
    } finally {
      await databases.root.close()
    }
    syncPath(copy)
    renameSync(copy, data)
    syncPath(path)
    rmSync(folder, { recursive: true, force: true })
    return { before, after: statSync(data).size }
  } finally {
    leave()
  }
}

function syncPath(path: string): void {
  const fd = openSync(path, 'r')
  fsyncSync(fd)
  closeSync(fd)
}

interface Kept {
  readonly revision: number
  readonly values: Map<string, StoredValue>
  /** Keys whose value is not what the database holds. */
  readonly changed: ReadonlySet<string>
}

/** What the database holds, and over it what the journal does. */
function load({ root, kv, meta }: Databases, journal: () => readonly Buffer[]): Kept {
  const read = root.useReadTransaction()
  try {
    let revision = meta.get('revision', { transaction: read }) ?? firstRevision
    const header = headerOf(meta.get('layout', { transaction: read }))
    const values = new Map<string, StoredValue>()
    for (const { key, value } of kv.getRange({ transaction: read })) values.set(key, unpack(key, value, header))
    const changed = new Set<string>()
    for (const change of changesBehind(journal(), revision)) {
      if (change.next === undefined) values.delete(change.key)
      else values.set(change.key, change.next)
      changed.add(change.key)
      revision = change.revision
    }
    for (const { key, createRevision, modRevision } of values.values()) {
      if (createRevision <= modRevision && modRevision <= revision && createRevision > 0) continue
      throw new DamageError(`${key} was changed at revision ${modRevision} and the store is at ${revision}`)
    }
    return { revision, values, changed }
  } finally {
    read.done()
  }
}
