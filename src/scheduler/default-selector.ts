import type { ReplicaSet, StatefulSet } from '../api/generated/types/apps-v1.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { replicaSets, replicationControllers, services, statefulSets } from '../api/generated/resources.ts'
import { controllerOf } from '../api/meta/owner-references.ts'
import type { Handle } from './framework.ts'
import { type LabelMatcher, labelMatcher } from './snapshot.ts'

export interface DefaultSelector {
  readonly matches: LabelMatcher
  /** Equal for selectors that match the same pods. */
  readonly signature: string
}

/**
 * Pods like this one: those of its services and of its workload (upstream: plugins/helper/spread.go); undefined where
 * there are none.
 */
export function defaultSelectors(handle: Handle): (pod: Pod) => DefaultSelector | undefined {
  const serviceLister = handle.lister(services)
  const controllers = handle.lister(replicationControllers)
  const sets = handle.lister(replicaSets)
  const stateful = handle.lister(statefulSets)
  return (pod) => {
    const namespace = pod.metadata.namespace!
    const labels = pod.metadata.labels ?? {}
    const wanted: Record<string, string> = {}
    for (const service of serviceLister.list(namespace)) {
      const selector = service.spec?.selector
      if (selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value)) Object.assign(wanted, selector)
    }
    const owner = controllerOf(pod)
    const key = { namespace, name: owner?.name ?? '' }
    let byOwner: Workload['spec']
    if (owner?.kind === 'ReplicationController' && owner.apiVersion === 'v1') Object.assign(wanted, controllers.get(key)?.spec?.selector)
    if (owner?.kind === 'ReplicaSet' && owner.apiVersion === 'apps/v1') byOwner = sets.get(key)?.spec
    if (owner?.kind === 'StatefulSet' && owner.apiVersion === 'apps/v1') byOwner = stateful.get(key)?.spec
    const pairs = Object.entries(wanted)
    if (pairs.length === 0 && byOwner === undefined) return undefined
    const owned = byOwner === undefined ? undefined : labelMatcher(byOwner.selector)
    return {
      matches: (other) => pairs.every(([name, value]) => other[name] === value) && (owned?.(other) ?? true),
      signature: JSON.stringify([wanted, byOwner?.selector]),
    }
  }
}

type Workload = ReplicaSet | StatefulSet
