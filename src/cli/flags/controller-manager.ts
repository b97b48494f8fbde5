/** kube-controller-manager's flags as data, in upstream's groups. */
import type { Flag } from '../command.ts'

type More = Pick<Flag, 'default' | 'group'>
const accepted = (name: string, type: Flag['type'], help: string, reason: string, more: More = {}): Flag => ({ name, type, help, effect: 'accepted', reason, ...more })
const refused = (name: string, type: Flag['type'], help: string, reason: string, more: More = {}): Flag => ({ name, type, help, effect: 'refused', reason, ...more })

/** --concurrent-…: how many keys a controller works on at a time, by upstream's name of the controller and its default. */
export const concurrency: readonly { readonly flag: string; readonly controller: string; readonly default: number }[] = ([
  ['concurrent-deployment-syncs', 'deployment', 5], ['concurrent-statefulset-syncs', 'statefulset', 5], ['concurrent-daemonset-syncs', 'daemonset', 2],
  ['concurrent-replicaset-syncs', 'replicaset', 5], ['concurrent-rc-syncs', 'replicationcontroller', 5], ['concurrent-job-syncs', 'job', 5],
  ['concurrent-cron-job-syncs', 'cronjob', 5], ['concurrent-endpoint-syncs', 'endpoints', 5], ['concurrent-service-endpoint-syncs', 'endpointslice', 5],
  ['mirroring-concurrent-service-endpoint-syncs', 'endpointslice-mirroring', 5], ['concurrent-ephemeralvolume-syncs', 'ephemeral-volume', 5],
  ['concurrent-gc-syncs', 'garbage-collector', 20], ['concurrent-horizontal-pod-autoscaler-syncs', 'horizontal-pod-autoscaler', 5],
  ['concurrent-namespace-syncs', 'namespace', 10], ['concurrent-resource-quota-syncs', 'resourcequota', 5],
  ['concurrent-serviceaccount-token-syncs', 'serviceaccount-token', 5], ['concurrent-ttl-after-finished-syncs', 'ttl-after-finished', 5],
  ['concurrent-validating-admission-policy-status-syncs', 'validatingadmissionpolicy-status', 5],
  ['concurrent-device-taint-eviction-syncs', 'device-taint-eviction', 8], ['concurrent-resourceclaim-syncs', 'resourceclaim', 50],
] as const).map(([flag, controller, value]) => ({ flag, controller: `${controller}-controller`, default: value }))

/** How long changes of a controller are collected. */
export const batching: readonly { readonly flag: string; readonly controller: string }[] = [
  { flag: 'endpoint-updates-batch-period', controller: 'endpoints-controller' },
  { flag: 'endpointslice-updates-batch-period', controller: 'endpointslice-controller' },
  { flag: 'mirroring-endpointslice-updates-batch-period', controller: 'endpointslice-mirroring-controller' },
]

/** Signers by the name in their flags and in ControllerManagerOptions. */
export const signers = {
  'kubelet-serving': 'kubeletServing', 'kubelet-client': 'kubeletClient', 'kube-apiserver-client': 'kubeAPIServerClient', 'legacy-unknown': 'legacyUnknown',
} as const

const ipam = { group: 'Node IPAM controller' }
const csr = { group: 'CSR signing controller' }
const lifecycle = { group: 'Node lifecycle controller' }
const hpa = { group: 'Horizontal pod autoscaler' }
const volumes = { group: 'Persistent volume binder' }
const attach = { group: 'Attach and detach controller' }
const cloud = { group: 'Cloud' }
const inCloud = 'controllers of clouds run in coxswain cloud-controller-manager'

