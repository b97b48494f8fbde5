/**
 * All objects of one resource as readers see them, ordered by key, and the recent changes for watchers that resume.
 * It is fed by the store in revision order. Everything here is synchronous. Upstream: apiserver/pkg/storage/cacher.
 */
import type { BTree } from '../../base/btree.ts'
import { newIndexedBTree } from '../../base/btree.ts'
import { tooOldResourceVersion } from '../../api/meta/errors.ts'
import type { Cached } from './cached.ts'
import { type HistoryLimits, type Change, History, defaultHistory } from './history.ts'
import { LabelIndexes } from './label-index.ts'
import type { Selection } from './selection.ts'
import { selects } from './selection.ts'
import { Readers, type WatchOptions } from './readers.ts'
import type { Watcher } from './watcher.ts'

export interface CachePage {
  readonly items: readonly Cached[]
  /** Key of the last item looked at; the next page starts behind it. */
  readonly last: string | undefined
  /** Keys in range behind the last one. */
  readonly remaining: number
}

/** What a cache has done since it was made, for metrics. */
export interface CacheCounts {
  /** Changes that came from the store. */
  events: number
  lists: number
  /** Objects that lists looked at, and those that they answered with. */
  fetched: number
  returned: number
}

export class WatchCache {
  readonly counts: CacheCounts = { events: 0, lists: 0, fetched: 0, returned: 0 }
  #tree: BTree<string, Cached> = newIndexedBTree<Cached>()
  /** Of what is there now. */
  #bytes = 0
  /** Watches may start at this revision or later. */
  #oldest: number
  #seen: number
  readonly #history: History
  readonly #readers: Readers
  readonly #labels = new LabelIndexes()
  readonly #past = new Map<number, BTree<string, Cached>>()
  readonly #now: () => number
  readonly #waiting = new Set<() => void>()

  /** `history`: what is remembered from before. */
  constructor(o: { revision: number; now: () => number; limits?: HistoryLimits; history?: History }) {
    this.#oldest = o.revision
    this.#seen = o.revision
    this.#now = o.now
    this.#history = o.history ?? new History(o.limits ?? defaultHistory)
    this.#readers = new Readers(this.#history)
  }

