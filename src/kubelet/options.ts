/** What a kubelet is told. Names and defaults follow KubeletConfiguration (kubelet.config.k8s.io/v1beta1) where it has them. */
import type { Taint } from '../api/generated/types/core-v1.ts'
import type { Cri } from './cri/contract.ts'
import type { Host } from './host/contract.ts'
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
  /** Instead of a connection of its own, for tests. */
  readonly cri?: Cri
  readonly host?: Host
  /** How sockets of plugins are opened; for tests. */
  readonly connect?: { readonly registration: ConnectRegistration; readonly csi: ConnectCsi }
  /** "/": the kubelet makes "kubepods" below it. */
  readonly cgroupRoot?: string
  /** Whether pods get cgroups of their own by quality of service. */
  readonly cgroupsPerQOS?: boolean
  readonly clusterDNS?: readonly string[]
  readonly clusterDomain?: string
  /** File of the host's resolver; '' for none. */
  readonly resolvConf?: string
  readonly staticPodPath?: string
  readonly maxPods?: number
  readonly podPidsLimit?: number
  readonly cpuCFSQuota?: boolean
  /** ms. */
  readonly cpuCFSQuotaPeriod?: number
  readonly seccompDefault?: boolean
  readonly serializeImagePulls?: boolean
  readonly maxParallelImagePulls?: number
  /** ms. */
  readonly syncFrequency?: number
  readonly fileCheckFrequency?: number
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
}

export interface KubeletServerOptions {
  readonly address?: string
  /** 0: any free one. */
  readonly port?: number
  /** PEM texts. */
  readonly cert: string
  readonly key: string
  /** Those it signed may talk to the kubelet; undefined: client certificates are not asked for. */
  readonly clientCA?: string
  /** Bearer tokens are asked of the API server (TokenReview). */
  readonly webhookAuthentication?: boolean
  /** 'AlwaysAllow', or 'Webhook': the API server is asked (SubjectAccessReview). */
  readonly authorization?: 'AlwaysAllow' | 'Webhook'
  readonly anonymous?: boolean
}

export type ResolvedOptions = Required<Omit<KubeletOptions,
  'containerLogsDir' | 'cri' | 'host' | 'connect' | 'staticPodPath' | 'server' | 'maxParallelImagePulls' | 'podPidsLimit' | 'providerID' | 'capacity'>> &
  Pick<KubeletOptions, 'containerLogsDir' | 'staticPodPath' | 'server' | 'maxParallelImagePulls' | 'podPidsLimit' | 'providerID' | 'capacity'>

const defaultEvictionHard = {
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
    capacity: options.capacity, server: options.server,
  }
}
