import type { Clock, Random } from '../base/env.ts'

export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
  /** Default 2. */
  readonly factor?: number
  /** A delay d becomes d + d * jitter * random. Default 0. */
  readonly jitter?: number
  /** After this long without a failure the delay starts again at `initialMs`. Default: never by itself. */
  readonly resetAfterMs?: number
}

/** Delays that grow with each failure (upstream: apimachinery wait.Backoff with a reset). */
export class Backoff {
  readonly #clock: Clock
  readonly #random: Random
  readonly #options: BackoffOptions
  #nextMs: number
  #lastAt = -Infinity

  constructor(clock: Clock, random: Random, options: BackoffOptions) {
    this.#clock = clock
    this.#random = random
    this.#options = options
    this.#nextMs = options.initialMs
  }

  /** The delay for the failure that has just been. */
  next(): number {
    const { initialMs, maxMs, factor = 2, jitter = 0, resetAfterMs } = this.#options
    const now = this.#clock.monotonic()
    if (resetAfterMs !== undefined && now - this.#lastAt > resetAfterMs) this.#nextMs = initialMs
    this.#lastAt = now
    const delay = this.#nextMs
    this.#nextMs = Math.min(maxMs, delay * factor)
    return delay + delay * jitter * this.#random.next()
  }

  reset(): void {
    this.#nextMs = this.#options.initialMs
  }
}
