import type { StatefulSet } from '../../api/generated/types/apps-v1.ts'
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { candidateRevisions } from '../daemonset/index.ts'
import { candidatePods } from '../replicaset/index.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { planStatefulSet, type StatefulSetSnapshot } from './plan.ts'

const selectorOf = (set: StatefulSet) => compileSelector(set.spec?.selector)

/** Pods with names, an order and storage of their own (upstream: pkg/controller/statefulset). */
export const statefulSetController: ControllerDefinition<StatefulSetSnapshot> = {
  name: 'statefulset-controller',
  workers: 5,
  watches: [
    watch(statefulSets, ownKey),
    watch(pods, ownerKeys('StatefulSet', 'apps', statefulSets, selectorOf)),
  ],
  reads: [persistentVolumeClaims, controllerRevisions] as never[],
  snapshot(key, informers) {
    const set = informers.of(statefulSets).get(key)
    if (set === undefined) return undefined
    const { namespace } = set.metadata
    return {
      set, pods: candidatePods(set, informers), revisions: candidateRevisions(set, informers),
      claim: (name) => informers.of(persistentVolumeClaims).get({ namespace, name }),
    }
  },
  plan: planStatefulSet,
}
