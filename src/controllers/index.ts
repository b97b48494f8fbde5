/** Every controller by upstream's name (cmd/kube-controller-manager/names/controller_names.go), in the order they start. */
import type { Client } from '../client/client.ts'
import { type KeyedController, runController } from '../client/controller.ts'
import type { Metrics } from '../base/env.ts'
import type { Informers } from '../client/informer.ts'
import type { ManagedController } from '../client/manager.ts'
import { type ControllerDefinition, reconciler } from '../client/reconcile.ts'
import { bootstrapSignerController } from './bootstrap-signer/index.ts'
import { csrApprovingController } from './certificates/approving.ts'
import { csrCleaner, podCertificateRequestCleaner } from './certificates/cleaner.ts'
import { csrSigningController } from './certificates/signing.ts'
import { trustBundlePublisher } from './clustertrustbundle-publisher/index.ts'
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
import { horizontalPodAutoscalerController } from './horizontal-pod-autoscaler/index.ts'
import { nodeIpamName, startNodeIpam } from './node-ipam/index.ts'
import { nodeLifecycleName, startNodeLifecycle } from './node-lifecycle/index.ts'
import { deviceTaintEvictionController } from './device-taint-eviction/index.ts'
import { type ControllerManagerOptions, isEnabled } from './options.ts'
import { ephemeralVolumeController } from './ephemeral-volume/index.ts'
import { attachDetachController } from './persistentvolume-attach-detach/index.ts'
import { pvBinderController } from './persistentvolume-binder/index.ts'
import { countVolumes } from './persistentvolume-binder/metrics.ts'
import { pvExpanderController } from './persistentvolume-expander/index.ts'
import { pvProtectionController } from './persistentvolume-protection/index.ts'
import { pvcProtectionController } from './persistentvolumeclaim-protection/index.ts'
import { podGarbageCollectorName, startPodGarbageCollector } from './pod-garbage-collector/index.ts'
import { replicaSetController } from './replicaset/index.ts'
import { replicationControllerController } from './replicationcontroller/index.ts'
import { resourceQuotaController } from './resourcequota/index.ts'
import { rootCaPublisher } from './root-ca-certificate-publisher/index.ts'
import { serviceAccountController } from './serviceaccount/index.ts'
import { serviceAccountTokenController } from './serviceaccount-token/index.ts'
import { statefulSetController } from './statefulset/index.ts'
import { type Periodic, startPeriodic } from '../client/periodic.ts'
import { taintEvictionController } from './taint-eviction/index.ts'
import { tokenCleanerController } from './token-cleaner/index.ts'
import { queueNames } from './queue-names.ts'
import { policyStatusController } from './validatingadmissionpolicy-status/index.ts'
import { legacyTokenCleaner } from './legacy-serviceaccount-token-cleaner/index.ts'
import { podGroupProtectionController } from './podgroup-protection/index.ts'
import { resourcePoolStatusRequestController } from './resourcepoolstatusrequest/index.ts'
import { seLinuxWarningController } from './selinux-warning/index.ts'
import { resourceClaimController } from './resourceclaim/index.ts'
import { serviceCIDRController } from './service-cidr/index.ts'
import { storageVersionMigratorController } from './storage-version-migrator/index.ts'
import { storageVersionGarbageCollector } from './storageversion-garbage-collector/index.ts'
import { vacProtectionController } from './volumeattributesclass-protection/index.ts'
import { ttlController } from './ttl/index.ts'
import { ttlAfterFinishedController } from './ttl-after-finished/index.ts'

const withQueue = (controller: KeyedController): KeyedController => ({ ...controller, queue: queueNames[controller.name] })

export type ControllerEntry = ManagedController<ControllerManagerOptions>

type More = Pick<ControllerEntry, 'gates' | 'offByDefault'>

/** A reconciler remembers what it wrote, which is of no use to the next one in the same process: each start has its own. */
const planned = <S>(account: string, definition: ControllerDefinition<S>, more?: More): ControllerEntry => configured(definition.name, account, () => reconciler(definition), more)
const keyed = (account: string, controller: KeyedController, more?: More): ControllerEntry =>
  ({ name: controller.name, account, ...more, start: (context) => runController(withQueue(controller), context), keyed: () => controller })
const configured = (
  name: string, account: string | undefined, make: (options: ControllerManagerOptions, client: Client) => KeyedController | undefined, more?: More,
): ControllerEntry => ({
  name, account, ...more, keyed: make,
  start(context, options) {
    const controller = make(options, context.client)
    return controller === undefined ? undefined : runController(withQueue(controller), context)
  },
})
/** With metrics that tell of what is in the caches. */
const counting = (entry: ControllerEntry, count: (metrics: Metrics, informers: Informers) => void): ControllerEntry => ({
  ...entry,
  start(context, options) {
    count(context.env.metrics, context.informers)
    return entry.start(context, options)
  },
})
const periodic = (account: string, definition: Periodic, more?: More): ControllerEntry =>
  ({ name: definition.name, account, ...more, start: (context) => startPeriodic(definition, context) })

