/**
 * Every field of KubeletConfiguration (kubelet.config.k8s.io/v1beta1) as data: its type, what it is when nothing is said,
 * the flag that stands for it, and whether this kubelet does something with it. Upstream: staging/src/k8s.io/kubelet/config/
 * v1beta1/types.go, pkg/kubelet/apis/config/v1beta1/defaults.go, cmd/kubelet/app/options/options.go.
 */

export type FieldType = 'text' | 'flag' | 'number' | 'duration' | 'texts' | 'map' | 'flags' | 'object' | 'list'

export interface Field {
  /** "authentication.webhook.cacheTTL". */
  readonly path: string
  readonly type: FieldType
  /** As it stands in a file. A value of nothing ('', 0, "0s") means it, as upstream's types cannot tell them apart. */
  readonly default?: unknown
  /** An explicit nothing is meant as such: the type upstream is a pointer. */
  readonly keepsZero?: boolean
  readonly flag?: string
  /** Between key and value in the flag, if it is not "=". */
  readonly separator?: string
  readonly help?: string
  /** Taken without effect. */
  readonly accepted?: boolean
  /** The values that this kubelet can work with, and why not others. */
  readonly supported?: readonly unknown[]
  readonly why?: string
}

type Extra = Omit<Field, 'path' | 'type' | 'default' | 'flag' | 'help'>
const field = (path: string, type: FieldType, initial?: unknown, flag?: string, help?: string, extra: Extra = {}): Field => ({
  path, type, ...(initial === undefined ? {} : { default: initial }), ...(flag === undefined ? {} : { flag, help: help ?? '' }), ...extra,
})
const zero: Extra = { keepsZero: true }
const accepted: Extra = { accepted: true }
const below: Extra = { separator: '<' }
const only = (why: string, ...supported: unknown[]): Extra => ({ supported, why, keepsZero: true })

