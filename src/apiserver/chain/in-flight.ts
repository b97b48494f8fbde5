/** How many requests may be worked on at a time (upstream: server/filters/maxinflight.go). */
import type { Metrics } from '../../base/env.ts'
import { privilegedGroup } from '../auth/contract.ts'
import type { Filter, RequestInfo } from '../handler.ts'
import { tooManyRequests } from './too-many-requests.ts'
import { isLongRunning } from './request-info.ts'

export interface InFlightLimits {
  /** 0: no limit. */
  readonly readOnly: number
  readonly mutating: number
}

const readOnlyVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options'])

/** Counts what is being worked on and what is refused, by whether it changes anything. */
export class InFlightCounts {
  readonly running = { readOnly: 0, mutating: 0 }
  readonly #gauge: ReturnType<Metrics['gauge']>
  readonly #dropped: ReturnType<Metrics['counter']>

  constructor(metrics: Metrics) {
    this.#gauge = metrics.gauge('apiserver_current_inflight_requests', 'Requests being worked on, by kind.', ['request_kind'])
    this.#dropped = metrics.counter('apiserver_dropped_requests_total', 'Requests refused because too many were running.', ['request_kind'])
  }

  /** Answers what to call when the request is done. */
  begin(info: RequestInfo): () => void {
    const kind = kindOf(info)
    this.#gauge.set(++this.running[kind], { request_kind: kind })
    return () => this.#gauge.set(--this.running[kind], { request_kind: kind })
  }

  dropped(info: RequestInfo): void {
    this.#dropped.inc({ request_kind: kindOf(info) })
  }
}

const kindOf = ({ verb }: RequestInfo): 'readOnly' | 'mutating' => (readOnlyVerbs.has(verb) ? 'readOnly' : 'mutating')

/** Without priority and fairness: everybody is equal, except for the cluster's own administrators. */
export function inFlightFilter(limits: InFlightLimits, counts: InFlightCounts): Filter {
  return {
    name: 'in-flight',
    wrap: (next) => async (request) => {
      const { info } = request
      if (isLongRunning(info)) return next(request)
      const kind = kindOf(info)
      const limit = limits[kind]
      if (limit > 0 && counts.running[kind] >= limit && !request.user.groups.includes(privilegedGroup)) {
        counts.dropped(info)
        return tooManyRequests(1)
      }
      const done = counts.begin(info)
      try {
        return await next(request)
      } finally {
        done()
      }
    },
  }
}
