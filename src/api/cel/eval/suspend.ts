/** Evaluation is synchronous; what it needs to wait for ends it, and it is begun anew when that is there. */
export class Suspended extends Error {
  readonly until: Promise<unknown>

  constructor(until: Promise<unknown>) {
    super('evaluation waits for an answer')
    this.until = until
  }
}

/** Runs an evaluation as often as it takes until nothing is missing. Only authorization checks can make it wait. */
export async function resuming<T>(evaluate: () => T): Promise<T> {
  for (;;) {
    try {
      return evaluate()
    } catch (error) {
      if (!(error instanceof Suspended)) throw error
      await error.until
    }
  }
}
