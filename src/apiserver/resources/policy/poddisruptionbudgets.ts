import type { PodDisruptionBudget } from '../../../api/generated/types/policy-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const podDisruptionBudgets = builtin<PodDisruptionBudget>({
  group: 'policy', version: 'v1', resource: 'poddisruptionbudgets',
  subresources: { status: statusSubresource() },
})
