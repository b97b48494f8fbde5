import type { SubjectAccessReview } from '../../../api/generated/types/authorization-v1.ts'
import { builtin } from '../builtin.ts'

export const subjectAccessReviews = builtin<SubjectAccessReview>({
  group: 'authorization.k8s.io', version: 'v1', resource: 'subjectaccessreviews',
  virtual: true,
})
