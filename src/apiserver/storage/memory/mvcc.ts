/**
 * The multi-version core that memory and lmdb share: an ordered map of what readers see, the changes that are not yet
 * durable on top of it, and the log of changes since the last compaction. Everything is synchronous; who owns the core
 * decides when a change becomes visible (memory: at once; lmdb: after the commit).
 */
import { type BTree, newIndexedBTree } from '../../../base/btree.ts'
import { ChangeLog } from '../../../base/change-log.ts'
import type { KeyValue, LocalWrite, RevisionBatch, StoreEvent } from '../store.ts'
import { CompactedError, FutureRevisionError } from '../store.ts'

type Tree = BTree<string, StoredValue>

/** A key's value with the time at which it is to be forgotten (ms since the epoch). */
export interface StoredValue extends KeyValue {
  readonly expiresAt?: number
}

export interface Change {
  readonly revision: number
  readonly event: StoreEvent
  /** What the key holds from now on; undefined: nothing. */
  readonly next: StoredValue | undefined
}

export type Applied =
  | { readonly ok: true; readonly change: Change }
  | { readonly ok: false; readonly current: StoredValue | undefined }

interface Subscriber {
  readonly prefix: string
  readonly onEvent: (event: StoreEvent, revision: number) => void
}

/** The first revision of an empty store, as in etcd: 0 is free to mean "any revision". */
export const firstRevision = 1

export class MvccCore {
  #visible: Tree = newIndexedBTree<StoredValue>()
  /** What the head holds where it differs from what is visible. */
  readonly #ahead = new Map<string, { change: Change }>()
  #log = new ChangeLog<Change>()
  #logStart = 0
  #head: number
  #revision: number
  #compacted: number
  readonly #subscribers = new Set<Subscriber>()
  readonly #progress = new Set<() => void>()
  #bytes = 0

  constructor(revision = firstRevision, compacted = 0) {
    this.#head = revision
    this.#revision = revision
    this.#compacted = compacted
  }

  /** The latest visible revision. */
  get revision(): number {
    return this.#revision
  }
  /** The latest revision given out, visible or not. */
  get head(): number {
    return this.#head
  }
  get compacted(): number {
    return this.#compacted
  }
  get bytes(): number {
    return this.#bytes
  }

  /** Puts what was on disk; only before the first write. */
  load(value: StoredValue): void {
    this.#visible.set(value.key, value)
    this.#bytes += value.key.length + value.value.length
  }

  /** Checks the expectation against the head and gives the change its revision. Not visible before `publish`. */
  apply(write: LocalWrite, now: number): Applied {
    const current = this.#atHead(write.key)
    const expected = write.type === 'create' ? 0 : write.expectedRevision
    if ((current?.modRevision ?? 0) !== expected || (write.type !== 'create' && current === undefined)) {
      return { ok: false, current }
    }
    const revision = this.#head + 1
    const change = write.type === 'delete' ? deletion(write.key, current!, revision) : put(write, current, revision, now)
    this.#head = revision
    this.#ahead.set(write.key, { change })
    return { ok: true, change }
  }

