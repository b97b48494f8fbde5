/** Those who watch a resource: each is told of changes as they come, or, when it is behind, out of what is remembered. */
import type { KubeObject } from '../../api/meta/object.ts'
import type { WatchResponseEvent } from '../handler.ts'
import { Cached, deepFreeze, withResourceVersion } from './cached.ts'
import type { Change, History } from './history.ts'
import type { Selection } from './selection.ts'
import { selects } from './selection.ts'
import { type Fetch, type QueueLimits, Watcher } from './watcher.ts'

/** Converts an entry to the version that a watcher asked for. */
export type View = (cached: Cached) => WatchResponseEvent['entry'] & object

/** What a watch begins with: objects, and a bookmark behind them. */
export interface Prelude {
  readonly items: readonly Cached[]
  readonly end?: WatchResponseEvent
}

/** How a watch is to be: `withPrevious` puts the state before into the events. */
export interface WatchOptions {
  readonly selection: Selection
  readonly view: View
  /** The changes behind this revision are wanted. */
  readonly from: number
  /** Delivered first, made into events when its reader comes to them. */
  readonly prelude?: Prelude
  readonly limits?: QueueLimits
  readonly withPrevious?: boolean
}

interface Reader extends Pick<WatchOptions, 'selection' | 'view' | 'from' | 'withPrevious'> {
  readonly watcher: Watcher
  /** While the watcher is behind: the place in the history of the change that it has to look at next. */
  next: number
  /** Of a watch that was closed: where it ends. */
  until?: number
  readonly fetch: Fetch
}

export class Readers {
  /** Events that watches began with. */
  initial = 0
  /** Watchers that were too slow. */
  terminated = 0
  readonly #all = new Set<Reader>()
  readonly #history: History

  constructor(history: History) {
    this.#history = history
  }

  get size(): number {
    return this.#all.size
  }

  /** One more reader, up to date when what it begins with is little. It is dropped when what it missed is forgotten. */
  add(o: WatchOptions): Watcher {
    const watcher: Watcher = new Watcher(() => {
      this.#all.delete(reader)
      reader.until = this.#history.end
      if (watcher.dropped) this.terminated++
    }, o.limits)
    const { selection, view, from, withPrevious, prelude } = o
    const reader: Reader = { selection, view, from, withPrevious, watcher, next: this.#history.after(from), fetch: (limits) => this.#missed(reader, limits) }
    this.initial += this.#history.end - reader.next + (prelude?.items.length ?? 0)
    this.#all.add(reader)
    watcher.fallBehind(prelude === undefined ? reader.fetch : this.#begun(prelude, reader))
    watcher.catchUp()
    return watcher
  }

  /** What a watch begins with, then what was changed meanwhile. */
  #begun({ items, end }: Prelude, reader: Reader): Fetch {
    let rest: readonly Cached[] | undefined = items
    let at = 0
    return (limits) => {
      if (rest === undefined) return reader.fetch(limits)
      const events: WatchResponseEvent[] = []
      let bytes = 0
      for (; at < rest.length && events.length < limits.events && bytes < limits.bytes; at++) {
        const cached = rest[at]!
        const entry = reader.view(cached)
        events.push({ type: 'ADDED', object: entry.object, entry })
        bytes += cached.bytes
      }
      if (at < rest.length) return { events, bytes, done: false }
      // A reader that is behind holds no more of it.
      rest = undefined
      if (end !== undefined) events.push(end)
      if (events.length === 0) return reader.fetch(limits)
      return { events, bytes, done: this.#upToDate(reader) }
    }
  }

  #upToDate(reader: Reader): boolean {
    return reader.next >= (reader.until ?? this.#history.end)
  }

  /** The next of the changes that a reader wants and was not told of; there are no more when the history has forgotten them. */
  #missed(reader: Reader, limits: QueueLimits): ReturnType<Fetch> {
    const events: WatchResponseEvent[] = []
    if (reader.next < this.#history.first) return { events, bytes: 0, done: true }
    let bytes = 0
    for (; !this.#upToDate(reader) && events.length < limits.events && bytes < limits.bytes; reader.next++) {
      const change = this.#history.at(reader.next)
      const event = eventFor(reader, change)
      if (event === undefined) continue
      events.push(event)
      bytes += bytesOf(change)
    }
    return { events, bytes, done: this.#upToDate(reader) }
  }

  /** Tells everybody who is up to date of the last change of the history. */
  deliver(change: Change): void {
    for (const reader of this.#all) {
      const { watcher } = reader
      if (watcher.behind) continue
      const event = eventFor(reader, change)
      if (event === undefined || watcher.push(event, bytesOf(change))) continue
      reader.next = this.#history.end - 1
      watcher.fallBehind(reader.fetch)
    }
  }

  /** Drops those who missed what the history has no more. */
  dropLate(): void {
    for (const { watcher, next } of this.#all) if (watcher.behind && next < this.#history.first) watcher.drop()
  }

  /** Ends every watch. */
  close(): void {
    for (const { watcher } of this.#all) watcher.close()
  }
}

const bytesOf = ({ current, previous }: Change): number => (current ?? previous)?.bytes ?? 0

/** What a reader is told of a change; undefined when it is not about what it selects. */
function eventFor({ from, selection, view, withPrevious }: Reader, change: Change): WatchResponseEvent | undefined {
  const { revision, key, current, previous } = change
  if (revision <= from) return undefined
  const was = previous !== undefined && selects(selection, key, previous.object)
  if (current !== undefined && selects(selection, key, current.object)) {
    const entry = view(current)
    return { type: was ? 'MODIFIED' : 'ADDED', object: entry.object, entry, ...(withPrevious && was ? { previous } : {}) }
  }
  if (!was) return undefined
  change.gone ??= goneEntry(previous, revision)
  const entry = view(change.gone)
  return { type: 'DELETED', object: entry.object, entry }
}

/** An object as its DELETED event shows it: its last state with the revision of the deletion. */
function goneEntry(previous: Cached, revision: number): Cached {
  const object: KubeObject = deepFreeze(withResourceVersion(previous.object, String(revision)))
  return new Cached(object, previous.key, revision, 0)
}
