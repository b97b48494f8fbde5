/**
 * A clock that moves only when it is told to. Timers that fall due run in order of their time, then of their making, and
 * what each starts gets to its end before time goes on: with seeded chance and no sockets a run repeats itself exactly.
 */
import type { Clock, Timer } from '../env.ts'
import { parseSpan } from './span.ts'

export interface VirtualClockOptions {
  /** ms since the epoch. */
  readonly start: number
  /** Resolves when every promise that can go on without time has gone on. */
  readonly settle: () => Promise<void>
  /** The clock beside which `run` moves. */
  readonly real: Clock
}

interface Waiting {
  readonly at: number
  readonly order: number
  callback: (() => void) | undefined
}

export class VirtualClock implements Clock {
  #now: number
  readonly #start: number
  readonly #settle: () => Promise<void>
  readonly #real: Clock
  #heap: Waiting[] = []
  #cancelled = 0
  #order = 0
  #holds = 0
  #onRelease: (() => void)[] = []
  #turn: Promise<void> = Promise.resolve()
  #running: AbortController | undefined
  #fired = 0
  #beforeMove: (() => Promise<void>) | undefined

  constructor(options: VirtualClockOptions) {
    this.#now = options.start
    this.#start = options.start
    this.#settle = options.settle
    this.#real = options.real
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now - this.#start
  }

  /** How many timers have run. */
  get fired(): number {
    return this.#fired
  }

  /** When the next timer falls due, in ms since the epoch; undefined when none waits. */
  get next(): number | undefined {
    this.#dropCancelled()
    return this.#heap[0]?.at
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    const waiting: Waiting = { at: this.#now + (delayMs > 0 ? delayMs : 0), order: this.#order++, callback }
    push(this.#heap, waiting)
    return {
      cancel: () => {
        if (waiting.callback === undefined) return
        waiting.callback = undefined
        this.#cancelled++
        if (this.#cancelled > 1000 && this.#cancelled * 2 > this.#heap.length) this.#rebuild()
      },
    }
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = () => {
        timer.cancel()
        reject(signal!.reason as Error)
      }
      const timer = this.setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, delayMs)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Time stands still until what is returned is called: somebody outside this process is at work. */
  hold(): () => void {
    this.#holds++
    let released = false
    return () => {
      if (released) return
      released = true
      if (--this.#holds === 0) for (const wake of this.#onRelease.splice(0)) wake()
    }
  }

  /** Moves time on by "30 days", "1h30m", ms; everything that falls due meanwhile runs. */
  async advance(by: number | string): Promise<void> {
    const ms = parseSpan(by)
    await this.#exclusively(() => this.#advanceTo(this.#now + ms))
  }

  /** Moves time on to that moment; a moment that is over only lets things settle. */
  async advanceTo(moment: number | string | Date): Promise<void> {
    const at = typeof moment === 'number' ? moment : new Date(moment).getTime()
    if (Number.isNaN(at)) throw new Error(`no moment: ${JSON.stringify(moment)}`)
    await this.#exclusively(() => this.#advanceTo(at))
  }

  /** Moves time to the next timer and runs what is due then; false when nothing waits. */
  step(): Promise<boolean> {
    return this.#exclusively(async () => {
      await this.settled()
      const at = this.next
      if (at === undefined) return false
      await this.#advanceTo(at)
      return true
    })
  }

  /** Lets everything happen that needs no time. */
  async settled(): Promise<void> {
    await this.#settle()
    while (this.#holds > 0) {
      await new Promise<void>((resolve) => this.#onRelease.push(resolve))
      await this.#settle()
    }
  }

  /** Moves time from timer to timer until the promise is settled or `limit` is over, and answers as the promise does. */
  async until<T>(promise: Promise<T>, limit: number | string = '1h'): Promise<T> {
    let ended = false
    const end = () => void (ended = true)
    promise.then(end, end)
    const limitMs = parseSpan(limit)
    await this.#exclusively(async () => {
      const last = this.#now + limitMs
      for (await this.settled(); !ended; await this.settled()) {
        const at = this.next
        if (at === undefined || at > last) throw new Error(`waited in vain for ${limit}${at === undefined ? ': nothing more can happen' : ''}`)
        this.#runDue(at)
      }
    })
    return promise
  }

  /** Called, once, before time moves for the first time from now on; time moves for it as it needs. */
  beforeMove(prepare: (() => Promise<void>) | undefined): void {
    this.#beforeMove = prepare
  }

  /** Moves time with the real one, `speed` times as fast, until `pause`. */
  run(speed = 1): void {
    this.pause()
    const running = (this.#running = new AbortController())
    void this.#follow(speed, running.signal)
  }

  pause(): void {
    this.#running?.abort()
    this.#running = undefined
  }

  get paused(): boolean {
    return this.#running === undefined
  }

  async #follow(speed: number, signal: AbortSignal): Promise<void> {
    const from = this.#now
    const started = this.#real.monotonic()
    while (!signal.aborted) {
      await this.#real.sleep(tickMs, signal).catch(() => undefined)
      if (signal.aborted) return
      const to = from + (this.#real.monotonic() - started) * speed
      await this.#exclusively(() => this.#advanceTo(to, signal))
    }
  }

  async #advanceTo(end: number, signal?: AbortSignal): Promise<void> {
    for (await this.settled(); signal?.aborted !== true; await this.settled()) {
      const at = this.next
      if (at === undefined || at > end) break
      this.#runDue(at)
    }
    if (signal?.aborted !== true && end > this.#now) this.#now = end
  }

  /** Runs the timers of one moment, in order. */
  #runDue(at: number): void {
    if (at > this.#now) this.#now = at
    const last = this.#order
    for (;;) {
      this.#dropCancelled()
      const first = this.#heap[0]
      // What these timers set for the same moment comes after what they started has settled.
      if (first === undefined || first.at > at || first.order >= last) return
      pop(this.#heap)
      const { callback } = first
      first.callback = undefined
      this.#fired++
      callback?.()
    }
  }

  async #exclusively<T>(move: () => Promise<T>): Promise<T> {
    const prepare = this.#beforeMove
    this.#beforeMove = undefined
    await prepare?.()
    const moved = this.#turn.then(move)
    this.#turn = moved.then(() => undefined, () => undefined)
    return moved
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.callback === undefined) {
      pop(this.#heap)
      this.#cancelled--
    }
  }

  #rebuild(): void {
    const kept = this.#heap.filter(({ callback }) => callback !== undefined)
    this.#heap = kept.sort((a, b) => a.at - b.at || a.order - b.order)
    this.#cancelled = 0
  }
}

const tickMs = 10

function before(a: Waiting, b: Waiting): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Waiting[], item: Waiting): void {
  let i = heap.push(item) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(item, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = item
}

function pop(heap: Waiting[]): void {
  const last = heap.pop()!
  const size = heap.length
  if (size === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= size) break
    if (child + 1 < size && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
}
