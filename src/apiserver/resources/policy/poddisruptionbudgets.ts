import type { PodDisruptionBudget } from '../../../api/generated/types/policy-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, integer, nameColumn, text } from '../columns.ts'
import { freshStatus } from '../status.ts'
import { validateBudget, validateBudgetStatus, validateBudgetUpdate } from './validation.ts'

export const podDisruptionBudgets = builtin<PodDisruptionBudget>({
  group: 'policy', version: 'v1', resource: 'poddisruptionbudgets',
  anyFinalizers: true,
  nameFormat: 'path-segment',
  prepareForCreate: freshStatus(() => ({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 })),
  validate: validateBudget,
  validateUpdate: validateBudgetUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateBudgetStatus }) },
  columns: [
    nameColumn(),
    text('Min Available', (o) => String(o.spec?.minAvailable ?? 'N/A')),
    text('Max Unavailable', (o) => String(o.spec?.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', (o) => o.status?.disruptionsAllowed ?? 0),
    ageColumn(),
  ],
})
