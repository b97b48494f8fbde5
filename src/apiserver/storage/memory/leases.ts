/** Forgets keys when their time is over: one timer for the earliest of them. */
import type { Clock, Timer } from '../../../base/env.ts'
import type { StoredValue } from './mvcc.ts'

interface Due {
  readonly at: number
  readonly key: string
  readonly modRevision: number
}

export class Leases {
  readonly #clock: Clock
  readonly #expire: (key: string, modRevision: number) => void
  /** A binary heap by time. Entries of keys that were written again since are skipped when they come up. */
  readonly #heap: Due[] = []
  #timer: Timer | undefined
  #timerAt = Infinity

  /** `expire` deletes the key if it still has that modRevision. */
  constructor(clock: Clock, expire: (key: string, modRevision: number) => void) {
    this.#clock = clock
    this.#expire = expire
  }

  add(value: StoredValue): void {
    if (value.expiresAt === undefined) return
    this.#push({ at: value.expiresAt, key: value.key, modRevision: value.modRevision })
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#heap.length = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || (this.#timer !== undefined && this.#timerAt <= first.at)) return
    this.#timer?.cancel()
    this.#timerAt = first.at
    this.#timer = this.#clock.setTimeout(() => this.#fire(), Math.max(0, first.at - this.#clock.now()))
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#clock.now()
    while (this.#heap[0] !== undefined && this.#heap[0].at <= now) {
      const due = this.#pop()
      this.#expire(due.key, due.modRevision)
    }
    this.#arm()
  }

  #push(due: Due): void {
    const heap = this.#heap
    let i = heap.push(due) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (heap[parent]!.at <= due.at) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = due
  }

  #pop(): Due {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    const size = heap.length
    if (size === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      if (child + 1 < size && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}
