import type { ObjectMeta } from '../../meta/object.ts'

export type BoundObjectReference = {
  apiVersion?: string
  kind?: string
  name?: string
  uid?: string
}

export type SelfSubjectReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  status?: SelfSubjectReviewStatus
}

export type SelfSubjectReviewStatus = {
  userInfo?: UserInfo
}

export type TokenRequest = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: TokenRequestSpec
  status?: TokenRequestStatus
}

export type TokenRequestSpec = {
  audiences?: string[]
  boundObjectRef?: BoundObjectReference
  expirationSeconds?: number
}

export type TokenRequestStatus = {
  expirationTimestamp?: string
  token?: string
}

export type TokenReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: TokenReviewSpec
  status?: TokenReviewStatus
}

export type TokenReviewSpec = {
  audiences?: string[]
  token: string
}

export type TokenReviewStatus = {
  audiences?: string[]
  authenticated?: boolean
  error?: string
  user?: UserInfo
}

export type UserInfo = {
  extra?: Record<string, string[]>
  groups?: string[]
  uid?: string
  username?: string
}
