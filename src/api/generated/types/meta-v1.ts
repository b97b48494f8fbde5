import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
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

export type CreateOptions = {
  apiVersion?: string
  kind?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}

export type GetOptions = {
  apiVersion?: string
  kind?: string
  resourceVersion?: string
}

export type GroupKind = {
  group: string
  kind: string
}

export type GroupVersion = {
  group: string
  version: string
}

export type GroupVersionKind = {
  group: string
  version: string
  kind: string
}

export type GroupVersionResource = {
  group: string
  version: string
  resource: string
}

export type List = {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: (Record<string, unknown>)[]
}

export type ListOptions = {
  apiVersion?: string
  kind?: string
  labelSelector?: string
  fieldSelector?: string
  watch?: boolean
  allowWatchBookmarks?: boolean
  resourceVersion?: string
  resourceVersionMatch?: string
  timeoutSeconds?: number
  limit?: number
  continue?: string
  sendInitialEvents?: boolean
  shardSelector?: string
}

export type PartialObjectMetadata = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
}

export type PartialObjectMetadataList = {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: PartialObjectMetadata[]
}

export type PatchOptions = {
  apiVersion?: string
  kind?: string
  dryRun?: string[]
  force?: boolean
  fieldManager?: string
  fieldValidation?: string
}

export type RootPaths = {
  paths: string[]
}

export type Table = {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  columnDefinitions: TableColumnDefinition[]
  rows: TableRow[]
}

export type TableColumnDefinition = {
  name: string
  type: string
  format: string
  description: string
  priority: number
}

export type TableOptions = {
  apiVersion?: string
  kind?: string
  includeObject?: string
}

export type TableRow = {
  cells: unknown[]
  conditions?: TableRowCondition[]
  object?: Record<string, unknown>
}

export type TableRowCondition = {
  type: string
  status: string
  reason?: string
  message?: string
}

export type UpdateOptions = {
  apiVersion?: string
  kind?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}
