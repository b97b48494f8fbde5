/** How long each extension point took, as upstream's framework measures it (metrics.FrameworkExtensionPointDuration). */
import type { Clock } from '../base/env.ts'
import type { Code } from './framework.ts'
import type { SchedulerMetrics } from './metrics.ts'

type Status = Code | 'Success' | 'Wait'

/** Costs nothing without metrics. */
export class PointMetrics {
  readonly #metrics: SchedulerMetrics | undefined
  readonly #clock: Clock
  readonly #profile: string
  readonly #observers = new Map<string, Map<Status, (seconds: number) => void>>()

  constructor(metrics: SchedulerMetrics | undefined, clock: Clock, profile: string) {
    this.#metrics = metrics
    this.#clock = clock
    this.#profile = profile
  }

  /** The moment that `end` is told. */
  begin(): number {
    return this.#metrics === undefined ? 0 : this.#clock.monotonic()
  }

  end(point: string, status: Status, began: number): void {
    if (this.#metrics === undefined) return
    let observers = this.#observers.get(point)
    if (observers === undefined) this.#observers.set(point, (observers = new Map()))
    let observe = observers.get(status)
    if (observe === undefined) observers.set(status, (observe = this.#metrics.pointObserver(point, status, this.#profile)))
    observe((this.#clock.monotonic() - began) / 1000)
  }
}
