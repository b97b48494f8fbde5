import type { ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { pods, replicaSets } from '../../api/generated/resources.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { byController, defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { measureDeletions } from './metrics.ts'
import { planReplicas, type Replicator, type ReplicaSetSnapshot } from './plan.ts'

/** Pods without a controller, by namespace: those that a selector may adopt. */
export const orphanPods: Index<Pod> = defineIndex('orphans', (pod) =>
  controllerOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined ? [pod.metadata.namespace ?? ''] : [])

/** Pods that the owner controls and those it could adopt. */
export function candidatePods(owner: KubeObject, informers: Informers): Pod[] {
  const lister = informers.of(pods)
  return [
    ...lister.by(byController as Index<Pod>, owner.metadata.uid ?? ''),
    ...lister.by(orphanPods, owner.metadata.namespace ?? ''),
  ]
}

const selectorOf = (set: ReplicaSet) => compileSelector(set.spec?.selector)

function toReplicator(set: ReplicaSet): Replicator {
  return {
    object: set, resource: replicaSets as Resource<KubeObject>, kind: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
    replicas: set.spec?.replicas ?? 1, minReadySeconds: set.spec?.minReadySeconds ?? 0,
    selector: selectorOf(set), template: set.spec?.template ?? {}, status: set.status ?? {}, countsTerminating: true,
  }
}

export const replicaSetController: ControllerDefinition<ReplicaSetSnapshot> = {
  name: 'replicaset-controller',
  subsystem: 'replicaset_controller',
  workers: 5,
  watches: [
    watch(replicaSets, ownKey),
    watch(pods, ownerKeys('ReplicaSet', 'apps', replicaSets, selectorOf)),
  ],
  snapshot(key, informers) {
    const set = informers.of(replicaSets).get(key)
    if (set === undefined) return undefined
    return { owner: toReplicator(set), pods: candidatePods(set, informers), related: () => relatedPods(set, informers) }
  },
  plan: planReplicas,
  measure: measureDeletions,
}

/** Pods of every replica set that has the same controller, this one's among them. */
function relatedPods(set: ReplicaSet, informers: Informers): Pod[] {
  const controller = controllerOf(set)
  const sets = controller === undefined ? [set] : informers.of(replicaSets).by(byController as Index<ReplicaSet>, controller.uid)
  const found = new Map<string, Pod>()
  for (const related of sets) {
    const selector = selectorOf(related)
    for (const pod of informers.of(pods).by(byController as Index<Pod>, related.metadata.uid ?? '')) {
      if (selector.matches(pod.metadata.labels)) found.set(pod.metadata.uid ?? '', pod)
    }
  }
  return [...found.values()]
}
