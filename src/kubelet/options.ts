/** What a kubelet is told. Names and defaults follow KubeletConfiguration (kubelet.config.k8s.io/v1beta1) where it has them. */
import type { Taint } from '../api/generated/types/core-v1.ts'
import { featuresFrom } from '../api/helpers/features.ts'
import type { Cri } from './cri/contract.ts'
import type { Host } from './host/contract.ts'
import type { TopologySettings } from './topology/manager.ts'
import type { ConnectRegistration } from './plugins/contract.ts'
import type { ConnectCsi } from './volumes/csi/contract.ts'

export interface KubeletOptions {
  readonly nodeName: string
  /** Addresses of the node, the primary family first. */
  readonly nodeIps: readonly string[]
  /** "/var/lib/kubelet": pod folders, volumes. */
  readonly rootDir?: string
  readonly podLogsDir?: string
  /** Links to all container logs; undefined: "/var/log/containers" beside the default podLogsDir, else none. */
  readonly containerLogsDir?: string
  /** "unix:///run/containerd/containerd.sock". */
  readonly containerRuntimeEndpoint?: string
  /** Where it differs from the runtime's. */
  readonly imageServiceEndpoint?: string
  /** Instead of a connection of its own, for tests. */
  readonly cri?: Cri
  readonly host?: Host
  /** How sockets of plugins are opened; for tests. */
  readonly connect?: { readonly registration: ConnectRegistration; readonly csi: ConnectCsi }
  /** "/": the kubelet makes "kubepods" below it. */
  readonly cgroupRoot?: string
  /** Whether pods get cgroups of their own by quality of service. */
  readonly cgroupsPerQOS?: boolean
  /** How cgroups are named; "systemd": its slices. */
  readonly cgroupDriver?: 'cgroupfs' | 'systemd'
  /** "pods": together they get what is allocatable. */
  readonly enforceNodeAllocatable?: readonly string[]
  readonly clusterDNS?: readonly string[]
  readonly clusterDomain?: string
  /** File of the host's resolver; '' for none. */
  readonly resolvConf?: string
  readonly staticPodPath?: string
  readonly staticPodURL?: string
  readonly staticPodURLHeader?: Readonly<Record<string, readonly string[]>>
  readonly maxPods?: number
  /** 0: any number. */
  readonly podsPerCore?: number
  readonly podPidsLimit?: number
  readonly cpuCFSQuota?: boolean
  /** ms. */
  readonly cpuCFSQuotaPeriod?: number
  /** Who gets CPUs, memory and devices of NUMA nodes. */
  readonly topology?: TopologySettings
  /** ms between looks at the CPUs that containers run on. */
  readonly cpuManagerReconcilePeriod?: number
  readonly seccompDefault?: boolean
  readonly serializeImagePulls?: boolean
  readonly maxParallelImagePulls?: number
  /** ms that a container that fails again and again waits at most. */
  readonly maxContainerRestartPeriod?: number
  /** When memory runs out a container's processes end one by one; undefined: only where they cannot end together. */
  readonly singleProcessOOMKill?: boolean
  readonly swapBehavior?: 'NoSwap' | 'LimitedSwap'
  /** The lowest priority first; empty: pods are not told that the machine goes down. */
  readonly shutdown?: readonly ShutdownPeriod[]
  /** ms. */
  readonly syncFrequency?: number
  readonly fileCheckFrequency?: number
  readonly httpCheckFrequency?: number
  readonly volumeStatsAggPeriod?: number
  readonly nodeStatusUpdateFrequency?: number
  readonly nodeStatusReportFrequency?: number
  readonly nodeLeaseDurationSeconds?: number
  /** ms between looks at the runtime when it sends no events. */
  readonly relistPeriod?: number
  /** ms between looks for what is no longer wanted. */
  readonly housekeepingPeriod?: number
  readonly registerNode?: boolean
  readonly registerWithTaints?: readonly Taint[]
  readonly nodeLabels?: Readonly<Record<string, string>>
  readonly providerID?: string
  /** "external": somebody else tells the node's addresses, and takes its taint away. */
  readonly cloudProvider?: string
  /** -1: all. */
  readonly nodeStatusMaxImages?: number
  /** Kernel parameters beside the safe ones that pods may set; "net.core.*" for all below. */
  readonly allowedUnsafeSysctls?: readonly string[]
  readonly systemReserved?: Readonly<Record<string, string>>
  readonly kubeReserved?: Readonly<Record<string, string>>
  /** memory.available and the like that count as reserved. */
  readonly evictionHard?: Readonly<Record<string, string>>
  readonly evictionSoft?: Readonly<Record<string, string>>
  readonly evictionSoftGracePeriod?: Readonly<Record<string, string>>
  readonly evictionMinimumReclaim?: Readonly<Record<string, string>>
  /** ms that a condition of the node holds at least. */
  readonly evictionPressureTransitionPeriod?: number
  /** Users of the machine that a pod with users of its own gets. */
  readonly idsPerPod?: number
  /** Seconds that pods get at most when a soft threshold is met. */
  readonly evictionMaxPodGracePeriod?: number
  readonly localStorageCapacityIsolation?: boolean
  readonly imageGCHighThresholdPercent?: number
  readonly imageGCLowThresholdPercent?: number
  /** ms. */
  readonly imageMinimumGCAge?: number
  readonly imageMaximumGCAge?: number
  /** "10Mi". */
  readonly containerLogMaxSize?: string
  readonly containerLogMaxFiles?: number
  /** ms. */
  readonly containerLogMonitorInterval?: number
  /** What the kubelet says it has instead of what the machine has: several nodes on one machine. */
  readonly capacity?: Readonly<Record<string, string>>
  readonly server?: KubeletServerOptions
  /** The KubeletConfiguration that all this comes from, for /configz. */
  readonly configuration?: Readonly<Record<string, unknown>>
  /** Which feature gates are on; default: upstream's. */
  readonly feature?: (name: string) => boolean
}

