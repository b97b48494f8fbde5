/** Every controller by upstream's name (cmd/kube-controller-manager/names/controller_names.go), in the order they start. */
import type { Client } from '../client/client.ts'
import { type ControllerContext, type KeyedController, runController } from '../client/controller.ts'
import { type ControllerDefinition, reconciler } from '../client/reconcile.ts'
import { clusterRoleAggregationController } from './clusterrole-aggregation/index.ts'
import { cronJobController } from './cronjob/index.ts'
import { daemonSetController } from './daemonset/index.ts'
import { deploymentController } from './deployment/index.ts'
import { jobController } from './job/index.ts'
import { namespaceController } from './namespace/index.ts'
import { disruptionController } from './disruption/index.ts'
import { endpointsController } from './endpoints/index.ts'
import { endpointSliceController } from './endpointslice/index.ts'
import { endpointSliceMirroringController } from './endpointslice-mirroring/index.ts'
import { garbageCollectorName, startGarbageCollector } from './garbage-collector/index.ts'
import { nodeIpamName, startNodeIpam } from './node-ipam/index.ts'
import { nodeLifecycleName, startNodeLifecycle } from './node-lifecycle/index.ts'
import type { ControllerManagerOptions } from './options.ts'
import { pvProtectionController } from './persistentvolume-protection/index.ts'
import { pvcProtectionController } from './persistentvolumeclaim-protection/index.ts'
import { podGarbageCollectorName, startPodGarbageCollector } from './pod-garbage-collector/index.ts'
import { replicaSetController } from './replicaset/index.ts'
import { replicationControllerController } from './replicationcontroller/index.ts'
import { resourceQuotaController } from './resourcequota/index.ts'
import { rootCaPublisher } from './root-ca-certificate-publisher/index.ts'
import type { Running } from './running.ts'
import { serviceAccountController } from './serviceaccount/index.ts'
import { serviceAccountTokenController } from './serviceaccount-token/index.ts'
import { statefulSetController } from './statefulset/index.ts'
import { taintEvictionController } from './taint-eviction/index.ts'
import { ttlController } from './ttl/index.ts'
import { ttlAfterFinishedController } from './ttl-after-finished/index.ts'

export interface ControllerEntry {
  readonly name: string
  /** Started only when it is named. */
  readonly offByDefault?: boolean
  /** undefined: the options give it nothing to do. */
  start(context: ControllerContext, options: ControllerManagerOptions): Running | undefined
}

const planned = <S>(definition: ControllerDefinition<S>): ControllerEntry => keyed(reconciler(definition))
const keyed = (controller: KeyedController): ControllerEntry =>
  ({ name: controller.name, start: (context) => runController(controller, context) })
const configured = (
  name: string, make: (options: ControllerManagerOptions, client: Client) => KeyedController | undefined,
): ControllerEntry => ({
  name,
  start(context, options) {
    const controller = make(options, context.client)
    return controller === undefined ? undefined : runController(controller, context)
  },
})

export const controllers: readonly ControllerEntry[] = [
  configured('serviceaccount-token-controller', serviceAccountTokenController),
  configured('endpoints-controller', () => reconciler(endpointsController())),
  configured('endpointslice-controller', ({ maxEndpointsPerSlice }) => reconciler(endpointSliceController(maxEndpointsPerSlice))),
  planned(endpointSliceMirroringController),
  planned(replicationControllerController),
  { name: podGarbageCollectorName, start: (context, options) => startPodGarbageCollector(context, options.terminatedPodGCThreshold) },
  configured('resourcequota-controller', () => resourceQuotaController()),
  keyed(namespaceController),
  planned(serviceAccountController),
  configured('daemonset-controller', () => reconciler(daemonSetController())),
  configured('job-controller', () => reconciler(jobController())),
  planned(deploymentController),
  planned(replicaSetController),
  keyed(disruptionController),
  planned(statefulSetController),
  planned(cronJobController),
  planned(clusterRoleAggregationController),
  keyed(pvcProtectionController),
  planned(pvProtectionController),
  planned(ttlAfterFinishedController),
  configured('ttl-controller', () => reconciler(ttlController())),
  { name: nodeIpamName, start: startNodeIpam },
  { name: nodeLifecycleName, start: startNodeLifecycle },
  configured('taint-eviction-controller', () => taintEvictionController()),
  configured('root-ca-certificate-publisher-controller', ({ rootCA }) => (rootCA === undefined ? undefined : reconciler(rootCaPublisher(rootCA)))),
  // Last, so that it finds the others' informers and shares them.
  { name: garbageCollectorName, start: (context) => startGarbageCollector(context) },
]
