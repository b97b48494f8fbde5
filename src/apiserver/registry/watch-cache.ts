/**
 * All objects of one resource as readers see them, ordered by key, and the recent changes for watchers that resume.
 * It is fed by the store in revision order. Everything here is synchronous. Upstream: apiserver/pkg/storage/cacher.
 */
import type { BTree } from '../../base/btree.ts'
import { newIndexedBTree } from '../../base/btree.ts'
import { ChangeLog } from '../../base/change-log.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { tooOldResourceVersion } from '../../api/meta/errors.ts'
import type { WatchResponseEvent } from '../handler.ts'
import { Cached, deepFreeze, withResourceVersion } from './cached.ts'
import { LabelIndexes } from './label-index.ts'
import type { Selection } from './selection.ts'
import { selects } from './selection.ts'
import { Watcher } from './watcher.ts'

export interface HistoryLimits {
  /** Changes younger than this are kept, unless the other bounds are reached. */
  readonly minAgeMs: number
  /** Kept however old they are. */
  readonly minEvents: number
  readonly maxEvents: number
  readonly maxBytes: number
}

/**
 * Ten minutes and more, so that a client which comes back with an old list still finds its place; the bound in bytes is
 * that of the stored values, a few times of which the objects take in memory.
 */
export const defaultHistory: HistoryLimits = {
  minAgeMs: 11 * 60_000, minEvents: 100, maxEvents: 100_000, maxBytes: 32 * 1024 * 1024,
}

/** Converts an entry to the version that a watcher asked for. */
export type View = (cached: Cached) => WatchResponseEvent['entry'] & object

interface Change {
  readonly revision: number
  readonly time: number
  readonly key: string
  readonly current: Cached | undefined
  readonly previous: Cached | undefined
  /** `previous` with this change's revision, as DELETED events show it. */
  gone: Cached | undefined
}

interface Reader {
  readonly selection: Selection
  readonly view: View
  readonly watcher: Watcher
  readonly withPrevious: boolean
  /** Changes up to here were delivered, or are not wanted. */
  from: number
}

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
  /** Watchers that were too slow. */
  terminated: number
  /** Events that watches began with. */
  initial: number
  lists: number
  /** Objects that lists looked at, and those that they answered with. */
  fetched: number
  returned: number
}

export class WatchCache {
  readonly counts: CacheCounts = { events: 0, terminated: 0, initial: 0, lists: 0, fetched: 0, returned: 0 }
  #tree: BTree<string, Cached> = newIndexedBTree<Cached>()
  #changes = new ChangeLog<Change>()
  #changeBytes = 0
  /** Of what is there now. */
  #bytes = 0
  /** Watches may start at this revision or later. */
  #oldest: number
  #seen: number
  readonly #readers = new Set<Reader>()
  readonly #labels = new LabelIndexes()
  readonly #past = new Map<number, BTree<string, Cached>>()
  readonly #limits: HistoryLimits
  readonly #now: () => number
  readonly #waiting = new Set<() => void>()

  constructor(o: { revision: number; now: () => number; limits?: HistoryLimits }) {
    this.#oldest = o.revision
    this.#seen = o.revision
    this.#now = o.now
    this.#limits = o.limits ?? defaultHistory
  }

