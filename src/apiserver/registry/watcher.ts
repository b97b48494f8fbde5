/**
 * One reader of a watch cache: a short queue between the cache, which never waits, and whoever reads. A reader that falls
 * behind its queue fetches what it missed from what the cache remembers anyway, a little at a time, so that thousands of
 * slow readers hold next to nothing.
 */
import type { WatchResponseEvent } from '../handler.ts'

/** What waits for one reader at most, and what it is handed at once: more than one event only when they are small. */
export interface QueueLimits {
  readonly events: number
  /** Of the objects' stored form. */
  readonly bytes: number
}

const defaultLimits: QueueLimits = { events: 256, bytes: 64 * 1024 }

/** Some events, and how many bytes their objects take. */
export interface Batch {
  readonly events: WatchResponseEvent[]
  readonly bytes: number
}

/** The next events that a reader missed, about as many as fit; `done` when there are no more of them. */
export type Fetch = (limits: QueueLimits) => Batch & { readonly done: boolean }

export class Watcher implements AsyncIterable<readonly WatchResponseEvent[]> {
  #queue: WatchResponseEvent[] = []
  #bytes = 0
  #wake: (() => void) | undefined
  #closed = false
  #dropped = false
  /** While the reader is behind: nothing new is queued before it has fetched the rest. */
  #missed: Fetch | undefined
  readonly #onClose: (() => void)[]
  readonly #limits: QueueLimits

  /** `onClose` is called once: when the watcher is closed, dropped or left by its reader. */
  constructor(onClose: () => void, limits = defaultLimits) {
    this.#onClose = [onClose]
    this.#limits = limits
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Whether it ended because its reader was too slow. */
  get dropped(): boolean {
    return this.#dropped
  }

  /** Calls back when the watch ends; at once when it has. */
  onClosed(callback: () => void): void {
    if (this.#closed) callback()
    else this.#onClose.push(callback)
  }

  /** Whether events have to be fetched before new ones can be queued. */
  get behind(): boolean {
    return this.#missed !== undefined
  }

  /** Queues the event, whose object takes so many bytes; answers false when there is no room for it, or older ones come first. */
  push(event: WatchResponseEvent, bytes = 0): boolean {
    if (this.#closed || this.#missed !== undefined) return false
    if (this.#queue.length > 0 && (this.#queue.length >= this.#limits.events || this.#bytes + bytes > this.#limits.bytes)) return false
    this.#queue.push(event)
    this.#bytes += bytes
    this.#notify()
    return true
  }

  /** From now on the reader is behind: when it has read what is queued it gets what `fetch` answers, until that is done. */
  fallBehind(fetch: Fetch): void {
    if (this.#closed) return
    this.#missed = fetch
    this.#notify()
  }

  /** Takes a first part of what was missed now; a reader that missed little is not behind any more. */
  catchUp(): void {
    if (this.#missed === undefined || this.#queue.length > 0) return
    try {
      const { events, bytes, done } = this.#missed(this.#limits)
      this.#queue = events
      this.#bytes = bytes
      if (done) this.#missed = undefined
    } catch (error) {
      this.#missed = undefined
      this.close()
      throw error
    }
  }

  /** Ends the watch; what is queued or was missed is still delivered. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const callback of this.#onClose) callback()
    this.#notify()
  }

  /** Ends the watch of a reader that is too slow, with what is queued: it resumes from the last version that it saw. */
  drop(): void {
    if (this.#closed) return
    this.#queue = []
    this.#missed = undefined
    this.#dropped = true
    this.close()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Not a generator, which takes several turns of promises for a batch. One reader, one call at a time. */
  [Symbol.asyncIterator](): AsyncIterator<readonly WatchResponseEvent[], void> {
    type Result = IteratorResult<readonly WatchResponseEvent[], void>
    const next = (): Result | Promise<Result> => {
      this.catchUp()
      if (this.#queue.length > 0) {
        const value = this.#queue
        this.#queue = []
        this.#bytes = 0
        return { done: false, value }
      }
      if (this.#closed) return { done: true, value: undefined }
      // What comes in the same turn is one batch.
      return new Promise<void>((resolve) => { this.#wake = resolve }).then(next)
    }
    return {
      next: () => Promise.resolve(next()),
      return: () => {
        this.#missed = undefined
        this.close()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }
}
