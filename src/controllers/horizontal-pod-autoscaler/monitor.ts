/** Metrics under upstream's names (pkg/controller/podautoscaler/monitor). */
import type { HorizontalPodAutoscaler } from '../../api/generated/types/autoscaling-v2.ts'
import type { Metrics } from '../../base/env.ts'

const prefix = 'horizontal_pod_autoscaler_controller_'
const buckets = Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at)

export function autoscalerMetrics(metrics: Metrics) {
  const labels = ['action', 'error']
  const total = metrics.counter(`${prefix}reconciliations_total`, 'Number of reconciliations of HPA controller.', labels)
  const seconds = metrics.histogram(`${prefix}reconciliation_duration_seconds`, 'The time(seconds) that the HPA controller takes to reconcile once.', buckets, labels)
  const ofMetrics = [...labels, 'metric_type']
  const computed = metrics.counter(`${prefix}metric_computation_total`, 'Number of metric computations.', ofMetrics)
  const computedSeconds = metrics.histogram(`${prefix}metric_computation_duration_seconds`, 'The time(seconds) that the HPA controller takes to calculate one metric.', buckets, ofMetrics)
  const number = metrics.gauge(`${prefix}num_horizontal_pod_autoscalers`, 'Current number of controlled HPA objects.')
  const wanted = metrics.gauge(`${prefix}desired_replicas`, 'Current desired replica count for HPA objects.', ['namespace', 'hpa_name'])
  return {
    count: (size: number) => number.set(size),
    reconciled(action: string, failed: boolean, took: number) {
      const values = { action: failed ? 'none' : action, error: failed ? 'internal' : 'none' }
      total.inc(values)
      seconds.observe(took, values)
    },
    /** One metric of the spec was worked out; `action` is what it alone would do. */
    computed(type: string, action: string, error: 'none' | 'internal' | 'spec', took: number) {
      const values = { action: error === 'none' ? action : 'none', error, metric_type: type }
      computed.inc(values)
      computedSeconds.observe(took, values)
    },
    desired: ({ metadata }: HorizontalPodAutoscaler, replicas: number) =>
      wanted.set(replicas, { namespace: metadata.namespace ?? '', hpa_name: metadata.name ?? '' }),
  }
}
