import type { StatefulSet } from '../../api/generated/types/apps-v1.ts'
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from '../../api/generated/resources.ts'
import { scaledCount } from '../../api/meta/int-or-string.ts'
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
  subsystem: 'statefulset_controller',
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
  measure({ snapshot: { set }, steps }, metrics) {
    const { replicas = 1, podManagementPolicy = 'OrderedReady', updateStrategy } = set.spec ?? {}
    const labels = ['statefulset_namespace', 'statefulset_name', 'pod_management_policy']
    const values = { statefulset_namespace: set.metadata.namespace ?? '', statefulset_name: set.metadata.name ?? '', pod_management_policy: podManagementPolicy }
    const written = steps.findLast((step) => step.do === 'update' && step.subresource === 'status')
    const status = written?.do === 'update' ? (written.object as StatefulSet).status : set.status
    metrics.gauge('statefulset_controller_statefulset_unavailable_replicas', 'Current number of unavailable pods in StatefulSet', labels)
      .set(Math.max(0, replicas - (status?.availableReplicas ?? 0)), values)
    metrics.gauge('statefulset_controller_statefulset_max_unavailable', 'Maximum number of unavailable pods allowed during StatefulSet rolling updates', labels)
      .set(Math.max(1, scaledCount(updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, replicas, false)), values)
  },
}
