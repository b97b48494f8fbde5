/**
 * Which endpoint goes into which slice (upstream: k8s.io/endpointslice reconciler.go reconcileByPortMapping). Endpoints
 * stay where they are; what is new fills slices that are written anyway, then the one it fits best, then new slices.
 */
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { endpointKey, sameState } from './endpoint.ts'

export interface Packing {
  readonly create: EndpointSlice[]
  readonly update: EndpointSlice[]
  readonly remove: EndpointSlice[]
}

export interface PackingInput {
  /** Slices with these ports. */
  readonly existing: readonly EndpointSlice[]
  readonly endpoints: readonly Endpoint[]
  readonly maxEndpoints: number
  readonly labelsOf: (slice: EndpointSlice) => { labels: Record<string, string>; changed: boolean }
  readonly newSlice: () => EndpointSlice
}

export function packEndpoints({ existing, endpoints, maxEndpoints, labelsOf, newSlice }: PackingInput): Packing {
  const wanted = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const update = new Map<string, EndpointSlice>()
  const unchanged = new Map<string, EndpointSlice>()
  const remove: EndpointSlice[] = []
  for (const slice of existing) {
    const name = slice.metadata.name ?? ''
    const { kept, changed } = keepWanted(slice, wanted)
    const { labels, changed: relabelled } = labelsOf(slice)
    if (changed && kept.length === 0) remove.push(slice)
    else if (changed || relabelled) update.set(name, { ...slice, metadata: { ...slice.metadata, labels }, endpoints: kept })
    else unchanged.set(name, slice)
  }
  const rest = [...wanted.values()]
  const fill = (slice: EndpointSlice): EndpointSlice => {
    const have = slice.endpoints ?? []
    return { ...slice, endpoints: [...have, ...rest.splice(0, Math.max(0, maxEndpoints - have.length))] }
  }
  for (const slice of [...update.values()].sort((a, b) => lengthOf(b) - lengthOf(a))) {
    if (rest.length === 0) break
    update.set(slice.metadata.name ?? '', fill(slice))
  }
  const create: EndpointSlice[] = []
  while (rest.length > 0) {
    const best = rest.length < maxEndpoints ? bestFit([...unchanged.values()], rest.length, maxEndpoints) : undefined
    if (best === undefined) {
      create.push(fill(newSlice()))
      continue
    }
    unchanged.delete(best.metadata.name ?? '')
    update.set(best.metadata.name ?? '', fill(best))
  }
  return { create, update: [...update.values()], remove }
}

const lengthOf = (slice: EndpointSlice): number => (slice.endpoints ?? []).length

/** Takes the slice's endpoints that are still wanted out of `wanted`. */
function keepWanted(slice: EndpointSlice, wanted: Map<string, Endpoint>): { kept: Endpoint[]; changed: boolean } {
  const kept: Endpoint[] = []
  let changed = false
  for (const endpoint of slice.endpoints ?? []) {
    const key = endpointKey(endpoint)
    const now = wanted.get(key)
    if (now === undefined) {
      changed = true
      continue
    }
    wanted.delete(key)
    if (sameState(now, endpoint)) kept.push(endpoint)
    else {
      changed = true
      kept.push(now)
    }
  }
  return { kept, changed }
}

/** The slice that would be fullest with all of them in it. */
function bestFit(slices: readonly EndpointSlice[], count: number, max: number): EndpointSlice | undefined {
  let least = max
  let best: EndpointSlice | undefined
  for (const slice of slices) {
    const left = max - (count + lengthOf(slice))
    if (left < 0 || left >= least) continue
    least = left
    best = slice
    if (left === 0) break
  }
  return best
}
