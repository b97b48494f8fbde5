/** Disruption budgets (upstream: pkg/apis/policy/validation). */
import type { PodDisruptionBudget } from '../../../api/generated/types/policy-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid } from '../../../api/meta/field-errors.ts'
import { validateConditions, validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { atMost100Percent, intOrPercent } from '../apps/workload-validation.ts'
import { nonNegative, optionalOneOf } from '../validation/common.ts'

function* budgetErrors({ spec = {} }: PodDisruptionBudget, looseSelector: boolean): Generator<FieldError> {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    // Upstream prints its internal type.
    yield fieldInvalid('spec', {
      MinAvailable: minAvailable, Selector: selector ?? null, MaxUnavailable: maxUnavailable, UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
    }, 'minAvailable and maxUnavailable cannot be both set')
  }
  for (const [name, value] of [['minAvailable', minAvailable], ['maxUnavailable', maxUnavailable]] as const) {
    if (value === undefined) continue
    yield* intOrPercent(`spec.${name}`, value)
    yield* atMost100Percent(`spec.${name}`, value)
  }
  yield* validateLabelSelector(selector, 'spec.selector', { allowInvalidValues: looseSelector })
  yield* optionalOneOf('spec.unhealthyPodEvictionPolicy', unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget'])
}

export const validateBudget = (budget: PodDisruptionBudget): Generator<FieldError> => budgetErrors(budget, false)

export const validateBudgetUpdate = (budget: PodDisruptionBudget, old: PodDisruptionBudget): Generator<FieldError> =>
  budgetErrors(budget, [...validateLabelSelector(old.spec?.selector, '')].length > 0)

export function* validateBudgetStatus({ status }: PodDisruptionBudget): Generator<FieldError> {
  yield* validateConditions(status?.conditions, 'status.conditions')
  for (const name of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) yield* nonNegative(`status.${name}`, status?.[name])
}
