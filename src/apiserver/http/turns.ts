/**
 * How many requests one turn of the event loop begins. Node writes to sockets when a turn is over: if a turn answered all
 * that came with it, the first of them would wait for the last, and the clients' work and ours would never overlap.
 */

const perTurn = 4

export interface Turns {
  /** Resolves when a request may begin: undefined when that is now. */
  begin(): Promise<void> | undefined
}

export function createTurns(): Turns {
  const waiting: (() => void)[] = []
  let begun = 0
  const next = (): void => {
    begun = Math.min(perTurn, waiting.length)
    for (const go of waiting.splice(0, perTurn)) go()
    if (begun > 0) setImmediate(next)
  }
  return {
    begin() {
      if (begun === perTurn) return new Promise((resolve) => waiting.push(resolve))
      if (begun++ === 0) setImmediate(next)
      return undefined
    },
  }
}
