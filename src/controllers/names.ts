/** Names that --controllers understands besides those of index.ts (upstream: cmd/kube-controller-manager/app, `aliases`). */

/** What controllers were called before they had their present names. */
export const aliases: Readonly<Record<string, string>> = {
  daemonset: 'daemonset-controller', statefulset: 'statefulset-controller', replicaset: 'replicaset-controller', deployment: 'deployment-controller',
  horizontalpodautoscaling: 'horizontal-pod-autoscaler-controller', job: 'job-controller', cronjob: 'cronjob-controller',
  bootstrapsigner: 'bootstrap-signer-controller', tokencleaner: 'token-cleaner-controller', csrsigning: 'certificatesigningrequest-signing-controller',
  csrapproving: 'certificatesigningrequest-approving-controller', csrcleaner: 'certificatesigningrequest-cleaner-controller',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher-controller', service: 'service-lb-controller', nodeipam: 'node-ipam-controller',
  nodelifecycle: 'node-lifecycle-controller', 'cloud-node-lifecycle': 'cloud-node-lifecycle-controller', route: 'node-route-controller',
  'persistentvolume-binder': 'persistentvolume-binder-controller', attachdetach: 'persistentvolume-attach-detach-controller',
  'persistentvolume-expander': 'persistentvolume-expander-controller', 'ephemeral-volume': 'ephemeral-volume-controller', endpoint: 'endpoints-controller',
  replicationcontroller: 'replicationcontroller-controller', podgc: 'pod-garbage-collector-controller', resourcequota: 'resourcequota-controller',
  namespace: 'namespace-controller', serviceaccount: 'serviceaccount-controller', ttl: 'ttl-controller', garbagecollector: 'garbage-collector-controller',
  'pvc-protection': 'persistentvolumeclaim-protection-controller', 'pv-protection': 'persistentvolume-protection-controller',
  'ttl-after-finished': 'ttl-after-finished-controller', 'legacy-service-account-token-cleaner': 'legacy-serviceaccount-token-cleaner-controller',
  'storage-version-gc': 'storageversion-garbage-collector-controller', endpointslice: 'endpointslice-controller',
  endpointslicemirroring: 'endpointslice-mirroring-controller', disruption: 'disruption-controller',
  'clusterrole-aggregation': 'clusterrole-aggregation-controller', 'resource-claim-controller': 'resourceclaim-controller',
  'serviceaccount-token': 'serviceaccount-token-controller', svm: 'storage-version-migrator-controller',
}

/** Known, and never started here: the cloud controller manager has them. */
export const cloudControllers: readonly string[] = ['service-lb-controller', 'node-route-controller', 'cloud-node-lifecycle-controller']
