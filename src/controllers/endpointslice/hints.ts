/** Hints for spec.trafficDistribution (upstream: k8s.io/endpointslice/trafficdist). */
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { equalJson } from '../../client/copy.ts'
import type { Packing } from './pack.ts'

const close: ReadonlySet<string> = new Set(['PreferClose', 'PreferSameZone', 'PreferSameNode'])

/** The packing with hints as the distribution wants them; slices that are not written otherwise are when theirs are wrong. */
export function applyHints(packing: Packing, existing: readonly EndpointSlice[], distribution: string | undefined): Packing {
  const hint = distribution !== undefined && close.has(distribution)
    ? (endpoint: Endpoint) => closeHints(endpoint, distribution === 'PreferSameNode')
    : () => undefined
  const touched = new Set([...packing.update, ...packing.remove].map((slice) => slice.metadata.name))
  const wrong = existing.filter((slice) => !touched.has(slice.metadata.name)
    && (slice.endpoints ?? []).some((endpoint) => hinted(endpoint, hint) !== endpoint))
  const all = (slices: readonly EndpointSlice[]): EndpointSlice[] =>
    slices.map((slice) => ({ ...slice, endpoints: (slice.endpoints ?? []).map((endpoint) => hinted(endpoint, hint)) }))
  return { create: all(packing.create), update: all([...packing.update, ...wrong]), remove: packing.remove }
}

type Hint = (endpoint: Endpoint) => Endpoint['hints'] | 'keep'

/** The very endpoint where its hints are right already. */
function hinted(endpoint: Endpoint, hint: Hint): Endpoint {
  const wanted = hint(endpoint)
  if (wanted === 'keep' || equalJson(endpoint.hints, wanted)) return endpoint
  const { hints: _, ...rest } = endpoint
  return wanted === undefined ? rest : { ...rest, hints: wanted }
}

/** Endpoints that are not ready are left as they are: they say nothing about where traffic goes. */
function closeHints(endpoint: Endpoint, nodes: boolean): Endpoint['hints'] | 'keep' {
  if (endpoint.conditions?.ready !== true) return 'keep'
  const { zone, nodeName } = endpoint
  const hints = {
    ...(nodes && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {}),
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
  }
  return Object.keys(hints).length === 0 ? undefined : hints
}
