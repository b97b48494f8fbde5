import { featureGates } from '../api/generated/feature-gates.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { ManagerOptions } from '../client/manager.ts'

/** What the controllers as a whole are told; upstream's flag of the same meaning is named beside each. */
export interface ControllerManagerOptions extends ManagerOptions {
  /** --root-ca-file, as PEM; without it kube-root-ca.crt is not published. */
  readonly rootCA?: string
  /** --cluster-cidr, one or two (dual stack); without it node-ipam gives no pod ranges. */
  readonly clusterCIDRs?: readonly string[]
  /** --allocate-node-cidrs. Default: whether there is a cluster CIDR. */
  readonly allocateNodeCIDRs?: boolean
  /** --service-cluster-ip-range, kept out of the pod ranges. */
  readonly serviceCIDRs?: readonly string[]
  /** --node-cidr-mask-size-ipv4 and -ipv6. Default 24 and 64. */
  readonly nodeCIDRMaskSizeIPv4?: number
  readonly nodeCIDRMaskSizeIPv6?: number
  /** --node-monitor-grace-period. Default 50 s. */
  readonly nodeMonitorGracePeriodMs?: number
  /** --node-monitor-period. Default 5 s. */
  readonly nodeMonitorPeriodMs?: number
  /** --node-startup-grace-period. Default 60 s. */
  readonly nodeStartupGracePeriodMs?: number
  /** --node-eviction-rate and its kin. Defaults 0.1 and 0.01 nodes a second, 50 nodes, 0.55. */
  readonly nodeEvictionRate?: number
  readonly secondaryNodeEvictionRate?: number
  readonly largeClusterSizeThreshold?: number
  readonly unhealthyZoneThreshold?: number
  /** --enable-garbage-collector. Default true. */
  readonly garbageCollector?: boolean
  /** --resource-quota-sync-period. Default 5 min. */
  readonly quotaResyncMs?: number
  /** --legacy-service-account-token-clean-up-period. Default a year. */
  readonly legacyTokenUnusedMs?: number
  /** --disable-force-detach-on-timeout. Default false. */
  readonly neverForceDetach?: boolean
  /** --enable-dynamic-provisioning. Default true. */
  readonly dynamicProvisioning?: boolean
  /** --pv-recycler-…, for host directories and NFS exports. */
  readonly recyclers?: Readonly<Partial<Record<'hostPath' | 'nfs', Recycler>>>
  /** --terminated-pod-gc-threshold. Default 12500. */
  readonly terminatedPodGCThreshold?: number
  /** --max-endpoints-per-slice. Default 100. */
  readonly maxEndpointsPerSlice?: number
  /** --mirroring-max-endpoints-per-subset. Default 1000. */
  readonly maxMirroredPerSubset?: number
  /** Signs legacy service account tokens (type kubernetes.io/service-account-token). */
  readonly signServiceAccountToken?: (claims: ServiceAccountTokenClaims) => Promise<string>
  /** --cluster-signing-cert-file and -key-file, as PEM. */
  readonly clusterSigningCert?: string
  readonly clusterSigningKey?: string
  /** --cluster-signing-<signer>-cert-file and -key-file; a signer that is not named has the common pair. */
  readonly signers?: Readonly<Partial<Record<SignerOption, { readonly certificate: string; readonly key: string }>>>
  /** --cluster-signing-duration. Default a year. */
  readonly clusterSigningDurationMs?: number
  /** --horizontal-pod-autoscaler-sync-period, -downscale-stabilization, -tolerance, -cpu-initialization-period, -initial-readiness-delay. */
  readonly autoscalerSyncPeriodMs?: number
  readonly autoscalerDownscaleStabilizationMs?: number
  readonly autoscalerTolerance?: number
  readonly autoscalerCPUInitializationMs?: number
  readonly autoscalerInitialReadinessMs?: number
  /** --feature-gates that differ from the defaults. */
  readonly featureGates?: Readonly<Record<string, boolean>>
}

/** Whether a feature gate is on: as the options say, else as it is by default. */
export const isEnabled = (gate: string, { featureGates: gates }: ControllerManagerOptions): boolean =>
  gates?.[gate] ?? featureGates[gate]?.default === true

/** How volumes of a kind are emptied. */
export interface Recycler {
  readonly minimumSeconds: number
  /** For each Gi of the volume. */
  readonly secondsPerGi: number
  /** The pod that does it, in the place of our own. */
  readonly template?: Pod
}

export type SignerOption = 'kubeletServing' | 'kubeletClient' | 'kubeAPIServerClient' | 'legacyUnknown'

export interface ServiceAccountTokenClaims {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly secretName: string
}
