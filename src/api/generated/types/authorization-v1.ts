import type { ObjectMeta } from '../../meta/object.ts'
import type { FieldSelectorRequirement, LabelSelectorRequirement } from './meta-v1.ts'

export type FieldSelectorAttributes = {
  rawSelector?: string
  requirements?: FieldSelectorRequirement[]
}

export type LabelSelectorAttributes = {
  rawSelector?: string
  requirements?: LabelSelectorRequirement[]
}

export type LocalSubjectAccessReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: SubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export type NonResourceAttributes = {
  path?: string
  verb?: string
}

export type NonResourceRule = {
  nonResourceURLs?: string[]
  verbs: string[]
}

export type ResourceAttributes = {
  fieldSelector?: FieldSelectorAttributes
  group?: string
  labelSelector?: LabelSelectorAttributes
  name?: string
  namespace?: string
  resource?: string
  subresource?: string
  verb?: string
  version?: string
}

export type ResourceRule = {
  apiGroups?: string[]
  resourceNames?: string[]
  resources?: string[]
  verbs: string[]
}

export type SelfSubjectAccessReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: SelfSubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export type SelfSubjectAccessReviewSpec = {
  nonResourceAttributes?: NonResourceAttributes
  resourceAttributes?: ResourceAttributes
}

export type SelfSubjectRulesReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: SelfSubjectRulesReviewSpec
  status?: SubjectRulesReviewStatus
}

export type SelfSubjectRulesReviewSpec = {
  namespace?: string
}

export type SubjectAccessReview = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: SubjectAccessReviewSpec
  status?: SubjectAccessReviewStatus
}

export type SubjectAccessReviewSpec = {
  extra?: Record<string, string[]>
  groups?: string[]
  nonResourceAttributes?: NonResourceAttributes
  resourceAttributes?: ResourceAttributes
  uid?: string
  user?: string
}

export type SubjectAccessReviewStatus = {
  allowed: boolean
  denied?: boolean
  evaluationError?: string
  reason?: string
}

export type SubjectRulesReviewStatus = {
  evaluationError?: string
  incomplete: boolean
  nonResourceRules: NonResourceRule[]
  resourceRules: ResourceRule[]
}
