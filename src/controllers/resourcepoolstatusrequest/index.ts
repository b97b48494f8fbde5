/** Answers questions about pools of devices, and forgets the answers after a while (upstream: pkg/controller/resourcepoolstatusrequest). */
import type { ResourceClaim, ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import type { PoolStatus, ResourcePoolStatusRequest } from '../../api/generated/types/resource-v1alpha3.ts'
import { resourceClaims, resourcePoolStatusRequests, resourceSlices } from '../../api/generated/resources.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { watch } from '../../client/controller.ts'
import { defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { remove, updateStatus } from '../../client/steps.ts'

interface Snapshot {
  readonly request: ResourcePoolStatusRequest
  /** Slices of the driver that is asked about. */
  readonly slices: readonly ResourceSlice[]
  readonly claims: readonly ResourceClaim[]
}

const answeredLifetimeMs = 3_600_000
const pendingLifetimeMs = 24 * 3_600_000
const defaultLimit = 100
const maxErrorBytes = 256

const slicesByDriver: Index<ResourceSlice> = defineIndex('driver', ({ spec }) => [spec.driver])

export const resourcePoolStatusRequestController: ControllerDefinition<Snapshot> = {
  name: 'resourcepoolstatusrequest-controller',
  workers: 1,
  watches: [
    watch(resourcePoolStatusRequests, ({ metadata }) => [metadata.name ?? ''], { deleted: false }),
    // A pool that was incomplete may be complete now.
    watch(resourceSlices, ({ spec }, informers) => informers.of(resourcePoolStatusRequests).list()
      .filter((request) => request.status === undefined && request.spec.driver === spec.driver).map(({ metadata }) => metadata.name ?? '')),
  ],
  reads: [resourceClaims as never],
  snapshot(key, informers) {
    const request = informers.of(resourcePoolStatusRequests).get(key)
    if (request === undefined) return undefined
    return { request, slices: informers.of(resourceSlices).by(slicesByDriver, request.spec.driver), claims: informers.of(resourceClaims).list() }
  },
  plan({ request, slices, claims }, { now }): Plan {
    const { name = '', uid, creationTimestamp } = request.metadata
    const answered = request.status?.conditions?.find(({ type }) => type === 'Complete' || type === 'Failed')?.lastTransitionTime
    const bornMs = parseTime(answered ?? creationTimestamp ?? '') ?? now
    const leftMs = bornMs + (request.status === undefined ? pendingLifetimeMs : answeredLifetimeMs) - now
    if (leftMs < 0) return { steps: [remove(resourcePoolStatusRequests, { name }, { preconditions: { uid } }, { ignore: ['NotFound'] })] }
    if (request.status !== undefined) return { steps: [], requeueAfterMs: leftMs + 1 }
    const all = poolsOf(request, slices, claims)
    // Its driver has more to publish: the slice that completes the pool brings the request back.
    if (all.some(({ validationError }) => validationError !== undefined)) return { steps: [], requeueAfterMs: leftMs + 1 }
    const pools = all.slice(0, request.spec.limit ?? defaultLimit)
    const condition = {
      type: 'Complete', status: 'True', reason: 'CalculationComplete', message: `Calculated status for ${pools.length} pools`,
      lastTransitionTime: formatTime(now),
    }
    const status = { poolCount: all.length, ...(pools.length === 0 ? {} : { pools }), conditions: [condition] }
    return { steps: [updateStatus(resourcePoolStatusRequests, { ...request, status })] }
  },
  measure({ snapshot: { request }, steps, failed, seconds }, metrics) {
    if (request.status !== undefined || steps.every(({ do: what }) => what !== 'update')) return
    const labels = { driver_name: request.spec.driver }
    const prefix = 'resourcepoolstatusrequest_controller_'
    if (failed) metrics.counter(`${prefix}request_processing_errors_total`, 'Total number of errors encountered while processing ResourcePoolStatusRequests', ['driver_name']).inc(labels)
    else metrics.counter(`${prefix}requests_processed_total`, 'Total number of ResourcePoolStatusRequests processed', ['driver_name']).inc(labels)
    metrics.histogram(`${prefix}request_processing_duration_seconds`, 'Time taken to process a ResourcePoolStatusRequest', durationBuckets, ['driver_name']).observe(seconds, labels)
  },
}

const durationBuckets = Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at)

/** Every pool that is asked about, by name; one that is incomplete says so. Older generations of a pool do not count. */
export function poolsOf({ spec }: ResourcePoolStatusRequest, slices: readonly ResourceSlice[], claims: readonly ResourceClaim[]): PoolStatus[] {
  const asked = slices.filter((slice) => slice.spec.driver === spec.driver && (!spec.poolName || slice.spec.pool.name === spec.poolName))
  const allocated = new Map<string, number>()
  for (const { status } of claims) {
    for (const { driver, pool } of status?.allocation?.devices?.results ?? []) {
      if (driver === spec.driver) allocated.set(pool, (allocated.get(pool) ?? 0) + 1)
    }
  }
  const byPool = Map.groupBy(asked, (slice) => slice.spec.pool.name)
  return [...byPool].sort(([a], [b]) => (a < b ? -1 : 1)).map(([poolName, every]) => {
    const generation = Math.max(...every.map((slice) => slice.spec.pool.generation))
    const current = every.filter((slice) => slice.spec.pool.generation === generation)
    const [first] = current as [ResourceSlice]
    const nodeName = current.every((slice) => slice.spec.nodeName === first.spec.nodeName) ? first.spec.nodeName : undefined
    const base = { driver: spec.driver, poolName, generation, ...(nodeName ? { nodeName } : {}) }
    const expected = first.spec.pool.resourceSliceCount
    if (current.length < expected) {
      const text = `pool ${spec.driver}/${poolName} is incomplete: observed ${current.length}/${expected} slices at generation ${generation}`
      return { ...base, validationError: text.slice(0, maxErrorBytes) }
    }
    const totalDevices = current.reduce((sum, slice) => sum + (slice.spec.devices?.length ?? 0), 0)
    const allocatedDevices = allocated.get(poolName) ?? 0
    return {
      ...base, resourceSliceCount: current.length, totalDevices, allocatedDevices,
      availableDevices: Math.max(0, totalDevices - allocatedDevices), unavailableDevices: 0,
    }
  })
}
