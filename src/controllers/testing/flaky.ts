/** A road between controllers and the API that breaks at a chosen write. For tests. */
import type { ApiHandler, ApiRequest, ApiResponse, WatchResponse, WatchResponseEvent } from '../../api/meta/request.ts'
import type { Clock } from '../../base/env.ts'

/**
 * What happens at the write: the process dies before it, or behind it without having read the answer; only the answer is
 * lost; or nothing gets through any more for a while, in both directions.
 */
export type Failure = 'killed before' | 'killed behind' | 'answer lost' | 'cut off'

export interface FlakyRoad {
  readonly handler: ApiHandler
  /** Writes that came, events and leases not counted. */
  readonly writes: number
  /** The process that uses the road is to be taken for dead. */
  readonly dead: boolean
}

const readOnly: ReadonlySet<string> = new Set(['get', 'list', 'watch'])
const lost = (): Error => new Error('the connection was lost')

/** Breaks at write number `at` (from 1; 0: never). A road that was cut off heals after `cutMs`. */
export function flakyRoad(inner: ApiHandler, clock: Clock, at: number, failure: Failure, cutMs = 40_000): FlakyRoad {
  const road = { writes: 0, dead: false }
  let cut: Promise<void> | undefined
  const broken = new Set<() => void>()

  function breakOff(): void {
    if (failure === 'cut off') {
      cut = new Promise((healed) => clock.setTimeout(() => {
        cut = undefined
        healed()
        // A watch that heard nothing for so long is given up, and what it missed is lost with it.
        for (const end of broken) end()
      }, cutMs))
    } else if (failure !== 'answer lost') {
      road.dead = true
      for (const end of broken) end()
    }
  }

  function overRoad(watch: WatchResponse): WatchResponse {
    async function* events(): AsyncGenerator<readonly WatchResponseEvent[]> {
      let end!: () => void
      const ended = new Promise<never>((_, reject) => (end = () => reject(lost())))
      ended.catch(() => undefined)
      broken.add(end)
      const source = watch.events[Symbol.asyncIterator]()
      try {
        for (;;) {
          const next = await Promise.race([source.next(), ended])
          if (cut !== undefined) await ended
          if (next.done === true) return
          yield next.value
        }
      } finally {
        broken.delete(end)
        void source.return?.()
      }
    }
    return { type: 'watch', events: events() }
  }

  async function handler(request: ApiRequest): Promise<ApiResponse> {
    if (road.dead || cut !== undefined) throw lost()
    const { verb, resource } = request.info
    const counts = request.info.isResourceRequest && !readOnly.has(verb) && resource !== 'events' && resource !== 'leases'
    if (!counts || ++road.writes !== at) {
      const answer = await inner(request)
      return answer.type === 'watch' ? overRoad(answer) : answer
    }
    if (failure !== 'killed before') await inner(request)
    breakOff()
    throw lost()
  }
  return Object.assign(road, { handler })
}
