/**
 * Not all pods start at the same moment: a runtime that is asked for a hundred sandboxes at once finishes all of them late.
 * Each step of a start waits for its turn, the later steps before the earlier ones, so that what has begun is finished first.
 */
import type { Clock } from '../../base/env.ts'
import type { RuntimeService } from './contract.ts'

type Work<T> = () => Promise<T>

interface Waiting {
  readonly rank: number
  readonly go: () => void
}

/** A call that takes longer (a network that does not come) no longer counts: it must not keep others from starting. */
const countsForMs = 10_000

/** A pod's start is several calls; between two of them it is still under way. */
const betweenCallsMs = 100

export interface RankedTurns {
  /** Runs the work when it is its turn. */
  take<T>(rank: number, work: Work<T>): Promise<T>
  /** Resolves when nothing runs or waits, or after `limitMs`. */
  quiet(limitMs: number): Promise<void>
}

/** Lets at most `limit` calls run at a time, of those that wait the one with the lowest rank first. */
export function createRankedTurns(clock: Clock, limit: number): RankedTurns {
  const waiting: Waiting[] = []
  let running = 0
  let lastEnd = -Infinity

  function release(): void {
    running--
    lastEnd = clock.monotonic()
    if (waiting.length === 0) return
    const best = waiting.reduce((least, one) => (one.rank < least.rank ? one : least))
    waiting.splice(waiting.indexOf(best), 1)
    best.go()
  }

  async function take<T>(rank: number, work: Work<T>): Promise<T> {
    if (running >= limit) await new Promise<void>((go) => waiting.push({ rank, go }))
    running++
    let counted = true
    const end = () => {
      if (counted) release()
      counted = false
    }
    const timer = clock.setTimeout(end, countsForMs)
    try {
      return await work()
    } finally {
      timer.cancel()
      end()
    }
  }

  return {
    take,
    async quiet(limitMs) {
      const end = clock.monotonic() + limitMs
      while (clock.monotonic() < end && (running > 0 || clock.monotonic() - lastEnd < betweenCallsMs)) await clock.sleep(betweenCallsMs)
    },
  }
}

/** The runtime with starts in turns. */
export function withTurns(runtime: RuntimeService, { take: turn }: RankedTurns): RuntimeService {
  return {
    ...runtime,
    startContainer: (...given) => turn(0, () => runtime.startContainer(...given)),
    createContainer: (...given) => turn(1, () => runtime.createContainer(...given)),
    runPodSandbox: (...given) => turn(2, () => runtime.runPodSandbox(...given)),
  }
}