export const configurationFields: readonly Field[] = [
  field('enableServer', 'flag', true, 'enable-server', 'Run the HTTPS server', zero),
  field('staticPodPath', 'text', undefined, 'pod-manifest-path', 'File or folder of static pods'),
  field('podLogsDir', 'text', '/var/log/pods', 'pod-logs-dir', 'Folder of container logs'),
  field('syncFrequency', 'duration', '1m0s', 'sync-frequency', 'Longest time between two looks at a pod'),
  field('fileCheckFrequency', 'duration', '20s', 'file-check-frequency', 'Time between looks for static pods in files'),
  field('httpCheckFrequency', 'duration', '20s', 'http-check-frequency', 'Time between looks for static pods at a URL'),
  field('staticPodURL', 'text', undefined, 'manifest-url', 'URL of static pods'),
  field('staticPodURLHeader', 'object', undefined, 'manifest-url-header', 'Headers for --manifest-url: name:value,...'),
  field('address', 'text', '0.0.0.0', 'address', 'Where the server listens'),
  field('port', 'number', 10250, 'port', 'Port of the server'),
  field('readOnlyPort', 'number', undefined, 'read-only-port', 'Port of a server without authentication; 0: none'),
  field('tlsCertFile', 'text', undefined, 'tls-cert-file', 'Certificate of the server; made in --cert-dir when not given'),
  field('tlsPrivateKeyFile', 'text', undefined, 'tls-private-key-file', 'Its key'),
  field('tlsCipherSuites', 'texts', undefined, 'tls-cipher-suites', 'Cipher suites of the server'),
  field('tlsCurvePreferences', 'list', undefined, undefined, undefined, accepted),
  field('tlsMinVersion', 'text', undefined, 'tls-min-version', 'Least TLS version of the server: VersionTLS12 or VersionTLS13'),
  field('rotateCertificates', 'flag', false, 'rotate-certificates', 'Ask for a new client certificate when the old one nears its end'),
  field('serverTLSBootstrap', 'flag', false, 'rotate-server-certificates', "Have the cluster sign the server's certificate, and renew it"),
  field('authentication.x509.clientCAFile', 'text', undefined, 'client-ca-file', 'Authorities of client certificates'),
  field('authentication.webhook.enabled', 'flag', true, 'authentication-token-webhook', 'Ask the API server about bearer tokens', zero),
  field('authentication.webhook.cacheTTL', 'duration', '2m0s', 'authentication-token-webhook-cache-ttl', 'How long such an answer is good'),
  field('authentication.anonymous.enabled', 'flag', false, 'anonymous-auth', 'Let in requests without credentials', zero),
  field('authorization.mode', 'text', 'Webhook', 'authorization-mode', 'AlwaysAllow or Webhook'),
  field('authorization.webhook.cacheAuthorizedTTL', 'duration', '5m0s', 'authorization-webhook-cache-authorized-ttl', 'How long a permission is good'),
  field('authorization.webhook.cacheUnauthorizedTTL', 'duration', '30s', 'authorization-webhook-cache-unauthorized-ttl', 'How long a refusal is good'),
  field('registryPullQPS', 'number', 5, 'registry-qps', 'Pulls are not held back', { ...accepted, ...zero }),
  field('registryBurst', 'number', 10, 'registry-burst', 'Pulls are not held back', accepted),
  field('imagePullCredentialsVerificationPolicy', 'text', 'NeverVerifyPreloadedImages', undefined, undefined, accepted),
  field('preloadedImagesVerificationAllowlist', 'texts', undefined, undefined, undefined, accepted),
  field('eventRecordQPS', 'number', 50, 'event-qps', 'Events a second; the recorder has its own limits', { ...accepted, ...zero }),
  field('eventBurst', 'number', 100, 'event-burst', 'Events at once', accepted),
  field('enableDebuggingHandlers', 'flag', true, 'enable-debugging-handlers', 'Serve logs and let commands run in containers', zero),
  field('enableContentionProfiling', 'flag', false, 'contention-profiling', 'Profiles of Go programs', accepted),
  field('healthzPort', 'number', 10248, 'healthz-port', 'Port of /healthz without TLS; 0: none', zero),
  field('healthzBindAddress', 'text', '127.0.0.1', 'healthz-bind-address', 'Where it listens'),
  field('oomScoreAdj', 'number', -999, 'oom-score-adj', "The kubelet's own score when memory runs out", zero),
  field('clusterDomain', 'text', undefined, 'cluster-domain', 'Domain of the cluster'),
  field('clusterDNS', 'texts', undefined, 'cluster-dns', 'Addresses of DNS servers for pods'),
  field('streamingConnectionIdleTimeout', 'duration', '4h0m0s', 'streaming-connection-idle-timeout', 'How long exec and the like may be silent', accepted),
  field('nodeStatusUpdateFrequency', 'duration', '10s', 'node-status-update-frequency', 'How often the node looks at itself'),
  field('nodeStatusReportFrequency', 'duration', '5m0s'),
  field('nodeLeaseDurationSeconds', 'number', 40),
  field('imageMinimumGCAge', 'duration', '2m0s', 'minimum-image-ttl-duration', 'How long an image is kept at least'),
  field('imageMaximumGCAge', 'duration', '0s'),
  field('imageGCHighThresholdPercent', 'number', 85, 'image-gc-high-threshold', 'Percent of the disk from which on images go', zero),
  field('imageGCLowThresholdPercent', 'number', 80, 'image-gc-low-threshold', 'Percent of the disk down to which they go', zero),
  field('volumeStatsAggPeriod', 'duration', '1m0s', 'volume-stats-agg-period', 'How long a count of files holds'),
  field('kubeletCgroups', 'text', undefined, 'kubelet-cgroups', 'Used for accounting upstream', accepted),
  field('systemCgroups', 'text', undefined, 'system-cgroups', 'Used for accounting upstream', accepted),
  field('cgroupRoot', 'text', undefined, 'cgroup-root', 'Cgroup below which pods get theirs'),
  field('cgroupsPerQOS', 'flag', true, 'cgroups-per-qos', 'Cgroups by quality of service', zero),
  field('cgroupDriver', 'text', 'cgroupfs', 'cgroup-driver', 'cgroupfs, or systemd: slices by its names', { supported: ['cgroupfs', 'systemd'], why: 'there are no others' }),
  field('cpuManagerPolicy', 'text', 'none', 'cpu-manager-policy', 'none, or static: CPUs of their own for guaranteed pods that ask for whole ones'),
  field('singleProcessOOMKill', 'flag', undefined, undefined, undefined, zero),
  field('cpuManagerPolicyOptions', 'map', undefined, 'cpu-manager-policy-options', 'Options of the policy: full-pcpus-only=true,...'),
  field('cpuManagerReconcilePeriod', 'duration', '10s', 'cpu-manager-reconcile-period', 'Time between looks at CPU sets'),
  field('memoryManagerPolicy', 'text', 'None', 'memory-manager-policy', 'None, or Static: memory of NUMA nodes for guaranteed pods'),
  field('topologyManagerPolicy', 'text', 'none', 'topology-manager-policy', 'none, best-effort, restricted or single-numa-node: whether what a pod gets has to be of one NUMA node'),
  field('topologyManagerScope', 'text', 'container', 'topology-manager-scope', 'container or pod: what is aligned together'),
  field('topologyManagerPolicyOptions', 'map', undefined, 'topology-manager-policy-options', 'Options of the policy'),
  field('qosReserved', 'map', undefined, 'qos-reserved', 'Alpha upstream', accepted),
  field('runtimeRequestTimeout', 'duration', '2m0s', 'runtime-request-timeout', 'Longest time for a call of the runtime; pulls and commands have their own', accepted),
  field('hairpinMode', 'text', 'promiscuous-bridge', 'hairpin-mode', 'A matter of the network plugin', accepted),
  field('maxPods', 'number', 110, 'max-pods', 'Most pods at a time'),
  field('podCIDR', 'text', undefined, 'pod-cidr', 'Range of pod addresses, for a kubelet alone', accepted),
  field('podPidsLimit', 'number', -1, 'pod-max-pids', 'Most processes of a pod; -1: any number', zero),
  field('resolvConf', 'text', '/etc/resolv.conf', 'resolv-conf', "Resolver file of pods that take the host's", zero),
  field('runOnce', 'flag', false, 'runonce', 'Gone upstream', only('runonce mode has been deprecated and should not be set', false)),
  field('cpuCFSQuota', 'flag', true, 'cpu-cfs-quota', 'Enforce CPU limits', zero),
  field('cpuCFSQuotaPeriod', 'duration', '100ms', 'cpu-cfs-quota-period', 'Period of CPU limits'),
  field('nodeStatusMaxImages', 'number', 50, 'node-status-max-images', 'Images that node status names; -1: all', zero),
  field('maxOpenFiles', 'number', 1_000_000, 'max-open-files', 'The system sets the limit of a process', accepted),
  field('contentType', 'text', 'application/vnd.kubernetes.protobuf', 'kube-api-content-type', 'Requests are JSON', accepted),
  field('kubeAPIQPS', 'number', 50, 'kube-api-qps', 'The client is not held back', { ...accepted, ...zero }),
  field('kubeAPIBurst', 'number', 100, 'kube-api-burst', 'The client is not held back', accepted),
  field('serializeImagePulls', 'flag', true, 'serialize-image-pulls', 'One pull at a time', zero),
  field('maxParallelImagePulls', 'number'),
  field('evictionHard', 'map', undefined, 'eviction-hard', 'Pods end at once when less is left: memory.available<100Mi', below),
  field('evictionSoft', 'map', undefined, 'eviction-soft', 'Pods end when less is left for a while', below),
  field('evictionSoftGracePeriod', 'map', undefined, 'eviction-soft-grace-period', 'That while, by signal'),
  field('evictionPressureTransitionPeriod', 'duration', '5m0s', 'eviction-pressure-transition-period', 'How long a condition of the node holds at least'),
  field('evictionMaxPodGracePeriod', 'number', undefined, 'eviction-max-pod-grace-period', 'Seconds that pods get at most for it'),
  field('evictionMinimumReclaim', 'map', undefined, 'eviction-minimum-reclaim', 'How much more is given back'),
  field('mergeDefaultEvictionSettings', 'flag', false),
  field('podsPerCore', 'number', undefined, 'pods-per-core', 'Most pods for each CPU; 0: any number'),
  field('enableControllerAttachDetach', 'flag', true, 'enable-controller-attach-detach', 'Volumes are attached by the controller', only('volumes are attached by the controller only', true)),
  field('protectKernelDefaults', 'flag', false, 'protect-kernel-defaults', 'Kernel settings are left alone in any case', accepted),
  field('makeIPTablesUtilChains', 'flag', true, 'make-iptables-util-chains', 'Chains for older proxies', { ...accepted, ...zero }),
  field('iptablesMasqueradeBit', 'number', 14, undefined, undefined, { ...accepted, ...zero }),
  field('iptablesDropBit', 'number', 15, undefined, undefined, { ...accepted, ...zero }),
  field('featureGates', 'flags', undefined, 'feature-gates', 'Behaviour is that of the defaults of v1.36', accepted),
  field('failSwapOn', 'flag', true, 'fail-swap-on', 'Do not start on a machine that swaps', zero),
  field('memorySwap.swapBehavior', 'text', '', undefined, undefined, { supported: ['', 'NoSwap', 'LimitedSwap'], why: 'there are no others', keepsZero: true }),
  field('containerLogMaxSize', 'text', '10Mi', 'container-log-max-size', 'Size from which on a log is cut'),
  field('containerLogMaxFiles', 'number', 5, 'container-log-max-files', 'Files of a log, with the one that is written', zero),
  field('containerLogMaxWorkers', 'number', 1, undefined, undefined, { ...accepted, ...zero }),
  field('containerLogMonitorInterval', 'duration', '10s'),
  field('configMapAndSecretChangeDetectionStrategy', 'text', 'Watch', undefined, undefined, accepted),
  field('systemReserved', 'map', undefined, 'system-reserved', 'Resources kept for the system'),
  field('kubeReserved', 'map', undefined, 'kube-reserved', 'Resources kept for Kubernetes'),
  field('reservedSystemCPUs', 'text', undefined, 'reserved-cpus', 'CPUs kept for the system: 0-1; instead of counts in --system-reserved and --kube-reserved'),
  field('showHiddenMetricsForVersion', 'text', undefined, undefined, undefined, accepted),
  field('systemReservedCgroup', 'text', undefined, 'system-reserved-cgroup', 'Limits of the system are not enforced', accepted),
  field('kubeReservedCgroup', 'text', undefined, 'kube-reserved-cgroup', 'Limits of Kubernetes are not enforced', accepted),
  field('enforceNodeAllocatable', 'texts', ['pods'], 'enforce-node-allocatable', 'Which limits are enforced', zero),
  field('allowedUnsafeSysctls', 'texts', undefined, 'allowed-unsafe-sysctls', 'Kernel parameters beside the safe ones that pods may set'),
  field('volumePluginDir', 'text', '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/', 'volume-plugin-dir', 'Folder of Flexvolume plugins', accepted),
  field('providerID', 'text', undefined, 'provider-id', "The cloud's name of the machine"),
  field('kernelMemcgNotification', 'flag', false, 'kernel-memcg-notification', 'Memory is looked at every ten seconds', accepted),
  field('logging', 'object', undefined, undefined, undefined, accepted),
  field('enableSystemLogHandler', 'flag', true, undefined, undefined, zero),
  field('enableSystemLogQuery', 'flag', false, undefined, undefined, accepted),
  field('shutdownGracePeriod', 'duration', '0s'),
  field('shutdownGracePeriodCriticalPods', 'duration', '0s'),
  field('shutdownGracePeriodByPodPriority', 'list'),
  field('crashLoopBackOff.maxContainerRestartPeriod', 'duration', '5m0s'),
  field('reservedMemory', 'list', undefined, 'reserved-memory', 'Memory kept on NUMA nodes: 0:memory=1Gi,hugepages-2Mi=64Mi;1:memory=2Gi'),
  field('enableProfilingHandler', 'flag', true, undefined, undefined, { ...accepted, ...zero }),
  field('enableDebugFlagsHandler', 'flag', true, undefined, undefined, { ...accepted, ...zero }),
  field('seccompDefault', 'flag', false, 'seccomp-default', 'RuntimeDefault seccomp profile where a pod names none', zero),
  field('memoryThrottlingFactor', 'number', 0.9, undefined, undefined, { ...accepted, ...zero }),
  field('memoryReservationPolicy', 'text', 'None', undefined, undefined, accepted),
  field('registerWithTaints', 'list', undefined, 'register-with-taints', 'key=value:Effect'),
  field('registerNode', 'flag', true, 'register-node', 'Make the Node object', zero),
  field('tracing', 'object', undefined, undefined, undefined, accepted),
  field('localStorageCapacityIsolation', 'flag', true, 'local-storage-capacity-isolation', 'Hold pods to their own limits of disk', zero),
  field('containerRuntimeEndpoint', 'text', 'unix:///run/containerd/containerd.sock', 'container-runtime-endpoint', 'Socket of the runtime'),
  field('imageServiceEndpoint', 'text', undefined, 'image-service-endpoint', "Socket of the image service, if it is not the runtime's"),
  field('failCgroupV1', 'flag', true, 'fail-cgroupv1', 'Cgroups of version 1 work with this kubelet', { ...accepted, ...zero }),
  field('userNamespaces.idsPerPod', 'number', 65_536, undefined, undefined, zero),
]
