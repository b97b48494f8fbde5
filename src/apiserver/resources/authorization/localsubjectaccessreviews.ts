import type { LocalSubjectAccessReview } from '../../../api/generated/types/authorization-v1.ts'
import { builtin } from '../builtin.ts'

export const localSubjectAccessReviews = builtin<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io', version: 'v1', resource: 'localsubjectaccessreviews',
  virtual: true,
})
