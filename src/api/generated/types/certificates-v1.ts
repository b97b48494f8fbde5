import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type CertificateSigningRequest = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: CertificateSigningRequestSpec
  status?: CertificateSigningRequestStatus
}

export type CertificateSigningRequestCondition = {
  lastTransitionTime?: string
  lastUpdateTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type CertificateSigningRequestList = {
  apiVersion?: string
  items: CertificateSigningRequest[]
  kind?: string
  metadata: ListMeta
}

export type CertificateSigningRequestSpec = {
  expirationSeconds?: number
  extra?: Record<string, string[]>
  groups?: string[]
  request: string
  signerName: string
  uid?: string
  usages?: string[]
  username?: string
}

export type CertificateSigningRequestStatus = {
  certificate?: string
  conditions?: CertificateSigningRequestCondition[]
}