  /** Makes changes visible, in the order in which they were applied, and tells the subscribers. */
  publish(changes: readonly Change[]): void {
    for (const change of changes) {
      const { event, next, revision } = change
      if (next === undefined) this.#visible.delete(event.key)
      else this.#visible.set(event.key, next)
      this.#bytes += (next === undefined ? 0 : event.key.length + next.value.length)
        - (event.previous === undefined ? 0 : event.key.length + event.previous.value.length)
      this.#log.push(change)
      this.#revision = revision
      if (this.#ahead.get(event.key)?.change === change) this.#ahead.delete(event.key)
      for (const subscriber of this.#subscribers) {
        if (event.key.startsWith(subscriber.prefix)) subscriber.onEvent(event, revision)
      }
    }
  }

  /** Forgets every change that is not visible: their commit failed. */
  rollback(): void {
    this.#ahead.clear()
    this.#head = this.#revision
  }

  /** The visible state with its history, in constant time; both sides go their own way from here. */
  fork(): MvccCore {
    const fork = new MvccCore(this.#revision, this.#compacted)
    fork.#visible = this.#visible.clone()
    fork.#log = this.#log.fork()
    fork.#logStart = this.#logStart
    fork.#bytes = this.#bytes
    return fork
  }

  get(key: string, revision?: number): StoredValue | undefined {
    if (revision === undefined || revision === this.#revision) return this.#visible.get(key)
    this.#checkRevision(revision)
    for (let i = this.#log.after(revision); i < this.#log.length; i++) {
      const { event } = this.#log.at(i)
      if (event.key === key) return event.previous
    }
    return this.#visible.get(key)
  }

  /** Everything under the prefix, ordered by key; at most `limit` items behind `after`, and how many follow. */
  range(prefix: string, o: { revision?: number; after?: string; limit?: number } = {}): { items: StoredValue[]; remaining: number } {
    const tree = o.revision === undefined || o.revision === this.#revision ? this.#visible : this.#past(prefix, o.revision)
    const low = o.after === undefined || o.after < prefix ? prefix : o.after + '\0'
    const high = prefixEnd(prefix)
    const items: StoredValue[] = []
    if (o.limit === undefined || o.limit <= 0) {
      tree.forRange(low, high, false, (_key, value) => void items.push(value))
      return { items, remaining: 0 }
    }
    for (const [key, value] of tree.entries(low)) {
      if (key >= high || items.push(value) === o.limit) break
    }
    const last = items.at(-1)
    return { items, remaining: last === undefined ? 0 : tree.forRange(last.key + '\0', high, false) }
  }

  count(prefix: string): number {
    return this.#visible.forRange(prefix, prefixEnd(prefix), false)
  }

  /**
   * The first `limit` visible changes of the prefix behind a revision, and the revision of the one after them, if there is
   * one. Throws CompactedError when they are no longer kept.
   */
  changesSince(prefix: string, revision: number, limit: number): { readonly changes: Change[]; readonly next: number | undefined } {
    if (revision < this.#compacted) throw new CompactedError(this.#compacted)
    const changes: Change[] = []
    for (let i = this.#log.after(revision); i < this.#log.length; i++) {
      const change = this.#log.at(i)
      if (!change.event.key.startsWith(prefix)) continue
      if (changes.length === limit) return { changes, next: change.revision }
      changes.push(change)
    }
    return { changes, next: undefined }
  }

  subscribe(prefix: string, onEvent: (event: StoreEvent, revision: number) => void): () => void {
    const subscriber: Subscriber = { prefix, onEvent }
    this.#subscribers.add(subscriber)
    return () => void this.#subscribers.delete(subscriber)
  }

  onProgress(callback: () => void): () => void {
    this.#progress.add(callback)
    return () => void this.#progress.delete(callback)
  }
  progress(): void {
    for (const callback of this.#progress) callback()
  }

  compact(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(this.#revision)
    if (revision <= this.#compacted) throw new CompactedError(this.#compacted)
    this.#log.drop(this.#log.after(revision))
    this.#logStart = revision
    this.#compacted = revision
  }

  /** The values that expire, for whoever keeps the timers. */
  *expiring(): Iterable<StoredValue> {
    for (const value of this.#visible.values()) if (value.expiresAt !== undefined) yield value
  }

  #atHead(key: string): StoredValue | undefined {
    const ahead = this.#ahead.get(key)
    return ahead === undefined ? this.#visible.get(key) : ahead.change.next
  }

  #checkRevision(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(this.#revision)
    if (revision < this.#compacted || revision < this.#logStart) throw new CompactedError(this.#compacted)
  }

  /** The map as it was: a clone (O(1)) on which the later changes are undone. */
  #past(prefix: string, revision: number): Tree {
    this.#checkRevision(revision)
    const tree = this.#visible.clone()
    for (let i = this.#log.length - 1; i >= 0; i--) {
      const change = this.#log.at(i)
      if (change.revision <= revision) break
      if (!change.event.key.startsWith(prefix)) continue
      if (change.event.previous === undefined) tree.delete(change.event.key)
      else tree.set(change.event.key, change.event.previous)
    }
    return tree
  }
}

/** The first key that is behind every key with the prefix. */
export function prefixEnd(prefix: string): string {
  return prefix + '\uffff'
}

/** One item per revision, as the contract wants it. */
export function batchOf(change: { revision: number; event: StoreEvent }): RevisionBatch {
  return { revision: change.revision, events: [change.event] }
}

function put(write: Exclude<LocalWrite, { type: 'delete' }>, current: StoredValue | undefined, revision: number, now: number): Change {
  const value = write.value(revision)
  const createRevision = current?.createRevision ?? revision
  const next: StoredValue = {
    key: write.key, value, createRevision, modRevision: revision,
    ...(write.ttlSeconds === undefined || write.ttlSeconds <= 0 ? {} : { expiresAt: now + write.ttlSeconds * 1000 }),
  }
  return { revision, next, event: { type: 'put', key: write.key, value, previous: current, createRevision } }
}

function deletion(key: string, current: StoredValue, revision: number): Change {
  return { revision, next: undefined, event: { type: 'delete', key, previous: current, createRevision: current.createRevision } }
}
