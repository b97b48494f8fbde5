/** Upstream's metrics of flow control (apiserver/pkg/util/flowcontrol/metrics/metrics.go). */
import type { Metrics } from '../../base/env.ts'

const durationBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
const lengthBuckets = [0, 10, 25, 50, 100, 250, 500, 1000]
const seatBuckets = [1, 2, 4, 8, 16, 32, 64, 100]
const watchBuckets = [0, 1, 10, 100, 1000, 10_000]

/** Of one flow schema in one priority level, with the labels made once. */
export interface FlowMetrics {
  readonly labels: Record<string, string>
  queued: number
  queuedSeats: number
  executing: number
  executingSeats: number
}

export type FlowControlMetrics = ReturnType<typeof createFlowControlMetrics>

export function createFlowControlMetrics(metrics: Metrics) {
  const name = (text: string) => `apiserver_flowcontrol_${text}`
  const flow = ['priority_level', 'flow_schema']
  const level = ['priority_level']
  const gauge = (suffix: string, help: string) => metrics.gauge(name(suffix), help, level)
  const queued = metrics.gauge(name('current_inqueue_requests'), 'Requests that wait in a queue.', flow)
  const queuedSeats = metrics.gauge(name('current_inqueue_seats'), 'Seats that requests in queues wait for.', flow)
  const executing = metrics.gauge(name('current_executing_requests'), 'Requests being worked on, watches until they have begun.', flow)
  const executingSeats = metrics.gauge(name('current_executing_seats'), 'Seats that requests being worked on occupy.', flow)
  const flows = new Map<string, FlowMetrics>()
  return {
    /** The numbers of a flow schema. */
    flow(priorityLevel: string, flowSchema: string): FlowMetrics {
      const key = `${priorityLevel}/${flowSchema}`
      let known = flows.get(key)
      if (known === undefined) {
        flows.set(key, (known = {
          labels: { priority_level: priorityLevel, flow_schema: flowSchema }, queued: 0, queuedSeats: 0, executing: 0, executingSeats: 0,
        }))
      }
      return known
    },
    queue(of: FlowMetrics, requests: number, seats: number): void {
      queued.set((of.queued += requests), of.labels)
      queuedSeats.set((of.queuedSeats += seats), of.labels)
    },
    execute(of: FlowMetrics, requests: number, seats: number): void {
      executing.set((of.executing += requests), of.labels)
      executingSeats.set((of.executingSeats += seats), of.labels)
    },
    rejected: metrics.counter(name('rejected_requests_total'), 'Requests refused, by reason.', [...flow, 'reason']),
    dispatched: metrics.counter(name('dispatched_requests_total'), 'Requests let through.', flow),
    queueLength: metrics.histogram(name('request_queue_length_after_enqueue'), 'Length of a queue behind a request that joined it.', lengthBuckets, flow),
    waited: metrics.histogram(name('request_wait_duration_seconds'), 'Time that requests waited in queues.', durationBuckets, [...flow, 'execute']),
    executed: metrics.histogram(name('request_execution_seconds'), 'Time that requests were worked on, watches until they began.', durationBuckets, [...flow, 'type']),
    seats: metrics.histogram(name('work_estimated_seats'), 'Seats that requests were estimated to need.', seatBuckets, flow),
    watchers: metrics.histogram(name('watch_count_samples'), 'Watches that a change is of interest to.', watchBuckets, flow),
    unaccommodated: metrics.counter(name('request_dispatch_no_accommodation_total'), 'Times that the next request did not find the seats it needs.', flow),
    progress: gauge('current_r', 'Progress of the fair queues at their last change.'),
    nominal: gauge('nominal_limit_seats', 'Seats of a level by its shares.'),
    lower: gauge('lower_limit_seats', 'Seats that a level keeps when it lends all it may.'),
    upper: gauge('upper_limit_seats', 'Seats that a level may have with all it may borrow.'),
    current: gauge('current_limit_seats', 'Seats that a level has at the moment.'),
    highWatermark: gauge('demand_seats_high_watermark', 'Most seats that a level could have used in the last period.'),
    average: gauge('demand_seats_average', 'Seats that a level could have used on the average of the last period.'),
    deviation: gauge('demand_seats_stdev', 'Standard deviation of the seats that a level could have used.'),
    smoothed: gauge('demand_seats_smoothed', 'Smoothed demand for seats.'),
    target: gauge('target_seats', 'Seats that a level is to get.'),
    fairFraction: metrics.gauge(name('seat_fair_frac'), 'Part of its target that each level gets which no bound holds.'),
  }
}
