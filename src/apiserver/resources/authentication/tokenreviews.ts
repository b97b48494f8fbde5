import type { TokenReview } from '../../../api/generated/types/authentication-v1.ts'
import { builtin } from '../builtin.ts'

export const tokenReviews = builtin<TokenReview>({
  group: 'authentication.k8s.io', version: 'v1', resource: 'tokenreviews',
  virtual: true,
})
