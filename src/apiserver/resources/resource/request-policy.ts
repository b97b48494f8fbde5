/** How much of a shared device's capacity may be asked for (KEP-5075; upstream: pkg/apis/resource/validation validateRequestPolicy). */
import type { CapacityRequestPolicy } from '../../../api/generated/types/resource-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { addQuantity, compareQuantity, formatQuantity, quantityValue, type QuantityLike } from '../../../api/meta/quantity.ts'
import { eachOfSet } from './parts.ts'

const above = (a: QuantityLike, b: QuantityLike): boolean => compareQuantity(a, b) > 0

export function* policyErrors(capacity: QuantityLike, policy: CapacityRequestPolicy, path: string): Generator<FieldError> {
  const values = (policy.validValues ?? []) as readonly QuantityLike[]
  const { validRange: range } = policy
  if (values.length > 0 && range) {
    yield fieldForbidden(path, 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time')
    return
  }
  const kind = values.length > 0 ? 'validValues' : range ? 'validRange' : undefined
  if (kind === undefined) return
  if (policy.default === undefined) yield fieldRequired(`${path}.default`, `required when ${kind} is defined`)
  else if (kind === 'validValues') yield* valueErrors(policy.default as QuantityLike, capacity, values, `${path}.validValues`)
  else yield* rangeErrors(policy.default as QuantityLike, capacity, range as Range, `${path}.validRange`)
}

function* valueErrors(preset: QuantityLike, capacity: QuantityLike, values: readonly QuantityLike[], path: string): Generator<FieldError> {
  for (const [i, value] of values.entries()) {
    if (i > 0 && above(values[i - 1]!, value)) yield fieldInvalid(indexPath(path, i), formatQuantity(value), 'values must be sorted in ascending order')
  }
  yield* eachOfSet(path, values, 10, function* (value, at) {
    if (above(value, capacity)) yield fieldInvalid(at, formatQuantity(value), `option is larger than capacity value: ${formatQuantity(capacity)}`)
  }, (value) => String(quantityValue(value)))
  if (values.length > 10 || !values.some((value) => compareQuantity(value, preset) === 0)) yield fieldInvalid(path, formatQuantity(preset), 'default value is not valid according to the requestPolicy')
}

interface Range { readonly min?: QuantityLike; readonly max?: QuantityLike; readonly step?: QuantityLike }

function* rangeErrors(preset: QuantityLike, capacity: QuantityLike, { min, max, step }: Range, path: string): Generator<FieldError> {
  if (min === undefined) {
    yield fieldRequired(`${path}.min`, 'required when validRange is defined')
    return
  }
  const text = formatQuantity
  if (above(min, capacity)) yield fieldInvalid(`${path}.min`, text(min), `min is larger than capacity value: ${text(capacity)}`)
  if (above(min, preset)) yield fieldInvalid(`${path}.min`, text(preset), `default is less than min: ${text(min)}`)
  if (max !== undefined) {
    if (above(min, max)) yield fieldInvalid(`${path}.max`, text(min), `min is larger than max: ${text(max)}`)
    if (above(max, capacity)) yield fieldInvalid(`${path}.max`, text(max), `max is larger than capacity value: ${text(capacity)}`)
    if (above(preset, max)) yield fieldInvalid(`${path}.max`, text(preset), `default is more than max: ${text(max)}`)
  }
  if (step === undefined) return
  const first = addQuantity(min, step)
  if (above(first, capacity)) yield fieldInvalid(`${path}.step`, text(step), `one step ${text(first)} is larger than capacity value: ${text(capacity)}`)
  for (const value of max === undefined ? [preset] : [preset, max]) {
    if ((quantityValue(value) - quantityValue(min)) % quantityValue(step) !== 0) {
      yield fieldInvalid(`${path}.step`, text(value), `value is not a multiple of a given step (${text(step)}) from (${text(min)})`)
    }
  }
}
