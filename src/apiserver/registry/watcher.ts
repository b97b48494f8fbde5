/** One reader of a watch cache: a bounded queue between the cache, which never waits, and whoever reads. */
import type { WatchResponseEvent } from '../handler.ts'

/** Events that a watcher may be behind before it is dropped; a reader of a socket catches up or starts again. */
export const maxQueuedEvents = 65_536

export class Watcher implements AsyncIterable<readonly WatchResponseEvent[]> {
  #queue: WatchResponseEvent[] = []
  #wake: (() => void) | undefined
  #closed = false
  #dropped = false
  readonly #onClose: (() => void)[]
  readonly #maxQueued: number

  /** `onClose` is called once: when the watcher is closed, dropped or left by its reader. */
  constructor(onClose: () => void, maxQueued = maxQueuedEvents) {
    this.#onClose = [onClose]
    this.#maxQueued = maxQueued
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

  push(event: WatchResponseEvent): void {
    if (this.#closed) return
    this.#queue.push(event)
    if (this.#queue.length > this.#maxQueued) {
      // Too slow. What is queued is dropped with it: its reader resumes from the last version it saw.
      this.#queue = []
      this.#dropped = true
      this.close()
      return
    }
    this.#notify()
  }

  /** Without the bound: for the initial events of a large collection. */
  pushAll(events: readonly WatchResponseEvent[]): void {
    for (const event of events) this.#queue.push(event)
    this.#notify()
  }

  /** Ends the watch; what is queued is still delivered. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const callback of this.#onClose) callback()
    this.#notify()
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
      if (this.#queue.length > 0) {
        const value = this.#queue
        this.#queue = []
        return { done: false, value }
      }
      if (this.#closed) return { done: true, value: undefined }
      // What comes in the same turn is one batch.
      return new Promise<void>((resolve) => { this.#wake = resolve }).then(next)
    }
    return {
      next: () => Promise.resolve(next()),
      return: () => {
        this.close()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }
}
