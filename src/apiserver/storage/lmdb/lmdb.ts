/**
 * The embedded store: state in memory by the multi-version core, durable in LMDB. Writes that come while a commit is
 * under way share the next one (one fsync); a write resolves, and is seen by anyone, only after it is on disk.
 *
 * Layout: database "kv" holds key -> header (createRevision, modRevision, expiresAt as float64, CRC-32 of key and value)
 * and value; "meta" holds the last revision and the layout's number. All of it is checked when the store is opened. History
 * is not kept over a restart: readers of old revisions begin anew, as after a compaction.
 */
import { mkdirSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { open } from 'lmdb'
import type { Database, RootDatabase } from 'lmdb'
import type { Clock } from '../../../base/env.ts'
import type { KVStore } from '../store.ts'
import { storeOver } from '../memory/base.ts'
import type { Change, StoredValue } from '../memory/mvcc.ts'
import { firstRevision, MvccCore } from '../memory/mvcc.ts'

export interface LmdbOptions {
  /** A folder of its own; made if it is missing. */
  readonly path: string
  readonly clock: Clock
  /** Address space to begin with, in bytes; it grows by itself. Default 64 GiB. */
  readonly mapSize?: number
  /** Keys and values may take so many bytes; beyond that only deletions are taken. Default 8 GiB, which etcd advises not to exceed. */
  readonly quotaBytes?: number
  /** Leave out fsync: for tests and simulations whose data may be lost with the machine, not with the process. */
  readonly unsafeNoSync?: boolean
}

const layout = 2
const headerBytes = 28
/** Before checksums. */
const oldHeaderBytes = 24
const defaultMapSize = 64 * 1024 ** 3
const defaultQuota = 8 * 1024 ** 3
/** Changes that one commit takes; more wait for the next, so that nobody waits for a giant one. */
const maxBatch = 4096

interface Databases {
  readonly root: RootDatabase
  readonly kv: Database<Buffer, string>
  readonly meta: Database<number, string>
}

function openDatabases(o: LmdbOptions): Databases {
  mkdirSync(o.path, { recursive: true, mode: 0o700 })
  const root = open({
    path: o.path, maxDbs: 4, mapSize: o.mapSize ?? defaultMapSize, encoding: 'binary', compression: false,
    overlappingSync: false, noSync: o.unsafeNoSync ?? false, noMemInit: true, cache: false, eventTurnBatching: false,
  })
  return {
    root, kv: root.openDB<Buffer, string>({ name: 'kv', encoding: 'binary' }), meta: root.openDB<number, string>({ name: 'meta', encoding: 'json' }),
  }
}

/** Opens or makes the store. Throws when the folder cannot be used, and DamageError when what is in it cannot be right. */
export function openLmdbStore(o: LmdbOptions): KVStore {
  const { root, kv, meta } = openDatabases(o)
  const { revision, items } = load({ root, kv, meta })
  if (meta.get('layout') !== layout) {
    root.transactionSync(() => {
      for (const item of items) kv.putSync(item.key, pack(item))
      meta.putSync('layout', layout)
    })
  }
  const core = new MvccCore(revision, revision)
  for (const item of items) core.load(item)
  const committer = new Committer(core, root, kv, meta)
  return storeOver(core, o.clock, committer, o.quotaBytes ?? defaultQuota)
}

/** What a store holds, as one moment shows it, though another process may be writing. Throws as `openLmdbStore` does. */
export async function readLmdb(path: string): Promise<{ revision: number; items: StoredValue[] }> {
  const root = open({ path, maxDbs: 4, encoding: 'binary', readOnly: true, cache: false })
  try {
    const kv = root.openDB<Buffer, string>({ name: 'kv', encoding: 'binary' }) as Database<Buffer, string> | undefined
    const meta = root.openDB<number, string>({ name: 'meta', encoding: 'json' }) as Database<number, string> | undefined
    if (kv === undefined || meta === undefined) throw new DamageError('there is no store in this folder')
    return load({ root, kv, meta })
  } finally {
    await root.close()
  }
}

/** Fills an empty folder with what a snapshot holds, revisions included. Throws when there is a store already. */
export async function fillLmdb(path: string, revision: number, items: readonly StoredValue[]): Promise<void> {
  const { root, kv, meta } = openDatabases({ path, clock: { now: () => 0, monotonic: () => 0, setTimeout: () => ({ cancel: () => undefined }), sleep: () => Promise.resolve() } })
  try {
    if (meta.get('revision') !== undefined) throw new Error('there is a store in this folder already')
    await root.transaction(() => {
      for (const item of items) heard(kv.put(item.key, pack(item)))
      heard(meta.put('layout', layout))
      heard(meta.put('revision', revision))
    })
    await root.flushed
  } finally {
    await root.close()
  }
}

/** The disk does not hold what was written to it. */
export class DamageError extends Error {
  constructor(what: string) {
    super(`the store is damaged: ${what}; restore it from a snapshot (coxswain snapshot restore)`)
    this.name = 'DamageError'
  }
}

function load({ root, kv, meta }: Databases): { revision: number; items: StoredValue[] } {
  const transaction = root.useReadTransaction()
  try {
    const revision = meta.get('revision', { transaction }) ?? firstRevision
    const header = meta.get('layout', { transaction }) === layout ? headerBytes : oldHeaderBytes
    const items: StoredValue[] = []
    for (const { key, value } of kv.getRange({ transaction })) {
      const item = unpack(key, value, header)
      if (item.createRevision > item.modRevision || item.modRevision > revision || !(item.createRevision > 0)) {
        throw new DamageError(`${key} was changed at revision ${item.modRevision} and the store is at ${revision}`)
      }
      items.push(item)
    }
    return { revision, items }
  } finally {
    transaction.done()
  }
}

interface Waiting {
  readonly change: Change
  resolve(): void
  reject(error: unknown): void
}

class Committer {
  readonly #core: MvccCore
  readonly #root: RootDatabase
  readonly #kv: Database<Buffer, string>
  readonly #meta: Database<number, string>
  #queue: Waiting[] = []
  #running: Promise<void> | undefined

  constructor(core: MvccCore, root: RootDatabase, kv: Database<Buffer, string>, meta: Database<number, string>) {
    this.#core = core
    this.#root = root
    this.#kv = kv
    this.#meta = meta
  }

  commit(change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined)
  }

  size(): number {
    const stats = this.#root.getStats() as { pageSize?: number; lastPageNumber?: number; root?: { lastPageNumber?: number } }
    const { pageSize = 4096 } = stats
    return (stats.lastPageNumber ?? stats.root?.lastPageNumber ?? 0) * pageSize
  }

  async close(): Promise<void> {
    await this.settled()
    await this.#root.close()
  }

  async #run(): Promise<void> {
    // Writes of this turn of the event loop go together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, maxBatch)
      try {
        await this.#write(batch)
      } catch (error) {
        // What came after these rests on them.
        const lost = [...batch, ...this.#queue.splice(0)]
        this.#core.rollback()
        for (const each of lost) each.reject(error)
        continue
      }
      this.#core.publish(batch.map((each) => each.change))
      for (const each of batch) each.resolve()
    }
    this.#running = undefined
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    try {
      const done = await this.#root.transaction(() => {
        for (const { change } of batch) {
          const { next, event: { key } } = change
          heard(next === undefined ? this.#kv.remove(key) : this.#kv.put(key, pack(next)))
        }
        heard(this.#meta.put('revision', batch.at(-1)!.change.revision))
        return true
      })
      if (!done) throw new Error('the store refused the transaction')
      await this.#root.flushed
    } catch (error) {
      throw await failure(error)
    }
  }
}

