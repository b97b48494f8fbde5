/** Metrics under upstream's names (k8s.io/endpointslice/metrics). */
import type { Metrics } from '../../base/env.ts'
import { keyOf } from '../../client/lister.ts'
import type { Measured } from '../../client/reconcile.ts'
import { countSlices, sliceChanges, type SliceTotals } from '../shared/slice-metrics.ts'
import type { EndpointSliceSnapshot } from './plan.ts'

const prefix = 'endpoint_slice_controller_'
const defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Counts one look at a service; `totals` is what stands for all of them. */
export function measureService({ snapshot: { service, slices, maxEndpoints }, steps, failed }: Measured<EndpointSliceSnapshot>, metrics: Metrics, totals: SliceTotals): void {
  metrics.counter(`${prefix}syncs`, 'Number of EndpointSlice syncs', ['result']).inc({ result: failed ? 'error' : 'success' })
  if (failed) return
  const changes = sliceChanges(slices, steps)
  countSlices(metrics, 'endpoint_slice_controller', 'Service', changes, totals.set(keyOf(service), changes.groups, maxEndpoints))
  const { annotations } = service.metadata
  const mode = annotations?.['service.kubernetes.io/topology-mode'] ?? annotations?.['service.kubernetes.io/topology-aware-hints'] ?? ''
  const topology = mode.toLowerCase() === 'auto' ? 'Auto' : 'Disabled'
  const changed = Object.values(changes.operations).reduce((sum, count) => sum + count, 0)
  metrics.histogram(`${prefix}endpointslices_changed_per_sync`, 'Number of EndpointSlices changed on each Service sync', defaultBuckets, ['topology', 'traffic_distribution'])
    .observe(changed, { topology, traffic_distribution: topology === 'Auto' ? '' : service.spec?.trafficDistribution ?? '' })
}
