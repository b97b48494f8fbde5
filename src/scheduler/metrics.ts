import type { Metrics } from '../base/env.ts'

const attemptBuckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i)

/** The scheduler's instruments under upstream's names (pkg/scheduler/metrics). */
export function schedulerMetrics(metrics: Metrics, sizes: () => { active: number; backoff: number; unschedulable: number; gated: number }) {
  const attempts = metrics.counter('scheduler_schedule_attempts_total', 'Number of attempts to schedule pods, by the result.', ['result', 'profile'])
  const duration = metrics.histogram('scheduler_scheduling_attempt_duration_seconds', 'Scheduling attempt latency in seconds (scheduling algorithm + binding)', attemptBuckets, ['result', 'profile'])
  const pending = metrics.gauge('scheduler_pending_pods', 'Number of pending pods, by the queue type.', ['queue'])
  return {
    attempt(result: 'scheduled' | 'unschedulable' | 'error', profile: string, seconds: number): void {
      attempts.inc({ result, profile })
      duration.observe(seconds, { result, profile })
      for (const [queue, size] of Object.entries(sizes())) pending.set(size, { queue })
    },
  }
}
