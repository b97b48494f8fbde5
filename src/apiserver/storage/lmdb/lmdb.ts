/**
 * The embedded store: state in memory by the multi-version core, durable in LMDB. Writes that come while a commit is
 * under way share the next one (one fsync); a write resolves, and is seen by anyone, only after it is on disk.
 *
 * Layout: database "kv" holds key -> header (createRevision, modRevision, expiresAt as float64) and value; "meta" holds
 * the last revision. History is not kept over a restart: readers of old revisions begin anew, as after a compaction.
 */
import { mkdirSync } from 'node:fs'
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

const headerBytes = 24
const defaultMapSize = 64 * 1024 ** 3
const defaultQuota = 8 * 1024 ** 3
/** Changes that one commit takes; more wait for the next, so that nobody waits for a giant one. */
const maxBatch = 4096

/** Opens or makes the store. Throws when the folder cannot be used. */
export function openLmdbStore(o: LmdbOptions): KVStore {
  mkdirSync(o.path, { recursive: true, mode: 0o700 })
  const root = open({
    path: o.path, maxDbs: 4, mapSize: o.mapSize ?? defaultMapSize, encoding: 'binary', compression: false,
    overlappingSync: false, noSync: o.unsafeNoSync ?? false, noMemInit: true, cache: false, eventTurnBatching: false,
  })
  const kv = root.openDB<Buffer, string>({ name: 'kv', encoding: 'binary' })
  const meta = root.openDB<number, string>({ name: 'meta', encoding: 'json' })
  const revision = meta.get('revision') ?? firstRevision
  const core = new MvccCore(revision, revision)
  for (const { key, value } of kv.getRange()) core.load(unpack(key, value))
  const committer = new Committer(core, root, kv, meta)
  return storeOver(core, o.clock, committer, o.quotaBytes ?? defaultQuota)
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
  out.set(value.value, headerBytes)
  return out
}

function unpack(key: string, stored: Buffer): StoredValue {
  const expiresAt = stored.readDoubleLE(16)
  return {
    // With memory of its own: Node's shared slabs would stay as long as the smallest value in them.
    key, value: Uint8Array.prototype.slice.call(stored, headerBytes),
    createRevision: stored.readDoubleLE(0), modRevision: stored.readDoubleLE(8),
    ...(expiresAt === 0 ? {} : { expiresAt }),
  }
}
