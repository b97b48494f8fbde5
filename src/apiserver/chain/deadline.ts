/** Gives every request that is not long-running a deadline (upstream: filters/request_deadline.go, server/filters/timeout.go). */
import type { Clock } from '../../base/env.ts'
import { badRequest, timeoutError } from '../../api/meta/errors.ts'
import type { ApiResponse, Filter } from '../handler.ts'
import { parseGoDuration } from './go-duration.ts'
import { isLongRunning } from './request-info.ts'

export function deadlineFilter(clock: Clock, maximumMs: number): Filter {
  return {
    name: 'deadline',
    wrap: (next) => (request) => {
      // Who moves the clock must not be timed by it.
      if (isLongRunning(request.info) || request.info.path.startsWith('/coxswain/')) return next(request)
      const deadlineMs = requestedTimeout(request.query.get('timeout'), maximumMs)
      const controller = new AbortController()
      const signal = AbortSignal.any([request.signal, controller.signal])
      return new Promise<ApiResponse>((resolve, reject) => {
        const timer = clock.setTimeout(() => {
          const late = timeoutError('request did not complete within the allotted timeout')
          controller.abort(late)
          reject(late)
        }, deadlineMs)
        next({ ...request, signal }).then(resolve, reject).finally(() => timer.cancel())
      })
    },
  }
}

/** The client's wish, as far as it is shorter than the server's own limit. */
export function requestedTimeout(text: string | null, maximumMs: number): number {
  if (text === null || text === '') return maximumMs
  const ms = parseGoDuration(text)
  if (ms === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`)
  }
  return ms > 0 && ms < maximumMs ? ms : maximumMs
}
