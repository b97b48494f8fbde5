/** The changes of a resource that its cache remembers for watchers, each with its place among all that there ever were. */
import { ChangeLog } from '../../base/change-log.ts'
import type { Cached } from './cached.ts'

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

/** One write of one object. */
export interface Change {
  readonly revision: number
  readonly time: number
  readonly key: string
  readonly current: Cached | undefined
  readonly previous: Cached | undefined
  /** `previous` with this change's revision, as DELETED events show it. */
  gone: Cached | undefined
}

/** A bounded log. Places count from the first change that there was and stay the same when old ones are forgotten. */
export class History {
  #changes = new ChangeLog<Change>()
  #bytes = 0
  #forgotten = 0
  readonly #limits: HistoryLimits

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  /** The same changes, in constant time; both go their own way from here. */
  fork(): History {
    const fork = new History(this.#limits)
    fork.#changes = this.#changes.fork()
    fork.#bytes = this.#bytes
    return fork
  }

  /** The place of the oldest change that is remembered. */
  get first(): number {
    return this.#forgotten
  }
  /** The place that the next change will have. */
  get end(): number {
    return this.#forgotten + this.#changes.length
  }
  get last(): Change | undefined {
    return this.#changes.last
  }

  at(place: number): Change {
    return this.#changes.at(place - this.#forgotten)
  }

  /** The place of the first change behind the revision, or the end. */
  after(revision: number): number {
    return this.#forgotten + this.#changes.after(revision)
  }

  push(change: Change): void {
    this.#changes.push(change)
    this.#bytes += change.current?.bytes ?? 0
  }

  /** The last revision up to that time, in ms since the epoch; undefined when that is forgotten or was never there. */
  revisionAt(time: number): number | undefined {
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#changes.at(middle).time > time) high = middle
      else low = middle + 1
    }
    return low === 0 ? undefined : this.#changes.at(low - 1).revision
  }

  /** Forgets what the limits do not keep; the revision of the last change that was forgotten, if any was. */
  prune(now: number): number | undefined {
    const { minAgeMs, minEvents, maxEvents, maxBytes } = this.#limits
    const count = this.#changes.length
    const over = count > maxEvents || this.#bytes > maxBytes
    // Looked at only now and then: dropping from the front costs the length of the list.
    if (!over && (count < minEvents * 2 || (count & 1023) !== 0)) return undefined
    let drop = 0
    let bytes = this.#bytes
    while (count - drop > minEvents) {
      const change = this.#changes.at(drop)
      const tooMuch = count - drop > maxEvents * 0.9 || bytes > maxBytes * 0.9
      if (!(over && tooMuch) && now - change.time < minAgeMs) break
      bytes -= change.current?.bytes ?? 0
      drop++
    }
    if (drop === 0) return undefined
    const { revision } = this.#changes.at(drop - 1)
    this.#changes.drop(drop)
    this.#forgotten += drop
    this.#bytes = bytes
    return revision
  }
}
