import type { ReplicaSet, StatefulSet } from '../api/generated/types/apps-v1.ts'
import type { Pod, ReplicationController, Service } from '../api/generated/types/core-v1.ts'
import { controllerOf } from '../api/meta/owner-references.ts'
import { type LabelMatcher, labelMatcher } from './snapshot.ts'

export interface WorkloadListers {
  services(namespace: string): readonly Service[]
  replicationController(key: { namespace: string; name: string }): ReplicationController | undefined
  replicaSet(key: { namespace: string; name: string }): ReplicaSet | undefined
  statefulSet(key: { namespace: string; name: string }): StatefulSet | undefined
}

/** Pods like this one: those of its services and of its workload (upstream: plugins/helper/spread.go). Undefined: none. */
export function defaultSelector(pod: Pod, listers: WorkloadListers): LabelMatcher | undefined {
  const namespace = pod.metadata.namespace!
  const labels = pod.metadata.labels ?? {}
  const wanted: Record<string, string> = {}
  for (const service of listers.services(namespace)) {
    const selector = service.spec?.selector
    if (selector !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value)) Object.assign(wanted, selector)
  }
  const owner = controllerOf(pod)
  const key = { namespace, name: owner?.name ?? '' }
  let byOwner: LabelMatcher | undefined
  if (owner?.kind === 'ReplicationController' && owner.apiVersion === 'v1') Object.assign(wanted, listers.replicationController(key)?.spec?.selector)
  if (owner?.kind === 'ReplicaSet' && owner.apiVersion === 'apps/v1') byOwner = selectorOf(listers.replicaSet(key))
  if (owner?.kind === 'StatefulSet' && owner.apiVersion === 'apps/v1') byOwner = selectorOf(listers.statefulSet(key))
  const pairs = Object.entries(wanted)
  if (pairs.length === 0 && byOwner === undefined) return undefined
  return (other) => pairs.every(([name, value]) => other[name] === value) && (byOwner?.(other) ?? true)
}

function selectorOf(workload: ReplicaSet | StatefulSet | undefined): LabelMatcher | undefined {
  return workload?.spec?.selector === undefined ? undefined : labelMatcher(workload.spec.selector)
}
