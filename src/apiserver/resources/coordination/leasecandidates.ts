import type { LeaseCandidate } from '../../../api/generated/types/coordination-v1beta1.ts'
import { builtin } from '../builtin.ts'

export const leaseCandidates = builtin<LeaseCandidate>({
  group: 'coordination.k8s.io', version: 'v1beta1', resource: 'leasecandidates',
  createOnUpdate: true,
})