export const controllers: readonly ControllerEntry[] = [
  configured('serviceaccount-token-controller', undefined, serviceAccountTokenController),
  configured('endpoints-controller', 'endpoint-controller', () => reconciler(endpointsController())),
  configured('endpointslice-controller', 'endpointslice-controller', ({ maxEndpointsPerSlice }) => reconciler(endpointSliceController(maxEndpointsPerSlice))),
  configured('endpointslice-mirroring-controller', 'endpointslicemirroring-controller',
    ({ maxMirroredPerSubset }) => reconciler(endpointSliceMirroringController(maxMirroredPerSubset))),
  planned('replication-controller', replicationControllerController),
  { name: podGarbageCollectorName, account: 'pod-garbage-collector', start: (context, options) => startPodGarbageCollector(context, options.terminatedPodGCThreshold) },
  configured('resourcequota-controller', 'resourcequota-controller', ({ quotaResyncMs }) => resourceQuotaController(quotaResyncMs)),
  keyed('namespace-controller', namespaceController),
  planned('service-account-controller', serviceAccountController),
  configured('daemonset-controller', 'daemon-set-controller', () => reconciler(daemonSetController())),
  configured('job-controller', 'job-controller', () => reconciler(jobController())),
  planned('deployment-controller', deploymentController),
  planned('replicaset-controller', replicaSetController),
  configured('horizontal-pod-autoscaler-controller', 'horizontal-pod-autoscaler', horizontalPodAutoscalerController),
  keyed('disruption-controller', disruptionController),
  planned('statefulset-controller', statefulSetController),
  planned('cronjob-controller', cronJobController),
  configured('certificatesigningrequest-signing-controller', 'certificate-controller', csrSigningController),
  keyed('certificate-controller', csrApprovingController),
  periodic('certificate-controller', csrCleaner),
  periodic('podcertificaterequestcleaner', podCertificateRequestCleaner, { gates: ['PodCertificateRequest'] }),
  planned('bootstrap-signer', bootstrapSignerController, { offByDefault: true }),
  planned('token-cleaner', tokenCleanerController, { offByDefault: true }),
  counting(configured('persistentvolume-binder-controller', 'persistent-volume-binder', (options) => reconciler(pvBinderController(options))), countVolumes),
  configured('persistentvolume-attach-detach-controller', 'attachdetach-controller', ({ neverForceDetach }) => reconciler(attachDetachController(neverForceDetach))),
  planned('expand-controller', pvExpanderController),
  planned('ephemeral-volume-controller', ephemeralVolumeController),
  planned('clusterrole-aggregation-controller', clusterRoleAggregationController),
  keyed('pvc-protection-controller', pvcProtectionController),
  planned('pv-protection-controller', pvProtectionController),
  planned('ttl-after-finished-controller', ttlAfterFinishedController),
  configured('ttl-controller', 'ttl-controller', () => reconciler(ttlController())),
  { name: nodeIpamName, account: 'node-controller', start: startNodeIpam },
  { name: nodeLifecycleName, account: 'node-controller', start: startNodeLifecycle },
  configured('taint-eviction-controller', 'node-controller', () => taintEvictionController()),
  configured('root-ca-certificate-publisher-controller', 'root-ca-cert-publisher',
    ({ rootCA }) => (rootCA === undefined ? undefined : reconciler(rootCaPublisher(rootCA)))),
  configured('kube-apiserver-serving-clustertrustbundle-publisher-controller', 'kube-apiserver-serving-clustertrustbundle-publisher',
    ({ rootCA }) => (rootCA === undefined ? undefined : trustBundlePublisher(rootCA)), { gates: ['ClusterTrustBundle'] }),
  configured('validatingadmissionpolicy-status-controller', 'validatingadmissionpolicy-status-controller', (_options, client) => policyStatusController(client)),
  planned('volumeattributesclass-protection-controller', vacProtectionController, { gates: ['VolumeAttributesClass'] }),
  planned('podgroup-protection-controller', podGroupProtectionController, { gates: ['GenericWorkload'] }),
  configured('resourceclaim-controller', 'resource-claim-controller', resourceClaimController, { gates: ['DynamicResourceAllocation'] }),
  planned('resourcepoolstatusrequest-controller', resourcePoolStatusRequestController, { gates: ['DRAResourcePoolStatus'] }),
  configured('device-taint-eviction-controller', 'device-taint-eviction-controller', (options) => deviceTaintEvictionController({
    rules: isEnabled('DRADeviceTaintRules', options), groups: isEnabled('DRAWorkloadResourceClaims', options),
  }), { gates: ['DynamicResourceAllocation', 'DRADeviceTaints'] }),
  {
    name: 'legacy-serviceaccount-token-cleaner-controller', account: 'legacy-service-account-token-cleaner',
    start: (context, { legacyTokenUnusedMs }) => startPeriodic(legacyTokenCleaner(legacyTokenUnusedMs), context),
  },
  planned('storage-version-garbage-collector', storageVersionGarbageCollector, { gates: ['APIServerIdentity', 'StorageVersionAPI'] }),
  planned('service-cidrs-controller', serviceCIDRController),
  keyed('storage-version-migrator-controller', storageVersionMigratorController, { gates: ['StorageVersionMigrator'] }),
  configured('selinux-warning-controller', 'selinux-warning-controller', () => seLinuxWarningController(), { gates: ['SELinuxChangePolicy'], offByDefault: true }),
  // Last, so that it finds the others' informers and shares them.
  { name: garbageCollectorName, account: 'generic-garbage-collector', start: (context, options) => (options.garbageCollector === false ? undefined : startGarbageCollector(context)) },
]
