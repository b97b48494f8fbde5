/** What upstream's metrics call the queue of each controller (the names given to NewTypedRateLimitingQueueWithConfig). */
export const queueNames: Readonly<Record<string, string>> = {
  'root-ca-certificate-publisher-controller': 'root_ca_cert_publisher', 'certificatesigningrequest-approving-controller': 'certificate',
  'certificatesigningrequest-signing-controller': 'certificate', 'kube-apiserver-serving-clustertrustbundle-publisher-controller': 'ca_cert_publisher_cluster_trust_bundles',
  'resourcequota-controller': 'resourcequota_primary', 'podgroup-protection-controller': 'podgroupprotection', 'job-controller': 'job', 'daemonset-controller': 'daemonset',
  'serviceaccount-controller': 'serviceaccount', 'serviceaccount-token-controller': 'serviceaccount_tokens_service', 'resourceclaim-controller': 'resource_claim',
  'ttl-after-finished-controller': 'ttl_jobs_to_delete', 'cronjob-controller': 'cronjob', 'ttl-controller': 'ttlcontroller', 'service-cidr-controller': 'ipaddresses',
  'namespace-controller': 'namespace', 'disruption-controller': 'disruption', 'endpointslice-controller': 'endpoint_slice', 'endpoints-controller': 'endpoint',
  'endpointslice-mirroring-controller': 'endpoint_slice_mirroring', 'horizontal-pod-autoscaler-controller': 'horizontalpodautoscaler',
  'persistentvolume-binder-controller': 'claims', 'persistentvolumeclaim-protection-controller': 'pvcprotection', 'persistentvolume-protection-controller': 'pvprotection',
  'persistentvolume-attach-detach-controller': 'pvcs', 'persistentvolume-expander-controller': 'volume_expand', 'selinux-warning-controller': 'selinux_warning',
  'volumeattributesclass-protection-controller': 'vacprotection', 'ephemeral-volume-controller': 'ephemeral_volume', 'statefulset-controller': 'statefulset',
  'deployment-controller': 'deployment', 'clusterrole-aggregation-controller': 'ClusterRoleAggregator', 'replicaset-controller': 'replicaset',
  'replicationcontroller-controller': 'replicationmanager', 'token-cleaner-controller': 'token_cleaner', 'bootstrap-signer-controller': 'bootstrap_signer_queue',
  'taint-eviction-controller': 'noexec_taint_pod', 'storageversion-garbage-collector-controller': 'storage_version_garbage_collector_storageversions',
}
