import type { ListMeta } from '../../meta/object.ts'
export type { KubeList, KubeObject, ListMeta, ManagedFieldsEntry, ObjectMeta, OwnerReference, WatchEvent } from '../../meta/object.ts'

export type APIGroup = {
  apiVersion?: string
  kind?: string
  name: string
  preferredVersion?: GroupVersionForDiscovery
  serverAddressByClientCIDRs?: ServerAddressByClientCIDR[]
  versions: GroupVersionForDiscovery[]
}

export type APIGroupList = {
  apiVersion?: string
  groups: APIGroup[]
  kind?: string
}

export type APIResource = {
  categories?: string[]
  group?: string
  kind: string
  name: string
  namespaced: boolean
  shortNames?: string[]
  singularName: string
  storageVersionHash?: string
  verbs: string[]
  version?: string
}

export type APIResourceList = {
  apiVersion?: string
  groupVersion: string
  kind?: string
  resources: APIResource[]
}

export type APIVersions = {
  apiVersion?: string
  kind?: string
  serverAddressByClientCIDRs: ServerAddressByClientCIDR[]
  versions: string[]
}

export type Condition = {
  lastTransitionTime: string
  message: string
  observedGeneration?: number
  reason: string
  status: string
  type: string
}

export type DeleteOptions = {
  apiVersion?: string
  dryRun?: string[]
  gracePeriodSeconds?: number
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
  kind?: string
  orphanDependents?: boolean
  preconditions?: Preconditions
  propagationPolicy?: string
}

export type FieldSelectorRequirement = {
  key: string
  operator: string
  values?: string[]
}

export type GroupResource = {
  group: string
  resource: string
}

export type GroupVersionForDiscovery = {
  groupVersion: string
  version: string
}

export type LabelSelector = {
  matchExpressions?: LabelSelectorRequirement[]
  matchLabels?: Record<string, string>
}

export type LabelSelectorRequirement = {
  key: string
  operator: string
  values?: string[]
}

export type Preconditions = {
  resourceVersion?: string
  uid?: string
}

export type ServerAddressByClientCIDR = {
  clientCIDR: string
  serverAddress: string
}

export type ShardInfo = {
  selector: string
}

export type Status = {
  apiVersion?: string
  code?: number
  details?: StatusDetails
  kind?: string
  message?: string
  metadata: ListMeta
  reason?: string
  status?: string
}

export type StatusCause = {
  field?: string
  message?: string
  reason?: string
}

export type StatusDetails = {
  causes?: StatusCause[]
  group?: string
  kind?: string
  name?: string
  retryAfterSeconds?: number
  uid?: string
}

export type VersionInfo = {
  buildDate: string
  compiler: string
  emulationMajor?: string
  emulationMinor?: string
  gitCommit: string
  gitTreeState: string
  gitVersion: string
  goVersion: string
  major: string
  minCompatibilityMajor?: string
  minCompatibilityMinor?: string
  minor: string
  platform: string
}
