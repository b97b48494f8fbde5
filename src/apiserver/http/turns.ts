/**
 * How much one turn of the event loop begins. Node writes to sockets when a turn is over: if a turn answered all that came
 * with it, the first of them would wait for the last, and the clients' work and ours would never overlap. Requests with long
 * bodies are much work, so that fewer of them make a turn.
 */

/** What a turn begins, of requests that weigh `weightOf` each. */
const perTurn = 8
const bytesPerWeight = 1500

export interface Turns {
  /** Resolves when a request with a body of so many bytes may begin: undefined when that is now. */
  begin(bodyBytes: number): Promise<void> | undefined
}

const weightOf = (bodyBytes: number): number => Math.min(perTurn, 1 + Math.floor(bodyBytes / bytesPerWeight))

export function createTurns(): Turns {
  const waiting: { readonly weight: number; go(): void }[] = []
  let begun = 0
  const next = (): void => {
    begun = 0
    while (waiting.length > 0 && (begun === 0 || begun + waiting[0]!.weight <= perTurn)) {
      const { weight, go } = waiting.shift()!
      begun += weight
      go()
    }
    if (begun > 0) setImmediate(next)
  }
  return {
    begin(bodyBytes) {
      const weight = weightOf(bodyBytes)
      if (waiting.length > 0 || begun + weight > perTurn) return new Promise((resolve) => waiting.push({ weight, go: resolve }))
      if (begun === 0) setImmediate(next)
      begun += weight
      return undefined
    },
  }
}
