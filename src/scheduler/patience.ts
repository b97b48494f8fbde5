/** When the next cycle begins, seen from the binding before it. */
import type { Task } from '../base/env.ts'

/** Steps of promises that a binding in this process takes at most; one over the network is not done after any number of them. */
const maxSteps = 400
/** After a binding that took longer so many pods go by before patience is tried again. */
const pause = 100
const step = Promise.resolve()

/**
 * A binding that needs nothing but promises, because the API server is in this process, ends before the next cycle begins:
 * its pod is bound as soon as its node is known, and not behind all cycles of a turn. Any other goes on beside the cycles.
 */
export class Patience {
  #open = false
  #number = 0
  #skip = 0

  /** The binding that the next `give` waits for. */
  expect(task: Task | undefined): void {
    if (task === undefined) return
    if (this.#skip > 0) {
      this.#skip--
      return
    }
    const number = ++this.#number
    this.#open = true
    void task.done.then(() => {
      if (number === this.#number) this.#open = false
    })
  }

  async give(): Promise<void> {
    if (!this.#open) return
    for (let steps = 0; this.#open && steps < maxSteps; steps++) await step
    if (!this.#open) return
    this.#open = false
    this.#skip = pause
  }
}
