/**
 * The store contract: only the operations that Kubernetes performs on etcd. Keys are etcd keys
 * ("/registry/pods/default/web"), values are opaque bytes, revisions are safe integers that grow by one per write.
 * Conflict and absence are values, never exceptions. memory, lmdb and etcd pass one suite (suite.ts).
 */
import type { Clock } from '../../base/env.ts'

export interface KeyValue {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
}

export interface StoreEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  /** The new value; for a delete, undefined. */
  readonly value?: Uint8Array
  /** The value before this write; undefined for a create, and from etcd also where a watch of the past finds it compacted, and for the first events of a watch. */
  readonly previous?: KeyValue
  readonly createRevision: number
}

/** All events of one revision, in order. A batch without events is a progress mark: everything up to it was sent. */
export interface RevisionBatch {
  readonly revision: number
  readonly events: readonly StoreEvent[]
}

export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  /** The expectation failed; `current` is what the key holds now (undefined: nothing). */
  | { readonly ok: false; readonly current: KeyValue | undefined; readonly revision: number }

export interface ListResult {
  readonly items: readonly KeyValue[]
  /** The revision that the list shows. */
  readonly revision: number
  /** Whether keys after the last item were left out because of `limit`. */
  readonly more: boolean
  /** Number of keys under the prefix beyond the items returned (exact), at that revision. */
  readonly remaining: number
}

/** One write for a store in this process. `value` may depend on the revision that the write gets. */
export type LocalWrite =
  | { readonly type: 'create'; readonly key: string; readonly value: (revision: number) => Uint8Array; readonly ttlSeconds?: number }
  | {
      readonly type: 'update'; readonly key: string; readonly value: (revision: number) => Uint8Array
      readonly expectedRevision: number; readonly ttlSeconds?: number
    }
  | { readonly type: 'delete'; readonly key: string; readonly expectedRevision: number }

/**
 * What a store whose state lives in this process can do besides: reads without a promise, and subscribers that are
 * called before a write is acknowledged, so that a cache built on them is never behind an acknowledged write.
 */
export interface LocalStore {
  /** The latest revision that readers may see. */
  revision(): number
  /** Everything under the prefix now, ordered by key. */
  entries(prefix: string): KeyValue[]
  /** Calls back for each change under the prefix, in order, when it is durable and before its write resolves. */
  subscribe(prefix: string, onEvent: (event: StoreEvent, revision: number) => void): () => void
  /** Resolves when the write is durable and visible. The very bytes that `value` made are what readers get. */
  write(write: LocalWrite): Promise<WriteResult>
  /** What is visible now, with its history, in constant time. */
  snapshot(): StoreSnapshot
}

/** A store's state at a moment. It stays as it is, whatever becomes of the store. */
export interface StoreSnapshot {
  readonly revision: number
  /** Everything in it, ordered by key. The same value in two snapshots is the same object where they share it. */
  entries(prefix: string): KeyValue[]
  /** A store in memory that goes on from here. */
  open(o: { clock: Clock }): KVStore
}

export interface KVStore {
  /** There when the state lives in this process (memory, lmdb). */
  readonly local?: LocalStore
  /** The latest revision; 1 for a store never written (as in etcd), so that 0 can mean "any". */
  revision(): Promise<number>
  get(key: string, options?: { revision?: number }): Promise<{ item: KeyValue | undefined; revision: number }>
  /** Ordered by key. `after` starts behind that key. Throws CompactedError for a revision no longer kept. */
  list(prefix: string, options?: { revision?: number; after?: string; limit?: number }): Promise<ListResult>
  count(prefix: string): Promise<number>
  /** Fails when the key exists. A key with a ttl is deleted by the store when it is over. */
  create(key: string, value: Uint8Array, options?: { ttlSeconds?: number }): Promise<WriteResult>
  /** Fails when the key's modRevision is another one. */
  update(key: string, value: Uint8Array, expectedRevision: number, options?: { ttlSeconds?: number }): Promise<WriteResult>
  delete(key: string, expectedRevision: number): Promise<WriteResult>
  /**
   * Every change under the prefix with a revision > fromRevision, in order, none twice. Ends when `signal` is aborted.
   * Throws CompactedError when fromRevision is older than what is kept.
   */
  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<RevisionBatch>
  /**
   * Asks for a progress mark on the watches of the prefix (all watches without one), so that a reader can wait until its
   * cache has seen a revision. A store may pass over a watch that is behind: ask again.
   */
  requestProgress(prefix?: string): Promise<void>
  /**
   * Whether a progress mark that was asked for comes after the events up to its revision. Absent: it does. Old etcd
   * (before 3.4.31 and 3.5.13) may send it too early; then only events tell how far a watch is.
   */
  progressIsOrdered?(): Promise<boolean>
  compact(revision: number): Promise<void>
  /**
   * Compacts, when it is this server's turn among all that share the store, up to the revision (0: not yet); answers up to
   * where somebody did. Absent: nobody shares it.
   */
  compactInTurn?(revision: number): Promise<number>
  /** Bytes on disk (or in memory). */
  size(): Promise<number>
  /** Bytes of keys and values that it holds and may hold; over its quota it takes deletions alone. Absent: not known here. */
  space?(): { readonly used: number; readonly quota: number }
  close(): Promise<void>
}

export class CompactedError extends Error {
  readonly compactRevision: number
  constructor(compactRevision: number) {
    super('etcdserver: mvcc: required revision has been compacted')
    this.name = 'CompactedError'
    this.compactRevision = compactRevision
  }
}

export class FutureRevisionError extends Error {
  readonly currentRevision: number
  constructor(currentRevision: number) {
    super('etcdserver: mvcc: required revision is a future revision')
    this.name = 'FutureRevisionError'
    this.currentRevision = currentRevision
  }
}

/**
 * What a store says that it cannot do, in etcd's words. Clients are shown it as it is, with 500 and without a reason, as
 * kube-apiserver does with errors of etcd that it does not know.
 */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
  }
}

/** A store whose quota is used up says this of every write that is no deletion. */
export const noSpace = 'etcdserver: mvcc: database space exceeded'

const tooLarge = 'etcdserver: request is too large'
const tooLargeToSend = 'trying to send message larger than max'

/** Whether a store refused a write for its size. Upstream: isTooLargeError of apiserver/pkg/endpoints/handlers/rest.go. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof StoreError && (error.message === tooLarge || error.message.includes(tooLargeToSend))
}
