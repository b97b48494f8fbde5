/** The average, deviation and maximum of a number over time (apiserver flowcontrol/fairqueuing/integrator.go). */

export interface IntegratorResults {
  readonly seconds: number
  readonly average: number
  readonly deviation: number
  readonly max: number
}

export class Integrator {
  readonly #now: () => number
  #last: number
  #value = 0
  #seconds = 0
  #integral = 0
  #squares = 0
  #max = 0

  /** `now` is in ms. */
  constructor(now: () => number) {
    this.#now = now
    this.#last = now()
  }

  set(value: number): void {
    this.#update()
    this.#value = value
    if (value > this.#max) this.#max = value
  }

  /** What happened since the last reset. */
  reset(): IntegratorResults {
    this.#update()
    const seconds = this.#seconds
    const average = seconds <= 0 ? NaN : this.#integral / seconds
    const variance = this.#squares / seconds - average * average
    const results = { seconds, average, deviation: variance >= 0 ? Math.sqrt(variance) : NaN, max: this.#max }
    this.#seconds = this.#integral = this.#squares = 0
    this.#max = this.#value
    return results
  }

  #update(): void {
    const now = this.#now()
    const dt = (now - this.#last) / 1000
    this.#last = now
    this.#seconds += dt
    this.#integral += this.#value * dt
    this.#squares += this.#value * this.#value * dt
  }
}
