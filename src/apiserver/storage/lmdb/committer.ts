/**
 * How changes become durable: those that come while others are written share the next write to the journal, and are seen by
 * anyone only when it is on disk. The database takes over what a full journal holds, each key once, meanwhile.
 */
import type { Database, RootDatabase } from 'lmdb'
import type { Clock } from '../../../base/env.ts'
import type { Durability } from '../memory/base.ts'
import type { Change, MvccCore, StoredValue } from '../memory/mvcc.ts'
import type { Journal } from './journal-files.ts'
import { pack } from './records.ts'

export interface Databases {
  readonly root: RootDatabase
  readonly kv: Database<Buffer, string>
  readonly meta: Database<number, string>
}

interface Waiting {
  readonly change: Change
  resolve(): void
  reject(error: unknown): void
}

/** What one write to the journal takes; more waits for the next, so that nobody waits for a giant one. */
const maxBatch = 4096
const maxBatchBytes = 4 << 20
/** What one transaction of the database takes: it is filled on the thread that answers requests. */
const maxKeys = 256
const maxKeyBytes = 1 << 20
const againAfterMs = 1000
/** The journal takes nothing more when the database has failed for so long. */
const maxJournalBytes = 256 << 20

export class Committer implements Durability {
  readonly #core: MvccCore
  #databases: Databases
  readonly #reopen: () => Databases
  readonly #journal: Journal
  readonly #clock: Clock
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  /** What the journal holds and the database does not. */
  #dirty = new Map<string, StoredValue | undefined>()
  #takeover: Promise<void> | undefined
  #failure: { readonly error: Error; readonly at: number } | undefined

  /** `reopen` opens the databases anew, once they were closed. */
  constructor(core: MvccCore, databases: Databases, reopen: () => Databases, journal: Journal, clock: Clock) {
    this.#core = core
    this.#databases = databases
    this.#reopen = reopen
    this.#journal = journal
    this.#clock = clock
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
    const stats = this.#databases.root.getStats() as { pageSize?: number; lastPageNumber?: number; root?: { lastPageNumber?: number } }
    const { pageSize = 4096 } = stats
    return (stats.lastPageNumber ?? stats.root?.lastPageNumber ?? 0) * pageSize + this.#journal.bytes
  }

  /** The database has everything afterwards, if it can: the next start need not read the journal. */
  async close(): Promise<void> {
    await this.settled()
    await this.#takeover
    if (this.#dirty.size > 0) await this.#takeOver()
    await this.#journal.close(this.#dirty.size === 0)
    await this.#databases.root.close()
  }

  async #run(): Promise<void> {
    // Writes of this turn of the event loop go together.
    // Writes of this turn of the event loop go together.
    await new Promise<void>((resolve) => { setImmediate(resolve) })
    while (this.#queue.length > 0) {
      const batch = this.#take()
      const changes = batch.map(({ change }) => change)
      try {
        await this.#append(changes)
      } catch (error) {
        // What came after these rests on them.
        const lost = [...batch, ...this.#queue.splice(0)]
        this.#core.rollback()
        for (const each of lost) each.reject(error)
        continue
      }
      for (const { event: { key }, next } of changes) this.#dirty.set(key, next)
      this.#core.publish(changes)
      for (const each of batch) each.resolve()
      if (this.#journal.full) this.#beginTakeover()
    }
    this.#running = undefined
  }

  #take(): Waiting[] {
    let count = 0
    for (let bytes = 0; count < this.#queue.length && count < maxBatch && bytes < maxBatchBytes; count++) bytes += this.#queue[count]!.change.next?.value.length ?? 0
    return this.#queue.splice(0, count)
  }

  async #append(changes: readonly Change[]): Promise<void> {
    if (this.#journal.bytes > maxJournalBytes) throw this.#failure?.error ?? failure('the database does not take over what the journal holds')
    try {
      await this.#journal.append(changes)
    } catch (error) {
      throw failure(error)
    }
  }

  #beginTakeover(): void {
    if (this.#takeover !== undefined || (this.#failure !== undefined && this.#clock.monotonic() - this.#failure.at < againAfterMs)) return
    this.#takeover = this.#takeOver().finally(() => { this.#takeover = undefined })
  }

  /** Everything up to the revision of this moment into the database. It stays to be done when that fails. */
  async #takeOver(): Promise<void> {
    const revision = this.#core.revision
    const dirty = this.#dirty
    this.#dirty = new Map()
    this.#journal.turn(revision)
    try {
      // LMDB takes nothing more once a write has failed, until it is opened again.
      if (this.#failure !== undefined) {
        await this.#databases.root.close()
        this.#databases = this.#reopen()
      }
      await storeAll(this.#databases, dirty, revision)
      this.#journal.release()
      this.#failure = undefined
    } catch (error) {
      for (const [key, value] of dirty) if (!this.#dirty.has(key)) this.#dirty.set(key, value)
      this.#failure = { error: failure(error), at: this.#clock.monotonic() }
    }
  }
}

/** The values into the database; its revision goes with the last of them, so that what comes before can be done again. */
export async function storeAll({ root, kv, meta }: Databases, values: ReadonlyMap<string, StoredValue | undefined>, revision: number): Promise<void> {
  const entries = [...values]
  for (let at = 0; at < entries.length;) {
    const from = at
    for (let bytes = 0; at < entries.length && at - from < maxKeys && bytes < maxKeyBytes; at++) bytes += entries[at]![1]?.value.length ?? 0
    await transaction(root, () => {
      for (const [key, value] of entries.slice(from, at)) heard(value === undefined ? kv.remove(key) : kv.put(key, pack(value)))
      if (at === entries.length) heard(meta.put('revision', revision))
    })
  }
}

/** Resolves when it is on disk. */
export async function transaction(root: RootDatabase, work: () => void): Promise<void> {
  try {
    const done = await root.transaction(() => {
      work()
      return true
    })
    if (!done) throw new Error('the store refused the transaction')
    await root.flushed
  } catch (error) {
    // The library keeps what the disk said apart from its own words.
    const { commitError } = error as { commitError?: Promise<never> }
    throw commitError === undefined ? error : await commitError.catch((cause: unknown) => cause)
  }
}

const ignore = () => undefined

/** The transaction tells of a failure for all of its writes: none of them may end the process besides. */
export function heard(write: Promise<unknown>): void {
  write.catch(ignore)
}

function failure(error: unknown): Error {
  return new Error(`the store could not write to disk: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
}
