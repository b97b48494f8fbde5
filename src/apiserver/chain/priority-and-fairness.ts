/** Lets requests through by priority and fairness (upstream: server/filters/priority-and-fairness.go, flowcontrol/apf_filter.go). */
import type { Clock } from '../../base/env.ts'
import type { ApiRequest, ApiResponse, Filter, RawResponse } from '../handler.ts'
import type { Classified, FlowControl } from '../flowcontrol/controller.ts'
import { RefusedRequests } from '../flowcontrol/retry-after.ts'
import { estimateWork } from '../flowcontrol/work.ts'
import { exchangeOf } from '../http/exchange.ts'
import { requestedTimeout } from './deadline.ts'
import type { InFlightCounts } from './in-flight.ts'
import { isLongRunning } from './request-info.ts'
import { tooManyRequests } from './too-many-requests.ts'

/** No request waits longer, however much time it has. */
const maxWaitMs = 60_000

export function priorityAndFairnessFilter(control: FlowControl, clock: Clock, counts: InFlightCounts, requestTimeoutMs: number): Filter {
  const refusals = new RefusedRequests()
  const refuse = (level: string): RawResponse => tooManyRequests(refusals.refused(level, clock.now()))
  return {
    name: 'priority-and-fairness',
    wrap: (next) => async (request) => {
      const { info, query, user } = request
      const watch = info.verb === 'watch'
      if (isLongRunning(info) && !watch) return next(request)
      const found = control.classify(info, user)
      noteHeaders(request, found)
      const { level, levelName, flow } = found
      const work = estimateWork(info, query, levelName, {
        stats: control.settings.stats, watches: (one) => control.watches.of(one), maxSeats: () => (level.maxSeats > 0 ? level.maxSeats : undefined),
        watched: (count) => control.metrics.watchers.observe(count, flow.metrics.labels),
      })
      control.metrics.seats.observe(Math.max(work.initialSeats, work.finalSeats), flow.metrics.labels)
      level.pending++
      try {
        const queued = level.queues.start(flow, work)
        if (queued === undefined) {
          counts.dropped(info)
          return refuse(levelName)
        }
        const arrived = clock.monotonic()
        // Decided at once, as most are: there is nothing to wait for.
        const execute = queued.decision === undefined
          ? await queued.wait(clock, waitLimit(query, requestTimeoutMs, watch), request.signal) : queued.decision === 'execute'
        if (level.object.spec?.type !== 'Exempt') {
          control.metrics.waited.observe((clock.monotonic() - arrived) / 1000, { ...flow.metrics.labels, execute: String(execute) })
        }
        if (!execute) {
          counts.dropped(info)
          return refuse(levelName)
        }
        control.metrics.dispatched.inc(flow.metrics.labels)
        const began = clock.monotonic()
        const done = counts.begin(info)
        try {
          return await (watch ? watched(control, request, next) : next(request))
        } finally {
          done()
          queued.finish()
          control.metrics.executed.observe((clock.monotonic() - began) / 1000, { ...flow.metrics.labels, type: watch ? 'watch' : 'regular' })
        }
      } finally {
        level.pending--
      }
    },
  }
}

/** A watch has its seat until it has begun, and is of interest to changes until it ends. */
async function watched(control: FlowControl, request: ApiRequest, next: (request: ApiRequest) => Promise<ApiResponse>): Promise<ApiResponse> {
  const forget = control.watches.add(request.info, request.query)
  const exchange = exchangeOf(request)
  const end = exchange?.upgrade?.socket ?? exchange?.response
  end?.once('close', forget)
  try {
    const response = await next(request)
    if (response.type !== 'watch' || end === undefined) forget()
    return response
  } catch (error) {
    forget()
    throw error
  }
}

function waitLimit(query: URLSearchParams, requestTimeoutMs: number, watch: boolean): number {
  return Math.min((watch ? requestTimeoutMs : requestedTimeout(query.get('timeout'), requestTimeoutMs)) / 4, maxWaitMs)
}

/** By uid: what classes an administrator makes is nobody's business. */
function noteHeaders(request: ApiRequest, { schema, level }: Classified): void {
  const exchange = exchangeOf(request)
  if (exchange === undefined) return
  exchange.responseHeaders['x-kubernetes-pf-flowschema-uid'] = schema.metadata?.uid ?? ''
  exchange.responseHeaders['x-kubernetes-pf-prioritylevel-uid'] = level.object.metadata?.uid ?? ''
}
