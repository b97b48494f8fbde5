import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition } from './meta-v1.ts'

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

export type PodCertificateRequest = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: PodCertificateRequestSpec
  status?: PodCertificateRequestStatus
}

export type PodCertificateRequestList = {
  apiVersion?: string
  items: PodCertificateRequest[]
  kind?: string
  metadata: ListMeta
}

export type PodCertificateRequestSpec = {
  maxExpirationSeconds?: number
  nodeName: string
  nodeUID: string
  pkixPublicKey?: string
  podName: string
  podUID: string
  proofOfPossession?: string
  serviceAccountName: string
  serviceAccountUID: string
  signerName: string
  stubPKCS10Request: string
  unverifiedUserAnnotations?: Record<string, string>
}

export type PodCertificateRequestStatus = {
  beginRefreshAt?: string
  certificateChain?: string
  conditions?: Condition[]
  notAfter?: string
  notBefore?: string
}
