/** Checks that claims, classes, slices and taint rules are made of (upstream: pkg/apis/resource/validation). */
import { compileDeviceSelector } from '../../../api/cel/device.ts'
import type { DeviceClassConfiguration, DeviceSelector, DeviceTaint, DeviceToleration } from '../../../api/generated/types/resource-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, fieldTooMany, indexPath,
} from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { validateLabelName } from '../../../api/meta/metadata-validation.ts'
import { isCIdentifier, isDNS1123Label, isDNS1123Subdomain, isLabelValue } from '../../../api/meta/names.ts'
import { invalidAll } from '../validation/common.ts'
import { csiDriverName } from '../validation/volume-sources.ts'

type Check<T> = (item: T, path: string) => Iterable<FieldError>

/** Every item, unless there are more than `max` (negative: any number). */
export function* eachItem<T>(path: string, items: readonly T[] | undefined, max: number, check: Check<T>): Generator<FieldError> {
  if (max >= 0 && (items ?? []).length > max) yield fieldTooMany(path, items!.length, max)
  else for (const [i, item] of (items ?? []).entries()) yield* check(item, indexPath(path, i))
}

/** The same for items that must differ in their key. */
export function* eachOfSet<T>(path: string, items: readonly T[] | undefined, max: number, check: Check<T>, keyOf: (item: T) => unknown): Generator<FieldError> {
  yield* eachItem(path, items, max, check)
  if (max >= 0 && (items ?? []).length > max) return
  const seen = new Set<string>()
  for (const [i, item] of (items ?? []).entries()) {
    const key = keyOf(item)
    if (seen.has(JSON.stringify(key))) yield fieldDuplicate(indexPath(path, i), key)
    seen.add(JSON.stringify(key))
  }
}

export const deviceName: Check<string | undefined> = (name, path) => invalidAll(path, name ?? '', isDNS1123Label(name ?? ''))
export const driverName: Check<string | undefined> = (name, path) => csiDriverName(path, name)

export function* poolName(name: string | undefined, path: string): Generator<FieldError> {
  if (!name) {
    yield fieldRequired(path)
    return
  }
  if (name.length > 253) yield fieldTooLong(path, 253)
  for (const part of name.split('/')) yield* invalidAll(path, part, isDNS1123Subdomain(part))
}

export function* className(name: string | undefined, path: string): Generator<FieldError> {
  if (!name) yield fieldRequired(path)
  else yield* invalidAll(path, name, isDNS1123Subdomain(name))
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export function* shareID(id: string | undefined, path: string): Generator<FieldError> {
  if (id === undefined || uuid.test(id)) return
  if (uuid.test(id.toLowerCase())) {
    yield fieldInvalid(path, id, 'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters')
  } else yield fieldInvalid(path, id, `error validating uid: ${id.length === 36 ? 'invalid UUID format' : `invalid UUID length: ${id.length}`}`)
}

/** `stored`: the expression was taken before, when rules may have been others. */
export const selector = (stored: boolean): Check<DeviceSelector> => function* ({ cel }, path) {
  if (!cel) yield fieldRequired(`${path}.cel`)
  else if (byteLength(cel.expression ?? '') > 10 * 1024) yield fieldTooLong(`${path}.cel.expression`, 10 * 1024)
  else if (!stored) {
    const compiled = compileDeviceSelector(cel.expression ?? '')
    if (compiled instanceof Error) yield fieldInvalid(`${path}.cel.expression`, cel.expression ?? '', compiled.message)
  }
}

export function* configuration({ opaque }: DeviceClassConfiguration, path: string, stored: boolean): Generator<FieldError> {
  if (!opaque) {
    yield fieldRequired(`${path}.opaque`)
    return
  }
  yield* driverName(opaque.driver, `${path}.opaque.driver`)
  yield* rawObject(opaque.parameters, `${path}.opaque.parameters`, stored)
}

/** JSON of a shape that others know: an object of bounded size. */
export function* rawObject(value: unknown, path: string, stored: boolean): Generator<FieldError> {
  if (value === undefined || value === null) yield fieldRequired(path)
  else if (!stored && byteLength(JSON.stringify(value)) > 10 * 1024) yield fieldTooLong(path, 10 * 1024)
  else if (typeof value !== 'object' || Array.isArray(value)) yield fieldInvalid(path, '<value omitted>', 'must be a valid JSON object')
}

const effects = ['NoExecute', 'NoSchedule', 'None']

export function* taint({ key, value, effect }: Partial<DeviceTaint>, path: string, old?: Partial<DeviceTaint>): Generator<FieldError> {
  yield* validateLabelName(key ?? '', `${path}.key`)
  if (value) yield* invalidAll(`${path}.value`, value, isLabelValue(value))
  if (old !== undefined && old.effect === effect) return
  if (!effect) yield fieldRequired(`${path}.effect`)
  else if (!effects.includes(effect)) yield fieldNotSupported(`${path}.effect`, effect, effects)
}

export function* toleration({ key, operator, value, effect }: DeviceToleration, path: string): Generator<FieldError> {
  if (key) yield* validateLabelName(key, `${path}.key`)
  if (operator === 'Exists') {
    if (value) yield fieldInvalid(`${path}.value`, value, 'must be empty for operator `Exists`')
  } else if (operator === 'Equal') yield* invalidAll(`${path}.value`, value ?? '', isLabelValue(value ?? ''))
  else if (!operator) yield fieldRequired(`${path}.operator`)
  else yield fieldNotSupported(`${path}.operator`, operator, ['Equal', 'Exists'])
  if (effect && !effects.includes(effect)) yield fieldNotSupported(`${path}.effect`, effect, effects)
}

function* identifier(id: string, path: string): Generator<FieldError> {
  if (id.length > 32) yield fieldTooLong(path, 32)
  yield* invalidAll(path, id, isCIdentifier(id))
}

/** "name" or "domain/name"; upstream lets names with more slashes pass. */
export function* attributeName(name: string, path: string): Generator<FieldError> {
  const parts = name.split('/')
  if (parts.length === 1) yield* identifier(name, path)
  if (parts.length !== 2) return
  if (parts[0] === '') yield fieldInvalid(path, '', 'the domain must not be empty')
  else yield* driverName(parts[0], path)
  if (parts[1] === '') yield fieldInvalid(path, '', 'the name must not be empty')
  else yield* identifier(parts[1]!, path)
}

export function* fullName(name: string, path: string): Generator<FieldError> {
  yield* attributeName(name, path)
  if (!name.includes('/')) yield fieldInvalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash')
}

/** Conditions that a binding waits for, and those that end the wait. */
export function* bindingConditions(wanted: readonly string[] | undefined, failures: readonly string[] | undefined, path: string): Generator<FieldError> {
  const [good, bad] = [wanted ?? [], failures ?? []]
  const [goodPath, badPath] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`]
  yield* eachOfSet(goodPath, good, 4, validateLabelName, (name) => name)
  yield* eachOfSet(badPath, bad, 4, validateLabelName, (name) => name)
  for (const [i, name] of bad.entries()) {
    if (good.includes(name)) yield fieldInvalid(indexPath(badPath, i), name, 'bindingFailureConditions must not overlap with bindingConditions')
  }
  if (good.length === 0 && bad.length > 0) yield fieldInvalid(goodPath, wanted ?? null, 'bindingConditions are required to use bindingFailureConditions')
  if (bad.length === 0 && good.length > 0) yield fieldInvalid(badPath, failures ?? null, 'bindingFailureConditions are required to use bindingConditions')
}
