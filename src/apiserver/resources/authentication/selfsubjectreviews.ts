import type { SelfSubjectReview } from '../../../api/generated/types/authentication-v1.ts'
import { builtin } from '../builtin.ts'

export const selfSubjectReviews = builtin<SelfSubjectReview>({
  group: 'authentication.k8s.io', version: 'v1', resource: 'selfsubjectreviews',
  virtual: true,
})
