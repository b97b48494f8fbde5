import type { Trace } from '../base/env.ts'

const maxCauses = 8

/** Which events put a key into a queue since it was last worked on. */
export class QueuedCauses {
  readonly #trace: Trace
  readonly #events = new Map<string, number[]>()

  constructor(trace: Trace) {
    this.#trace = trace
  }

  /** The key goes into the queue because of what is under way. */
  note(key: string): void {
    const cause = this.#trace.current()
    if (cause?.type !== 'event') return
    const known = this.#events.get(key)
    if (known === undefined) this.#events.set(key, [cause.revision])
    else if (known.length < maxCauses && !known.includes(cause.revision)) known.push(cause.revision)
  }

  /** Whatever the work does, the controller does looking at the key because of the events noted. */
  run<T>(controller: string, key: string, work: () => T): T {
    const events = this.#events.get(key) ?? []
    this.#events.delete(key)
    return this.#trace.run({ type: 'reconcile', controller, key, events }, work)
  }
}
