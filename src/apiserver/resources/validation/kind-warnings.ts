/** What clients are told of other kinds that are taken but not what was meant, or that use what is on its way out. */
import type { Endpoints, Node, PersistentVolume, PersistentVolumeClaim, ResourceQuota, Service } from '../../../api/generated/types/core-v1.ts'
import type { RuntimeClass } from '../../../api/generated/types/node-v1.ts'
import type { ResourceSlice } from '../../../api/generated/types/resource-v1.ts'
import type { CSIStorageCapacity, StorageClass } from '../../../api/generated/types/storage-v1.ts'
import { compareQuantity, formatQuantity, type QuantityLike } from '../../../api/meta/quantity.ts'
import { cidrWarnings, ipWarnings } from './ip-warnings.ts'
import { deprecatedNodeLabel, nodeSelectorTermWarnings } from './node-labels.ts'
import { claimSpecWarnings } from './quantity-warnings.ts'

const storageClass = 'volume.beta.kubernetes.io/storage-class'
const storageClassText = 'deprecated since v1.8; use "storageClassName" attribute instead'
const volumeAnnotations = { [storageClass]: storageClassText, 'volume.beta.kubernetes.io/mount-options': 'deprecated since v1.31; use "mountOptions" attribute instead' }
const volumeSources = {
  cephfs: 'deprecated in v1.28, non-functional in v1.31+', photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+', storageos: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+', rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const

/** Upstream: pkg/api/persistentvolume. */
export function* volumeWarnings({ metadata, spec }: PersistentVolume): Generator<string> {
  for (const [key, text] of Object.entries(volumeAnnotations)) if (metadata.annotations?.[key] !== undefined) yield `metadata.annotations[${key}]: ${text}`
  if (spec?.persistentVolumeReclaimPolicy === 'Recycle') {
    yield 'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.'
  }
  for (const [i, term] of (spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) yield* nodeSelectorTermWarnings(`spec.nodeAffinity.required.nodeSelectorTerms[${i}]`, term)
  for (const [name, text] of Object.entries(volumeSources)) {
    if (spec?.[name as keyof typeof volumeSources] !== undefined) yield `spec.${name === 'storageos' ? 'storageOS' : name}: ${text}`
  }
}

/** Upstream: pkg/api/persistentvolumeclaim. */
export function* claimWarnings({ metadata, spec }: PersistentVolumeClaim): Generator<string> {
  if (metadata.annotations?.[storageClass] !== undefined) yield `metadata.annotations[${storageClass}]: ${storageClassText}`
  yield* claimSpecWarnings('spec', spec)
}

/** Upstream: pkg/registry/core/node. */
export function* nodeWarnings({ spec }: Node): Generator<string> {
  if (spec?.configSource !== undefined) yield 'spec.configSource: the feature is removed'
  if (spec?.externalID) yield 'spec.externalID: this field is deprecated, and is unused by Kubernetes'
  for (const [i, cidr] of (spec?.podCIDRs ?? []).entries()) yield* cidrWarnings(`spec.podCIDRs[${i}]`, cidr)
}

/** Of new quotas alone (upstream: pkg/registry/core/resourcequota). */
export function* quotaWarnings({ spec }: ResourceQuota, old: ResourceQuota | undefined): Generator<string> {
  const hard = (spec?.hard ?? {}) as Readonly<Record<string, QuantityLike>>
  for (const name of old === undefined ? ['cpu', 'memory', 'storage', 'ephemeral-storage'] : []) {
    const request = hard[`requests.${name}`] !== undefined || (name !== 'cpu' && name !== 'memory') ? `requests.${name}` : name
    const [asked, limit] = [hard[request], hard[`limits.${name}`]]
    if (asked === undefined || limit === undefined || compareQuantity(asked, limit) <= 0) continue
    yield `ResourceQuota ${request} (${formatQuantity(asked)}) should be less than limits.${name} (${formatQuantity(limit)})`
  }
}

/** Upstream: pkg/api/service. */
export function* serviceWarnings({ metadata, spec }: Service): Generator<string> {
  if (metadata.annotations?.['service.kubernetes.io/topology-aware-hints'] !== undefined) {
    yield 'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead'
  }
  const { type, clusterIP = '', clusterIPs, externalIPs = [], loadBalancerIP = '', sessionAffinity, loadBalancerSourceRanges, externalName, trafficDistribution } = spec ?? {}
  if (clusterIP !== '' && clusterIP !== 'None') for (const [i, ip] of (clusterIPs ?? []).entries()) yield* ipWarnings(`spec.clusterIPs[${i}]`, ip)
  const headless = type === 'ClusterIP' && clusterIP === 'None'
  if (headless && loadBalancerIP !== '') yield 'spec.loadBalancerIP is ignored for headless services'
  if (headless && externalIPs.length > 0) yield 'spec.externalIPs is ignored for headless services'
  if (headless && sessionAffinity !== 'None') yield 'spec.SessionAffinity is ignored for headless services'
  for (const [i, ip] of externalIPs.entries()) yield* ipWarnings(`spec.externalIPs[${i}]`, ip)
  if (externalIPs.length > 0 && !headless && type !== 'ExternalName') yield 'spec.externalIPs is deprecated and may no longer be implemented in some clusters'
  if (loadBalancerIP !== '') yield* ipWarnings('spec.loadBalancerIP', loadBalancerIP)
  for (const [i, cidr] of (loadBalancerSourceRanges ?? []).entries()) yield* cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, cidr)
  if (type === 'ExternalName' && externalIPs.length > 0) yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
  if (type !== 'ExternalName' && externalName) yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
  if (trafficDistribution === 'PreferClose') yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
}

/** Those that the endpoints controller writes are right, and many (upstream: pkg/registry/core/endpoint). */
export function* endpointsWarnings({ metadata, subsets }: Endpoints): Generator<string> {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return
  for (const [i, subset] of (subsets ?? []).entries()) {
    for (const list of ['addresses', 'notReadyAddresses'] as const) {
      for (const [j, { ip }] of (subset[list] ?? []).entries()) yield* ipWarnings(`subsets[${i}].${list}[${j}].ip`, ip)
    }
  }
}

export function* runtimeClassWarnings({ scheduling }: RuntimeClass): Generator<string> {
  for (const key of Object.keys(scheduling?.nodeSelector ?? {})) {
    const text = deprecatedNodeLabel(key)
    if (text !== undefined) yield `scheduling.nodeSelector: ${text}`
  }
}

export function* storageClassWarnings({ allowedTopologies }: StorageClass): Generator<string> {
  for (const [i, { matchLabelExpressions }] of (allowedTopologies ?? []).entries()) {
    for (const [j, { key }] of (matchLabelExpressions ?? []).entries()) {
      const text = deprecatedNodeLabel(key)
      if (text !== undefined) yield `allowedTopologies[${i}].matchLabelExpressions[${j}].key: ${text}`
    }
  }
}

export function* storageCapacityWarnings({ nodeTopology }: CSIStorageCapacity): Generator<string> {
  for (const [i, { key }] of (nodeTopology?.matchExpressions ?? []).entries()) {
    const text = deprecatedNodeLabel(key)
    if (text !== undefined) yield `nodeTopology.matchExpressions[${i}].key: ${key} is ${text}`
  }
  for (const key of Object.keys(nodeTopology?.matchLabels ?? {})) {
    const text = deprecatedNodeLabel(key)
    if (text !== undefined) yield `nodeTopology.matchLabels.${key}: ${text}`
  }
}

export function* resourceSliceWarnings({ spec }: ResourceSlice): Generator<string> {
  const { driver = '' } = spec ?? {}
  if (driver !== driver.toLowerCase()) yield `spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`
}