export const controllerManagerFlags: readonly Flag[] = [
  { name: 'controllers', type: 'list', default: ['*'], help: 'Names, * for all that are on by default, -name to leave one out' },
  { name: 'feature-gates', type: 'map', shown: 'gates', help: 'Features to switch on or off; some bring controllers with them' },
  { name: 'use-service-account-credentials', type: 'bool', default: false, help: 'Every controller acts as its own service account of kube-system' },
  { name: 'controller-start-interval', type: 'duration', default: 0, help: 'Time between the starts of two controllers' },
  { name: 'controller-shutdown-timeout', type: 'duration', default: 10_000, help: 'How long controllers may take to end' },
  accepted('kube-api-qps', 'float', 'Requests a second', 'the server\'s priority and fairness hold clients back', { default: 20 }),
  accepted('kube-api-burst', 'int', 'Requests at once', 'the server\'s priority and fairness hold clients back', { default: 30 }),
  accepted('kube-api-content-type', 'string', 'Encoding of requests', 'requests are JSON', { default: 'application/vnd.kubernetes.protobuf' }),
  accepted('min-resync-period', 'duration', 'How often all objects are looked at again', 'a look that is due is asked for by the controller itself', { default: 43_200_000 }),
  accepted('cluster-name', 'string', 'Name of the cluster for clouds', inCloud, { default: 'kubernetes' }),
  refused('enable-leader-migration', 'bool', 'Moves controllers between managers', 'both managers are leaders of their own here', { default: false }),
  refused('leader-migration-config', 'string', 'How they are moved', 'both managers are leaders of their own here'),

  accepted('cloud-provider', 'string', '"" or external', inCloud, { default: '', ...cloud }),
  accepted('cloud-config', 'string', 'Configuration of the cloud', inCloud, cloud),
  accepted('external-cloud-volume-plugin', 'string', 'Volume plugin of the cloud', 'volumes of clouds come from CSI drivers', cloud),
  accepted('configure-cloud-routes', 'bool', 'Whether routes are made', inCloud, { default: true, ...cloud }),
  accepted('route-reconciliation-period', 'duration', 'How often routes are looked at', inCloud, { default: 10_000, ...cloud }),
  accepted('concurrent-service-syncs', 'int', 'Load balancers at a time', inCloud, { default: 1, ...cloud }),

  { name: 'cluster-cidr', type: 'list', default: [], help: 'Range of pod addresses; one of each family', ...ipam },
  { name: 'service-cluster-ip-range', type: 'list', shown: 'plain', default: [], help: 'Range of service addresses, kept out of the pod ranges', ...ipam },
  { name: 'allocate-node-cidrs', type: 'bool', default: false, help: 'Gives every node a part of the cluster CIDR', ...ipam },
  { name: 'cidr-allocator-type', type: 'string', default: 'RangeAllocator', help: 'RangeAllocator; clouds have others', ...ipam },
  { name: 'node-cidr-mask-size', type: 'int', default: 0, help: 'Size of a node\'s range; default 24 for IPv4, 64 for IPv6', ...ipam },
  { name: 'node-cidr-mask-size-ipv4', type: 'int', default: 0, help: 'Size of a node\'s IPv4 range in clusters of both families; default 24', ...ipam },
  { name: 'node-cidr-mask-size-ipv6', type: 'int', default: 0, help: 'Size of a node\'s IPv6 range in clusters of both families; default 64', ...ipam },

  { name: 'root-ca-file', type: 'string', help: 'Certificate authority that kube-root-ca.crt and token secrets show to pods', group: 'Service account controller' },
  { name: 'service-account-private-key-file', type: 'string', help: 'Key that signs tokens of secrets; without it there are none', group: 'Service account controller' },
  { name: 'legacy-service-account-token-clean-up-period', type: 'duration', default: 365 * 86_400_000, help: 'How long a token secret may lie unused', group: 'Service account controller' },
  { name: 'cluster-signing-cert-file', type: 'string', help: 'Authority that signs certificate requests', ...csr },
  { name: 'cluster-signing-key-file', type: 'string', help: 'Its key', ...csr },
  { name: 'cluster-signing-duration', type: 'duration', default: 365 * 86_400_000, help: 'How long signed certificates last at most', ...csr },
  ...Object.keys(signers).flatMap((signer): Flag[] => [
    { name: `cluster-signing-${signer}-cert-file`, type: 'string', help: `Authority of kubernetes.io/${signer}; default the common one`, ...csr },
    { name: `cluster-signing-${signer}-key-file`, type: 'string', help: 'Its key', ...csr },
  ]),
  { name: 'node-monitor-grace-period', type: 'duration', default: 50_000, help: 'How long a silent node counts as healthy', ...lifecycle },
  { name: 'node-monitor-period', type: 'duration', default: 5_000, help: 'How often nodes are looked at', ...lifecycle },
  { name: 'node-startup-grace-period', type: 'duration', default: 60_000, help: 'The same for a node that has just been registered', ...lifecycle },
  { name: 'node-eviction-rate', type: 'float', default: 0.1, help: 'Nodes a second that are tainted in a healthy zone', ...lifecycle },
  { name: 'secondary-node-eviction-rate', type: 'float', default: 0.01, help: 'The same in an unhealthy zone', ...lifecycle },
  { name: 'large-cluster-size-threshold', type: 'int', default: 50, help: 'Smaller zones are left alone when they are unhealthy', ...lifecycle },
  { name: 'unhealthy-zone-threshold', type: 'float', default: 0.55, help: 'Part of a zone\'s nodes that makes it unhealthy', ...lifecycle },

  { name: 'horizontal-pod-autoscaler-sync-period', type: 'duration', default: 15_000, help: 'How often metrics are asked for', ...hpa },
  { name: 'horizontal-pod-autoscaler-downscale-stabilization', type: 'duration', default: 300_000, help: 'How long the highest recommendation holds', ...hpa },
  { name: 'horizontal-pod-autoscaler-tolerance', type: 'float', default: 0.1, help: 'How far from the target is near enough', ...hpa },
  { name: 'horizontal-pod-autoscaler-cpu-initialization-period', type: 'duration', default: 300_000, help: 'How long a young pod\'s use of CPU may be left out', ...hpa },
  { name: 'horizontal-pod-autoscaler-initial-readiness-delay', type: 'duration', default: 30_000, help: 'Pods unready since before this have never been ready', ...hpa },

  { name: 'terminated-pod-gc-threshold', type: 'int', default: 12_500, help: 'Ended pods that are kept before the oldest are deleted', group: 'Pod GC controller' },
  { name: 'enable-garbage-collector', type: 'bool', default: true, help: 'Deletes what has lost its owners', group: 'Garbage collector' },
  { name: 'resource-quota-sync-period', type: 'duration', default: 300_000, help: 'How often everything is counted anew', group: 'Resource quota controller' },
  accepted('namespace-sync-period', 'duration', 'How often namespaces are looked at', 'what a namespace waits for wakes it', { default: 300_000, group: 'Namespace controller' }),
  { name: 'max-endpoints-per-slice', type: 'int', default: 100, help: 'Endpoints of a slice', group: 'Endpoint controllers' },
  { name: 'mirroring-max-endpoints-per-subset', type: 'int', default: 1000, help: 'Addresses of a subset that are mirrored', group: 'Endpoint controllers' },
  ...batching.map(({ flag, controller }): Flag => ({ name: flag, type: 'duration', default: 0, help: `How long the ${controller} collects changes`, group: 'Endpoint controllers' })),
  ...concurrency.map((one): Flag => ({ name: one.flag, type: 'int', default: one.default, help: `Keys that the ${one.controller} works on at a time`, group: 'Concurrency' })),

  { name: 'enable-dynamic-provisioning', type: 'bool', default: true, help: 'Whether claims may have volumes made', ...volumes },
  accepted('enable-hostpath-provisioner', 'bool', 'Makes volumes in /tmp of the manager\'s own machine', 'kind sets it, and its volumes come from a driver on the nodes', { default: false, ...volumes }),
  accepted('flex-volume-plugin-dir', 'string', 'Folder of FlexVolume drivers', 'FlexVolume drivers run on nodes only', { default: '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/', ...volumes }),
  accepted('pvclaimbinder-sync-period', 'duration', 'How often claims and volumes are looked at', 'changes are looked at when they come', { default: 15_000, ...volumes }),
  { name: 'pv-recycler-minimum-timeout-hostpath', type: 'int', default: 60, help: 'Seconds that emptying a host directory may take at least', ...volumes },
  { name: 'pv-recycler-timeout-increment-hostpath', type: 'int', default: 30, help: 'Seconds more for each Gi of it', ...volumes },
  { name: 'pv-recycler-pod-template-filepath-hostpath', type: 'string', help: 'Pod that empties host directories', ...volumes },
  { name: 'pv-recycler-minimum-timeout-nfs', type: 'int', default: 300, help: 'Seconds that emptying an NFS export may take at least', ...volumes },
  { name: 'pv-recycler-increment-timeout-nfs', type: 'int', default: 30, help: 'Seconds more for each Gi of it', ...volumes },
  { name: 'pv-recycler-pod-template-filepath-nfs', type: 'string', help: 'Pod that empties NFS exports', ...volumes },
  accepted('attach-detach-reconcile-sync-period', 'duration', 'How often attachments are compared', 'they are compared at every change', { default: 60_000, ...attach }),
  accepted('disable-attach-detach-reconcile-sync', 'bool', 'Compares nothing', 'they are compared at every change', attach),
  { name: 'disable-force-detach-on-timeout', type: 'bool', default: false, help: 'Waits for unhealthy nodes to let volumes go, however long', ...attach },
]
