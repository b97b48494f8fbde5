import type { SelfSubjectRulesReview } from '../../../api/generated/types/authorization-v1.ts'
import { builtin } from '../builtin.ts'

export const selfSubjectRulesReviews = builtin<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io', version: 'v1', resource: 'selfsubjectrulesreviews',
  virtual: true,
})
