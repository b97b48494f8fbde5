/** How long refused clients are asked to stay away: longer while many are refused (flowcontrol/dropped_requests_tracker.go). */

const maxSeconds = 32

interface Second {
  readonly at: number
  readonly refused: number
}

class Level {
  retryAfter = 1
  #history: Second[] = []
  #current = { at: 0, refused: 0 }
  #updated = 0

  refused(second: number): void {
    if (this.#current.at === second) {
      this.#current.refused++
      return
    }
    this.#history.push(this.#current)
    const kept = Math.min(2 * this.retryAfter, maxSeconds)
    this.#history = this.#history.filter(({ at }) => second - at <= kept)
    this.#current = { at: second, refused: 1 }
    this.#adapt(second)
  }

  #adapt(second: number): void {
    const recent = this.#history.filter(({ at }) => at < second && second - at <= this.retryAfter).reduce((sum, { refused }) => sum + refused, 0)
    if (second - this.#updated >= this.retryAfter && recent >= 3 * this.retryAfter) {
      this.retryAfter = Math.min(2 * this.retryAfter, maxSeconds)
      this.#updated = second
    } else if (recent < this.retryAfter && this.retryAfter > 1) this.retryAfter--
  }
}

export class RefusedRequests {
  readonly #levels = new Map<string, Level>()

  /** Notes a refusal; answers the seconds to stay away. */
  refused(level: string, nowMs: number): number {
    let known = this.#levels.get(level)
    if (known === undefined) this.#levels.set(level, (known = new Level()))
    known.refused(Math.floor(nowMs / 1000))
    return known.retryAfter
  }
}