const ignore = () => undefined

/** The transaction tells of a failure for all of its writes: none of them may end the process besides. */
function heard(write: Promise<unknown>): void {
  write.catch(ignore)
}

/** What the disk said; the library keeps it apart from its own words. */
async function failure(error: unknown): Promise<Error> {
  const { commitError } = error as { commitError?: Promise<never> }
  const reason: unknown = commitError === undefined ? error : await commitError.catch((cause: unknown) => cause)
  return new Error(`the store could not write to disk: ${reason instanceof Error ? reason.message : String(reason)}`, { cause: error })
}

function pack(value: StoredValue): Buffer {
  const out = Buffer.allocUnsafe(headerBytes + value.value.length)
  out.writeDoubleLE(value.createRevision, 0)
  out.writeDoubleLE(value.modRevision, 8)
  out.writeDoubleLE(value.expiresAt ?? 0, 16)
  out.writeUInt32LE(checksum(value.key, value.value), 24)
  out.set(value.value, headerBytes)
  return out
}

const checksum = (key: string, value: Uint8Array): number => crc32(value, crc32(key))

function unpack(key: string, stored: Buffer, header: number): StoredValue {
  if (stored.length < header) throw new DamageError(`${key} has no header`)
  const expiresAt = stored.readDoubleLE(16)
  // With memory of its own: Node's shared slabs would stay as long as the smallest value in them.
  const value = Uint8Array.prototype.slice.call(stored, header)
  if (header === headerBytes && stored.readUInt32LE(24) !== checksum(key, value)) throw new DamageError(`the checksum of ${key} does not fit`)
  return {
    key, value, createRevision: stored.readDoubleLE(0), modRevision: stored.readDoubleLE(8), ...(expiresAt === 0 ? {} : { expiresAt }),
  }
}
