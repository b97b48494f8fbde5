/** Which devices a container gets. Pure. Upstream: pkg/kubelet/cm/devicemanager/manager.go devicesToAllocate. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import { type AnyContainer, initContainers, isRestartableInit } from '../pod.ts'

/** NUMA nodes by device. */
export type DeviceNodes = ReadonlyMap<string, readonly number[]>

export interface ResourceState {
  /** All devices that the plugin ever told and that are still counted. */
  readonly healthy: ReadonlySet<string>
  readonly unhealthy: ReadonlySet<string>
  readonly nodes?: DeviceNodes
}

/** container → resource → ids. */
export type PodDevices = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>

/**
 * Throws Error with upstream's text when there are too few. `known`: resources of plugins; `used`: what other pods hold; `before`: what this
 * pod has already; `near`: NUMA nodes by container that are best; `upTo`: later containers get nothing yet.
 */
export function pickDevices(
  pod: Pod, known: ReadonlyMap<string, ResourceState>, used: ReadonlyMap<string, ReadonlySet<string>>, before: PodDevices | undefined,
  near: ReadonlyMap<string, readonly number[] | undefined> = new Map(), upTo?: string,
): PodDevices {
  const picked = new Map<string, ReadonlyMap<string, readonly string[]>>()
  /** Of init containers that have ended by the time others start. */
  const reusable = new Map<string, Set<string>>()
  const mine = new Map<string, Set<string>>()
  const take = (container: AnyContainer, isInit: boolean) => {
    const own = new Map<string, readonly string[]>()
    for (const [resource, amount] of Object.entries(container.resources?.limits ?? {})) {
      const state = known.get(resource)
      const had = before?.get(container.name)?.get(resource)
      if (state === undefined && had === undefined) continue
      const wanted = quantityValue(amount)
      const spare = reusable.get(resource) ?? new Set<string>()
      const held = mine.get(resource) ?? new Set<string>()
      const ids = had?.length === wanted ? had : choose(resource, wanted, state, used.get(resource) ?? new Set(), held, spare, near.get(container.name))
      own.set(resource, ids)
      for (const id of ids) {
        held.add(id)
        if (isInit && !isRestartableInit(container)) spare.add(id)
        else spare.delete(id)
      }
      reusable.set(resource, spare)
      mine.set(resource, held)
    }
    if (own.size > 0) picked.set(container.name, own)
  }
  const containers = [...initContainers(pod).map((container) => ({ container, init: true })), ...pod.spec!.containers.map((container) => ({ container, init: false }))]
  for (const { container, init } of containers) {
    take(container, init)
    if (container.name === upTo) break
  }
  return picked
}

function choose(resource: string, wanted: number, state: ResourceState | undefined, used: ReadonlySet<string>, held: ReadonlySet<string>, spare: ReadonlySet<string>, near: readonly number[] | undefined): readonly string[] {
  if (state === undefined || (state.healthy.size === 0 && wanted > 0)) {
    if (state === undefined) throw new Error(`cannot allocate unregistered device ${resource}`)
    throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`)
  }
  const again = [...spare].sort().slice(0, wanted)
  const free = [...state.healthy].filter((id) => !used.has(id) && !held.has(id)).sort()
  const missing = wanted - again.length
  if (free.length < missing) {
    throw new Error(`requested number of devices unavailable for ${resource}. Requested: ${missing}, Available: ${free.length}`)
  }
  const distance = (id: string) => (near === undefined || state.nodes?.get(id)?.some((node) => near.includes(node)) === true ? 0 : state.nodes?.has(id) === true ? 1 : 2)
  return [...again, ...free.sort((a, b) => distance(a) - distance(b)).slice(0, missing)]
}