  /** The objects and changes seen so far, without watchers, in constant time; both sides go their own way from here. */
  fork(now: () => number): WatchCache {
    const fork = new WatchCache({ revision: this.#seen, now, history: this.#history.fork() })
    fork.#tree = this.#tree.clone()
    fork.#oldest = this.#oldest
    return fork
  }

  /** The revision up to which this cache has seen everything. */
  get revision(): number {
    return this.#seen
  }
  /** The revision of the last change that was applied here. */
  get applied(): number {
    return this.#history.last?.revision ?? this.#oldest
  }
  get oldest(): number {
    return this.#oldest
  }
  get size(): number {
    return this.#tree.size
  }
  /** How many objects there are, and how long their stored form is on average. */
  stats(): { readonly count: number; readonly averageBytes: number } {
    return { count: this.size, averageBytes: this.size === 0 ? 0 : this.#bytes / this.size }
  }
  /** Those who watch: how many they are, how many were too slow, and how many events they began with. */
  get watches(): { readonly size: number; readonly terminated: number; readonly initial: number } {
    return this.#readers
  }

  /** Puts an object that was there before the cache's first revision. */
  load(cached: Cached): void {
    this.#bytes += cached.bytes - (this.#tree.get(cached.key)?.bytes ?? 0)
    this.#labels.clear()
    this.#tree.set(cached.key, cached)
  }

  /** The revision that what was loaded shows; watches may start there. */
  restart(revision: number): void {
    this.#oldest = revision
    this.advance(revision)
  }

  get(key: string): Cached | undefined {
    return this.#tree.get(key)
  }

  /** A change of this resource, in revision order. */
  apply(revision: number, key: string, current: Cached | undefined): void {
    const previous = this.#tree.get(key)
    this.#bytes += (current?.bytes ?? 0) - (previous?.bytes ?? 0)
    if (current === undefined) this.#tree.delete(key)
    else this.#tree.set(key, current)
    this.#labels.apply(previous, current)
    this.counts.events++
    const change: Change = { revision, time: this.#now(), key, current, previous, gone: undefined }
    this.#history.push(change)
    if (revision > this.#seen) this.#seen = revision
    this.#wake()
    this.#readers.deliver(change)
    // Few ask for a state that is over: whoever does has it encoded again.
    previous?.forgetEncodings()
    const forgotten = this.#history.prune(change.time)
    if (forgotten === undefined) return
    this.#oldest = forgotten
    this.#readers.dropLate()
    this.forgetPast(forgotten)
  }

  /** Everything up to the revision was seen, though nothing here may have changed. */
  advance(revision: number): void {
    if (revision <= this.#seen) return
    this.#seen = revision
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Resolves with true when the condition holds, or with false when the signal is aborted first. */
  async waitUntil(condition: () => boolean, signal: AbortSignal): Promise<boolean> {
    while (!condition()) {
      if (signal.aborted) return false
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal.addEventListener('abort', wake)
      })
    }
    return true
  }

  /** Every object in the namespace ('' for all), in key order. */
  *values(namespace = ''): Iterable<Cached> {
    if (namespace === '') {
      yield* this.#tree.values()
      return
    }
    const high = namespace + '0'
    for (const [key, cached] of this.#tree.entries(namespace + '/')) {
      if (key >= high) break
      yield cached
    }
  }

  /** Selected objects from key `from` on, at most `limit` (0: all), as they are or as they were at an older revision. */
  page(selection: Selection, o: { from?: string; limit?: number; revision?: number; tree?: BTree<string, Cached> } = {}): CachePage {
    const tree = o.tree ?? (o.revision === undefined || o.revision >= this.#seen ? this.#tree : this.at(o.revision))
    const [low, high] = rangeOf(selection)
    const start = o.from !== undefined && o.from > low ? o.from : low
    const limit = o.limit ?? 0
    const labelled = tree === this.#tree ? this.#labelled(selection, start, high) : undefined
    const page = labelled !== undefined ? this.#cut(labelled, selection, high, limit)
      : limit <= 0 ? this.#whole(tree, selection, start, high) : this.#limited(tree, selection, start, high, limit)
    this.counts.lists++
    this.counts.returned += page.items.length
    return page
  }

  /** The objects in the range that have the label which the selection asks for, in order; undefined when that is not known. */
  #labelled({ labelled }: Selection, start: string, high: string): Cached[] | undefined {
    if (labelled === undefined) return undefined
    const found = this.#labels.find(labelled, this.size, () => this.#tree.values())?.filter(({ key }) => key >= start && key < high)
    return found?.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  #cut(sorted: readonly Cached[], selection: Selection, high: string, limit: number): CachePage {
    this.counts.fetched += sorted.length
    const items: Cached[] = []
    for (const cached of sorted) {
      if (selects(selection, cached.key, cached.object)) items.push(cached)
      if (limit > 0 && items.length === limit) return { items, last: cached.key, remaining: this.#tree.forRange(cached.key + '\0', high, false) }
    }
    return { items, last: undefined, remaining: 0 }
  }

  #whole(tree: BTree<string, Cached>, selection: Selection, start: string, high: string): CachePage {
    const { matches, name } = selection
    const items: Cached[] = []
    this.counts.fetched += tree.forRange(start, high, false, (_key, cached) => {
      if (name !== undefined && cached.object.metadata.name !== name) return
      if (matches === undefined || matches(cached.object)) items.push(cached)
    })
    return { items, last: undefined, remaining: 0 }
  }

  #limited(tree: BTree<string, Cached>, selection: Selection, start: string, high: string, limit: number): CachePage {
    const items: Cached[] = []
    for (const [key, cached] of tree.entries(start)) {
      if (key >= high) break
      this.counts.fetched++
      if (selects(selection, key, cached.object)) items.push(cached)
      if (items.length === limit) return { items, last: key, remaining: tree.forRange(key + '\0', high, false) }
    }
    return { items, last: undefined, remaining: 0 }
  }

  /** The collection at an older revision: a clone on which later changes are undone, kept for the next page. */
  at(revision: number): BTree<string, Cached> {
    const known = this.#past.get(revision)
    if (known !== undefined) return known
    const tree = this.#tree.clone()
    for (let place = this.#history.end - 1; place >= this.#history.first; place--) {
      const change = this.#history.at(place)
      if (change.revision <= revision) break
      if (change.previous === undefined) tree.delete(change.key)
      else tree.set(change.key, change.previous)
    }
    this.#past.set(revision, tree)
    if (this.#past.size > 16) this.#past.delete(this.#past.keys().next().value!)
    return tree
  }

  /** The last revision of this resource up to that time, in ms since the epoch, as far as it is remembered. */
  revisionAt(time: number): number {
    return this.#history.revisionAt(time) ?? this.#oldest
  }

  /** Lists of revisions before this one are no longer asked for. */
  forgetPast(revision: number): void {
    for (const known of this.#past.keys()) if (known < revision) this.#past.delete(known)
  }

  /** Starts a watch. Throws 410 when it is to begin with what the history has no more. */
  watch(o: WatchOptions): Watcher {
    if (o.from < this.#oldest) throw tooOldResourceVersion(o.from, this.#oldest)
    return this.#readers.add(o)
  }

  /** Ends every watch: the resource is no longer served, or the server stops. */
  close(): void {
    this.#readers.close()
  }

}

function rangeOf(selection: Selection): [string, string] {
  const { namespace, name } = selection
  if (namespace === '') return ['', '\uffff']
  // '0' is the character behind '/'.
  return name === undefined ? [namespace + '/', namespace + '0'] : [`${namespace}/${name}`, `${namespace}/${name}\0`]
}
