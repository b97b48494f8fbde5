/** Capacity of devices that several requests share (upstream: dynamic-resource-allocation/structured, consumable capacity). */
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, CapacityRequirements, Device, DeviceCapacity } from '../../api/generated/types/resource-v1.ts'
import { type QuantityLike, addQuantity, compareQuantity, formatQuantity, newQuantity, quantityValue } from '../../api/meta/quantity.ts'

export type Amounts = Readonly<Record<string, QuantityLike>>

/** Whether the device has room for the request beside what is taken. Capacity that it does not have is never there. */
export function hasCapacity(device: Device, wanted: CapacityRequirements | undefined, taken: readonly (Amounts | undefined)[]): boolean {
  const capacity = device.capacity ?? {}
  for (const name of Object.keys(wanted?.requests ?? {})) if (capacity[name] === undefined) return false
  for (const [name, each] of Object.entries(capacity)) {
    let sum: QuantityLike = consumed(wanted?.requests?.[name], each)
    if (violates(sum, each.requestPolicy)) return false
    for (const amounts of taken) if (amounts?.[name] !== undefined) sum = addQuantity(sum, amounts[name])
    if (compareQuantity(sum, each.value) > 0) return false
  }
  return true
}

/** What a request takes of each capacity: rounded up to what the policy allows, or its default. */
export function consumedCapacity(device: Device, wanted: CapacityRequirements | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(device.capacity ?? {}).map(([name, each]) => [name, formatQuantity(consumed(wanted?.requests?.[name], each))]))
}

function consumed(wanted: string | undefined, { value, requestPolicy: policy }: DeviceCapacity): QuantityLike {
  if (wanted === undefined) return policy?.default ?? value
  if (policy?.validRange !== undefined) return roundUp(wanted, policy.validRange)
  if (policy?.validValues !== undefined) return policy.validValues.find((valid) => compareQuantity(wanted, valid) <= 0) ?? wanted
  return wanted
}

function roundUp(wanted: string, { min, step }: CapacityRequestPolicyRange): QuantityLike {
  if (compareQuantity(wanted, min) < 0) return min
  if (step === undefined) return wanted
  const [from, by] = [quantityValue(min), quantityValue(step)]
  return newQuantity(from + Math.ceil((quantityValue(wanted) - from) / by) * by, 'BinarySI')
}

function violates(amount: QuantityLike, policy: CapacityRequestPolicy | undefined): boolean {
  if (policy === undefined || (policy.default !== undefined && compareQuantity(amount, policy.default) === 0)) return false
  if (policy.validRange !== undefined) {
    const { min, max, step } = policy.validRange
    if (max !== undefined && compareQuantity(amount, max) > 0) return true
    return step !== undefined && (quantityValue(amount) - quantityValue(min)) % quantityValue(step) !== 0
  }
  const valid = policy.validValues ?? []
  return valid.length > 0 && !valid.some((value) => compareQuantity(amount, value) === 0)
}
