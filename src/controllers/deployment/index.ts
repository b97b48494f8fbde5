import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { deployments, pods, replicaSets } from '../../api/generated/resources.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { byController, defineIndex, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { type DeploymentSnapshot, planDeployment } from './plan.ts'

const orphanSets: Index<ReplicaSet> = defineIndex('orphans', (set) =>
  controllerOf(set) === undefined && set.metadata.deletionTimestamp === undefined ? [set.metadata.namespace ?? ''] : [])

export const deploymentController: ControllerDefinition<DeploymentSnapshot> = {
  name: 'deployment-controller',
  workers: 5,
  watches: [
    watch(deployments, ownKey),
    watch(replicaSets, ownerKeys('Deployment', 'apps', deployments, (one: Deployment) => compileSelector(one.spec?.selector))),
    watch(pods, waitingDeployment),
  ],
  snapshot(key, informers) {
    const deployment = informers.of(deployments).get(key)
    if (deployment === undefined) return undefined
    const sets = informers.of(replicaSets)
    return {
      deployment,
      sets: [
        ...sets.by(byController as Index<ReplicaSet>, deployment.metadata.uid ?? ''),
        ...sets.by(orphanSets, deployment.metadata.namespace ?? ''),
      ],
      podsOf: (uid) => informers.of(pods).by(byController as Index<Pod>, uid),
    }
  },
  plan: planDeployment,
}

/** Pods concern a deployment only while it waits for the old ones to be gone (strategy Recreate). */
function waitingDeployment(pod: Pod, informers: Informers): string[] {
  const controller = controllerOf(pod)
  if (controller?.kind !== 'ReplicaSet') return []
  const namespace = pod.metadata.namespace ?? ''
  const set = informers.of(replicaSets).get({ namespace, name: controller.name })
  const owner = set === undefined ? undefined : controllerOf(set)
  if (owner?.kind !== 'Deployment') return []
  const deployment = informers.of(deployments).get({ namespace, name: owner.name })
  return deployment?.spec?.strategy?.type === 'Recreate' ? [`${namespace}/${owner.name}`] : []
}
