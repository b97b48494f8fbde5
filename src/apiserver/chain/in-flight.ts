/** How many requests may be worked on at a time (upstream: server/filters/maxinflight.go). */
import type { Metrics } from '../../base/env.ts'
import { tooManyRequests } from '../../api/meta/errors.ts'
import { privilegedGroup } from '../auth/contract.ts'
import type { Filter } from '../handler.ts'
import { isLongRunning } from './request-info.ts'

export interface InFlightLimits {
  /** 0: no limit. */
  readonly readOnly: number
  readonly mutating: number
}

const readOnlyVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options'])

export function inFlightFilter(limits: InFlightLimits, metrics: Metrics): Filter {
  const running = { readOnly: 0, mutating: 0 }
  const gauge = metrics.gauge('apiserver_current_inflight_requests', 'Requests being worked on, by kind.', ['request_kind'])
  const dropped = metrics.counter('apiserver_dropped_requests_total', 'Requests refused because too many were running.', ['request_kind'])
  return {
    name: 'in-flight',
    wrap: (next) => async (request) => {
      if (isLongRunning(request.info)) return next(request)
      const kind = readOnlyVerbs.has(request.info.verb) ? 'readOnly' : 'mutating'
      const limit = limits[kind]
      // The cluster's own loopback and its masters must always get an answer.
      if (limit > 0 && running[kind] >= limit && !request.user.groups.includes(privilegedGroup)) {
        dropped.inc({ request_kind: kind })
        throw tooManyRequests('Too many requests, please try again later.', 1)
      }
      running[kind]++
      gauge.set(running[kind], { request_kind: kind })
      try {
        return await next(request)
      } finally {
        running[kind]--
        gauge.set(running[kind], { request_kind: kind })
      }
    },
  }
}
