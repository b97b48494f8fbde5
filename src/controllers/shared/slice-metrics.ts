/**
 * What both controllers of endpoint slices count, under upstream's names (k8s.io/endpointslice/metrics and
 * pkg/controller/endpointslicemirroring/metrics).
 */
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { Metrics } from '../../base/env.ts'
import { keyOf } from '../../client/lister.ts'
import type { Step } from '../../client/steps.ts'
import { endpointKey, sameState } from '../endpointslice/endpoint.ts'

export type SliceSubsystem = 'endpoint_slice_controller' | 'endpoint_slice_mirroring_controller'

export interface SliceChanges {
  readonly operations: { readonly create: number; readonly update: number; readonly delete: number }
  readonly added: number
  /** Looked for only when asked. */
  readonly updated: () => number
  readonly removed: number
  /** Endpoints by what groups them (family and ports), and slices by the same, as they are afterwards. */
  readonly groups: readonly { readonly endpoints: number; readonly slices: number }[]
}

/** What the steps make of the slices. An endpoint that moves to another slice is neither added nor removed. Pure. */
export function sliceChanges(before: readonly EndpointSlice[], steps: readonly Step[]): SliceChanges {
  const operations = { create: 0, update: 0, delete: 0 }
  const after = new Map(before.map((slice) => [keyOf(slice), slice]))
  const touched = { before: [] as EndpointSlice[], after: [] as EndpointSlice[] }
  for (const step of steps) {
    if (!('resource' in step) || step.resource.resource !== 'endpointslices') continue
    if (step.do === 'create') {
      operations.create++
      touched.after.push(step.object as EndpointSlice)
      after.set(`new ${operations.create}`, step.object as EndpointSlice)
    } else if (step.do === 'update' || step.do === 'delete') {
      operations[step.do]++
      const key = step.do === 'update' ? keyOf(step.object) : `${step.key.namespace}/${step.key.name}`
      const old = after.get(key)
      if (old !== undefined) touched.before.push(old)
      if (step.do === 'delete') after.delete(key)
      else {
        touched.after.push(step.object as EndpointSlice)
        after.set(key, step.object as EndpointSlice)
      }
    }
  }
  const [was, is] = [endpointsOf(touched.before), endpointsOf(touched.after)]
  const added = [...is.keys()].filter((key) => !was.has(key)).length
  const updated = (): number => [...is].filter(([key, endpoint]) => was.has(key) && !sameState(was.get(key)!, endpoint)).length
  const groups = [...Map.groupBy(after.values(), ({ addressType, ports }) => `${addressType}${JSON.stringify(ports)}`).values()]
    .map((slices) => ({ endpoints: slices.reduce((sum, { endpoints }) => sum + (endpoints?.length ?? 0), 0), slices: slices.length }))
  return { operations, added, updated, removed: was.size - (is.size - added), groups }
}

const endpointsOf = (slices: readonly EndpointSlice[]) =>
  new Map(slices.flatMap(({ endpoints }) => (endpoints ?? []).map((endpoint) => [endpointKey(endpoint), endpoint] as const)))

/** Upstream's buckets for numbers of endpoints. */
export const powersOfTwo = Array.from({ length: 15 }, (_, at) => 2 ** (at + 1))

/** What stands in the cluster, summed over the keys that were looked at. */
export class SliceTotals {
  readonly #byKey = new Map<string, Totals>()
  readonly #all = { endpoints: 0, slices: 0, ideal: 0 }

  /** `key` has these groups now; undefined: it is gone. */
  set(key: string, groups: SliceChanges['groups'] | undefined, maxEndpoints: number): Readonly<Totals> {
    this.#add(this.#byKey.get(key), -1)
    if (groups === undefined) this.#byKey.delete(key)
    else {
      const totals = groups.reduce<Totals>((sum, { endpoints, slices }) => ({
        endpoints: sum.endpoints + endpoints, slices: sum.slices + slices, ideal: sum.ideal + Math.ceil(endpoints / maxEndpoints),
      }), { endpoints: 0, slices: 0, ideal: 0 })
      this.#byKey.set(key, totals)
      this.#add(totals, 1)
    }
    return this.#all
  }

  #add(totals: Totals | undefined, sign: 1 | -1): void {
    if (totals === undefined) return
    for (const name of ['endpoints', 'slices', 'ideal'] as const) this.#all[name] += sign * totals[name]
  }
}

interface Totals {
  endpoints: number
  slices: number
  ideal: number
}

/** Counts one look; `what` is what upstream says is looked at ("Service" or "Endpoints"). */
export function countSlices(metrics: Metrics, subsystem: SliceSubsystem, what: 'Service' | 'Endpoints', changes: SliceChanges, totals: Readonly<Totals>): void {
  const tell = (name: string, help: string, value: number): void => metrics.gauge(`${subsystem}_${name}`, help).set(value)
  const perSync = (name: string, done: string, value: number): void =>
    metrics.histogram(`${subsystem}_endpoints_${name}_per_sync`, `Number of endpoints ${done} on each ${what} sync`, powersOfTwo).observe(value)
  perSync('added', 'added', changes.added)
  perSync('removed', 'removed', changes.removed)
  if (what === 'Endpoints') perSync('updated', 'updated', changes.updated())
  const operations = metrics.counter(`${subsystem}_changes`, 'Number of EndpointSlice changes', ['operation'])
  for (const [operation, count] of Object.entries(changes.operations)) if (count > 0) operations.inc({ operation }, count)
  tell('endpoints_desired', 'Number of endpoints desired', totals.endpoints)
  tell('num_endpoint_slices', 'Number of EndpointSlices', totals.slices)
  tell('desired_endpoint_slices', 'Number of EndpointSlices that would exist with perfect endpoint allocation', totals.ideal)
}
