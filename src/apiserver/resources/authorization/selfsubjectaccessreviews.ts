import type { SelfSubjectAccessReview } from '../../../api/generated/types/authorization-v1.ts'
import { builtin } from '../builtin.ts'

export const selfSubjectAccessReviews = builtin<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectaccessreviews',
  virtual: true,
})
