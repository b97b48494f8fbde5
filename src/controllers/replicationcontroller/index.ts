import type { ReplicationController } from '../../api/generated/types/core-v1.ts'
import { pods, replicationControllers } from '../../api/generated/resources.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { candidatePods } from '../replicaset/index.ts'
import { measureDeletions } from '../replicaset/metrics.ts'
import { planReplicas, type Replicator, type ReplicaSetSnapshot } from '../replicaset/plan.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSet } from '../shared/selectors.ts'

const selectorOf = (controller: ReplicationController) => compileSet(controller.spec?.selector)

function toReplicator(controller: ReplicationController): Replicator {
  const { spec, status } = controller
  return {
    object: controller, resource: replicationControllers as Resource<KubeObject>,
    kind: { apiVersion: 'v1', kind: 'ReplicationController' },
    replicas: spec?.replicas ?? 1, minReadySeconds: spec?.minReadySeconds ?? 0,
    selector: selectorOf(controller), template: spec?.template ?? {}, status: status ?? {}, countsTerminating: false,
  }
}

/** The older form of replica sets: the same plan over another kind (upstream: pkg/controller/replication). */
export const replicationControllerController: ControllerDefinition<ReplicaSetSnapshot> = {
  name: 'replicationcontroller-controller',
  component: 'replication-controller',
  workers: 5,
  watches: [
    watch(replicationControllers, ownKey),
    watch(pods, ownerKeys('ReplicationController', '', replicationControllers, selectorOf)),
  ],
  snapshot(key, informers) {
    const controller = informers.of(replicationControllers).get(key)
    if (controller === undefined) return undefined
    const candidates = candidatePods(controller, informers)
    return { owner: toReplicator(controller), pods: candidates, related: () => candidates }
  },
  plan: planReplicas,
  measure: measureDeletions,
}
