import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type ClusterTrustBundle = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: ClusterTrustBundleSpec
}

export type ClusterTrustBundleList = {
  apiVersion?: string
  items: ClusterTrustBundle[]
  kind?: string
  metadata: ListMeta
}

export type ClusterTrustBundleSpec = {
  signerName?: string
  trustBundle: string
}