/** Seconds that pods from this priority on get when the machine goes down. */
export interface ShutdownPeriod {
  readonly priority: number
  readonly seconds: number
}

export interface KubeletServerOptions {
  readonly address?: string
  /** 0: any free one. */
  readonly port?: number
  /** PEM texts. */
  readonly cert: string
  readonly key: string
  /** Calls `use` with each newer pair. */
  readonly renewals?: (use: (pair: { cert: string; key: string }) => void) => void
  readonly tlsMinVersion?: string
  readonly tlsCipherSuites?: readonly string[]
  /** A server of the same paths for reading, without authentication; 0: none. */
  readonly readOnlyPort?: number
  /** A server of /healthz alone; 0: none. */
  readonly healthzPort?: number
  readonly healthzBindAddress?: string
  /** ms that answers of the API server are good. */
  readonly cacheTtls?: { readonly authentication: number; readonly allowed: number; readonly denied: number }
  /** Logs and commands are served; default: they are. */
  readonly debuggingHandlers?: boolean
  /** Files of /var/log are served; default: they are. */
  readonly systemLogs?: boolean
  /** Whether there is a /statusz; default: there is. */
  readonly statusz?: boolean
  /** What /flagz shows: flags with their values; without it there is no such page. */
  readonly flags?: () => Readonly<Record<string, string>>
  /** Those it signed may talk to the kubelet; undefined: client certificates are not asked for. */
  readonly clientCA?: string
  /** Bearer tokens are asked of the API server (TokenReview). */
  readonly webhookAuthentication?: boolean
  /** 'AlwaysAllow', or 'Webhook': the API server is asked (SubjectAccessReview). */
  readonly authorization?: 'AlwaysAllow' | 'Webhook'
  readonly anonymous?: boolean
}

type Optional = 'singleProcessOOMKill' | 'containerLogsDir' | 'staticPodPath' | 'staticPodURL' | 'server' | 'maxParallelImagePulls' | 'podPidsLimit' | 'providerID' | 'capacity' | 'imageServiceEndpoint' |
  'configuration'

export type ResolvedOptions = Required<Omit<KubeletOptions, Optional | 'cri' | 'host' | 'connect'>> & Pick<KubeletOptions, Optional>

const noTopology: TopologySettings = {
  cpuPolicy: 'none', cpuOptions: {}, alphaOptions: false, reservedCpus: '', memoryPolicy: 'None', reservedMemory: [], policy: 'none', scope: 'container', policyOptions: {},
}

export const defaultEvictionHard = {
  'memory.available': '100Mi', 'nodefs.available': '10%', 'nodefs.inodesFree': '5%', 'imagefs.available': '15%', 'imagefs.inodesFree': '5%',
}