  /** The objects and changes seen so far, without watchers, in constant time; both sides go their own way from here. */
  fork(now: () => number): WatchCache {
    const fork = new WatchCache({ revision: this.#seen, now, limits: this.#limits })
    fork.#tree = this.#tree.clone()
    fork.#changes = this.#changes.fork()
    fork.#changeBytes = this.#changeBytes
    fork.#oldest = this.#oldest
    return fork
  }

  /** The revision up to which this cache has seen everything. */
  get revision(): number {
    return this.#seen
  }
  /** The revision of the last change that was applied here. */
  get applied(): number {
    return this.#changes.last?.revision ?? this.#oldest
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
  get watchers(): number {
    return this.#readers.size
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
    this.#changes.push(change)
    this.#changeBytes += current?.bytes ?? 0
    if (revision > this.#seen) this.#seen = revision
    this.#wake()
    for (const reader of this.#readers) this.#deliver(reader, change)
    // Few ask for a state that is over: whoever does has it encoded again.
    previous?.forgetEncodings()
    this.#prune(change.time)
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
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const change = this.#changes.at(i)
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
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#changes.at(middle).time > time) high = middle
      else low = middle + 1
    }
    return low === 0 ? this.#oldest : this.#changes.at(low - 1).revision
  }

  /** Lists of revisions before this one are no longer asked for. */
  forgetPast(revision: number): void {
    for (const known of this.#past.keys()) if (known < revision) this.#past.delete(known)
  }

  /**
   * Starts a watch at `from`: the changes behind it, then those to come. Throws 410 when it is older than the history.
   * `prelude` is delivered first; `withPrevious` puts the state before into the events.
   */
  watch(o: {
    selection: Selection; view: View; from: number; prelude?: readonly WatchResponseEvent[]; maxQueued?: number; withPrevious?: boolean
  }): Watcher {
    if (o.from < this.#oldest) throw tooOldResourceVersion(o.from, this.#oldest)
    const watcher: Watcher = new Watcher(() => {
      this.#readers.delete(reader)
      if (watcher.dropped) this.counts.terminated++
    }, o.maxQueued)
    const reader: Reader = { selection: o.selection, view: o.view, watcher, withPrevious: o.withPrevious === true, from: o.from }
    if (o.prelude !== undefined && o.prelude.length > 0) watcher.pushAll(o.prelude)
    const first = this.#changes.after(o.from)
    for (let i = first; i < this.#changes.length; i++) this.#deliver(reader, this.#changes.at(i))
    this.counts.initial += (o.prelude?.length ?? 0) + this.#changes.length - first
    this.#readers.add(reader)
    return watcher
  }

  /** Ends every watch: the resource is no longer served, or the server stops. */
  close(): void {
    for (const reader of this.#readers) reader.watcher.close()
  }

  #deliver(reader: Reader, change: Change): void {
    if (change.revision <= reader.from) return
    const { selection } = reader
    const is = change.current !== undefined && selects(selection, change.key, change.current.object)
    const was = change.previous !== undefined && selects(selection, change.key, change.previous.object)
    if (is) {
      const entry = reader.view(change.current!)
      const previous = reader.withPrevious && was ? { previous: change.previous! } : {}
      reader.watcher.push({ type: was ? 'MODIFIED' : 'ADDED', object: entry.object, entry, ...previous })
    } else if (was) {
      change.gone ??= goneEntry(change.previous!, change.revision)
      const entry = reader.view(change.gone)
      reader.watcher.push({ type: 'DELETED', object: entry.object, entry })
    }
  }

  #prune(now: number): void {
    const { minAgeMs, minEvents, maxEvents, maxBytes } = this.#limits
    const count = this.#changes.length
    const over = count > maxEvents || this.#changeBytes > maxBytes
    // Looked at only now and then: dropping from the front costs the length of the list.
    if (!over && (count < minEvents * 2 || (count & 1023) !== 0)) return
    let drop = 0
    let bytes = this.#changeBytes
    while (count - drop > minEvents) {
      const change = this.#changes.at(drop)
      const tooMuch = count - drop > maxEvents * 0.9 || bytes > maxBytes * 0.9
      if (!(over && tooMuch) && now - change.time < minAgeMs) break
      bytes -= change.current?.bytes ?? 0
      drop++
    }
    if (drop === 0) return
    this.#oldest = this.#changes.at(drop - 1).revision
    this.#changes.drop(drop)
    this.#changeBytes = bytes
    this.forgetPast(this.#oldest)
  }
}

function rangeOf(selection: Selection): [string, string] {
  const { namespace, name } = selection
  if (namespace === '') return ['', '\uffff']
  // '0' is the character behind '/'.
  return name === undefined ? [namespace + '/', namespace + '0'] : [`${namespace}/${name}`, `${namespace}/${name}\0`]
}

/** An object as its DELETED event shows it: its last state with the revision of the deletion. */
function goneEntry(previous: Cached, revision: number): Cached {
  const object: KubeObject = deepFreeze(withResourceVersion(previous.object, String(revision)))
  return new Cached(object, previous.key, revision, 0)
}
