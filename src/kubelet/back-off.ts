/** Growing delays by key. Upstream: client-go/util/flowcontrol/backoff.go as the kubelet uses it: 10 s doubling to 5 min. */
import type { Clock } from '../base/env.ts'

interface Entry {
  delayMs: number
  updated: number
  /** A beginning that lies in the future, since the clock was put back, and when (monotonic) it was first asked about. */
  ahead?: { readonly since: number; readonly seen: number }
}

export class BackOff {
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Clock
  readonly #initialMs: number
  readonly #maxMs: number
  constructor(clock: Clock, initialMs: number, maxMs: number) {
    this.#clock = clock
    this.#initialMs = initialMs
    this.#maxMs = maxMs
  }

  /** Current delay of a key, 0 when it has none. */
  delay(key: string): number {
    return this.#entries.get(key)?.delayMs ?? 0
  }

  /** Counts a failure at `eventTime` (ms). After twice the longest delay without one it begins anew. */
  next(key: string, eventTime: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#expired(entry, eventTime)) {
      this.#entries.set(key, { delayMs: this.#initialMs, updated: this.#clock.now() })
    } else {
      entry.delayMs = Math.min(entry.delayMs * 2, this.#maxMs)
      entry.updated = this.#clock.now()
    }
  }

  /** ms until the delay that began at `since` is over; 0 when it is. */
  remainingSince(key: string, since: number): number {
    const entry = this.#entries.get(key)
    if (entry === undefined || this.#expired(entry, since)) return 0
    if (since <= this.#clock.now()) return Math.max(0, since + entry.delayMs - this.#clock.now())
    if (entry.ahead?.since !== since) entry.ahead = { since, seen: this.#clock.monotonic() }
    return Math.max(0, entry.ahead.seen + entry.delayMs - this.#clock.monotonic())
  }

  /** The same, for a delay that began at the last failure. */
  remaining(key: string): number {
    const entry = this.#entries.get(key)
    return entry === undefined ? 0 : this.remainingSince(key, entry.updated)
  }

  /** Forgets keys that begin with `prefix`. */
  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key)
  }

  #expired(entry: Entry, eventTime: number): boolean {
    return eventTime - entry.updated > this.#maxMs * 2
  }
}