export function resolveOptions(options: KubeletOptions): ResolvedOptions {
  const podLogsDir = options.podLogsDir ?? '/var/log/pods'
  return {
    nodeName: options.nodeName, nodeIps: options.nodeIps, rootDir: options.rootDir ?? '/var/lib/kubelet', podLogsDir,
    containerLogsDir: options.containerLogsDir ?? (podLogsDir === '/var/log/pods' ? '/var/log/containers' : undefined),
    containerRuntimeEndpoint: options.containerRuntimeEndpoint ?? 'unix:///run/containerd/containerd.sock',
    cgroupRoot: options.cgroupRoot ?? '/', cgroupsPerQOS: options.cgroupsPerQOS ?? true,
    clusterDNS: options.clusterDNS ?? [], clusterDomain: options.clusterDomain ?? '', resolvConf: options.resolvConf ?? '/etc/resolv.conf',
    staticPodPath: options.staticPodPath, maxPods: options.maxPods ?? 110, podPidsLimit: options.podPidsLimit,
    cpuCFSQuota: options.cpuCFSQuota ?? true, cpuCFSQuotaPeriod: options.cpuCFSQuotaPeriod ?? 100,
    topology: options.topology ?? noTopology, cpuManagerReconcilePeriod: options.cpuManagerReconcilePeriod ?? 10_000,
    seccompDefault: options.seccompDefault ?? false, serializeImagePulls: options.serializeImagePulls ?? true,
    maxParallelImagePulls: options.maxParallelImagePulls,
    syncFrequency: options.syncFrequency ?? 60_000, fileCheckFrequency: options.fileCheckFrequency ?? 20_000,
    nodeStatusUpdateFrequency: options.nodeStatusUpdateFrequency ?? 10_000,
    nodeStatusReportFrequency: options.nodeStatusReportFrequency ?? (options.nodeStatusUpdateFrequency ?? 300_000),
    nodeLeaseDurationSeconds: options.nodeLeaseDurationSeconds ?? 40, relistPeriod: options.relistPeriod ?? 1000, housekeepingPeriod: options.housekeepingPeriod ?? 2000,
    registerNode: options.registerNode ?? true, registerWithTaints: options.registerWithTaints ?? [], nodeLabels: options.nodeLabels ?? {},
    providerID: options.providerID, allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [], systemReserved: options.systemReserved ?? {}, kubeReserved: options.kubeReserved ?? {},
    evictionHard: options.evictionHard ?? defaultEvictionHard, evictionSoft: options.evictionSoft ?? {},
    evictionSoftGracePeriod: options.evictionSoftGracePeriod ?? {}, evictionMinimumReclaim: options.evictionMinimumReclaim ?? {},
    evictionPressureTransitionPeriod: options.evictionPressureTransitionPeriod ?? 300_000, evictionMaxPodGracePeriod: options.evictionMaxPodGracePeriod ?? 0,
    localStorageCapacityIsolation: options.localStorageCapacityIsolation ?? true,
    imageGCHighThresholdPercent: options.imageGCHighThresholdPercent ?? 85, imageGCLowThresholdPercent: options.imageGCLowThresholdPercent ?? 80,
    imageMinimumGCAge: options.imageMinimumGCAge ?? 120_000, imageMaximumGCAge: options.imageMaximumGCAge ?? 0,
    containerLogMaxSize: options.containerLogMaxSize ?? '10Mi', containerLogMaxFiles: options.containerLogMaxFiles ?? 5,
    containerLogMonitorInterval: options.containerLogMonitorInterval ?? 10_000,
    idsPerPod: options.idsPerPod ?? 65_536, capacity: options.capacity, server: options.server, imageServiceEndpoint: options.imageServiceEndpoint, cgroupDriver: options.cgroupDriver ?? 'cgroupfs',
    enforceNodeAllocatable: options.enforceNodeAllocatable ?? ['pods'], staticPodURL: options.staticPodURL, staticPodURLHeader: options.staticPodURLHeader ?? {},
    podsPerCore: options.podsPerCore ?? 0,
    maxContainerRestartPeriod: options.maxContainerRestartPeriod ?? 300_000, swapBehavior: options.swapBehavior ?? 'NoSwap', shutdown: options.shutdown ?? [],
    httpCheckFrequency: options.httpCheckFrequency ?? 20_000, volumeStatsAggPeriod: options.volumeStatsAggPeriod ?? 60_000, cloudProvider: options.cloudProvider ?? '',
    singleProcessOOMKill: options.singleProcessOOMKill, nodeStatusMaxImages: options.nodeStatusMaxImages ?? 50, configuration: options.configuration,
    feature: options.feature ?? featuresFrom({}),
  }
}
