/** Amounts of bytes that are no whole number (upstream: pkg/api/pod and pkg/api/persistentvolumeclaim warnings). */
import type { PersistentVolumeClaimSpec } from '../../../api/generated/types/core-v1.ts'
import { formatQuantity, quantityMilliValue, type QuantityLike } from '../../../api/meta/quantity.ts'

const milli = /[mun]$|\./

export function* fractionWarning(path: string, list: Readonly<Record<string, unknown>> | undefined, name: string): Generator<string> {
  const value = list?.[name] as QuantityLike | undefined
  // Most amounts are seen at a glance to be whole.
  if (value === undefined || (typeof value === 'string' && !milli.test(value) && !/e-/i.test(value))) return
  if (quantityMilliValue(value) % 1000 !== 0) yield `${path}[${name}]: fractional byte value "${formatQuantity(value)}" is invalid, must be an integer`
}

export function* claimSpecWarnings(path: string, spec: PersistentVolumeClaimSpec | undefined): Generator<string> {
  yield* fractionWarning(`${path}.resources.requests`, spec?.resources?.requests, 'storage')
  yield* fractionWarning(`${path}.resources.limits`, spec?.resources?.limits, 'storage')
}
