/** What drivers publish of their devices, and taints for them (upstream: pkg/apis/resource/validation). */
import type {
  CapacityRequestPolicy, Device, DeviceAttribute, DeviceCapacity, ResourceSlice,
} from '../../../api/generated/types/resource-v1.ts'
import type { DeviceTaintRule } from '../../../api/generated/types/resource-v1beta2.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotFound, fieldRequired, fieldTooLong, fieldTooMany, keyPath } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { validateConditions } from '../../../api/meta/metadata-validation.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { compareQuantity, formatQuantity, parseQuantity, type QuantityLike } from '../../../api/meta/quantity.ts'
import { immutable, invalidAll, semanticEqual, size } from '../validation/common.ts'
import { nodeSelectorErrors } from '../validation/pod-scheduling.ts'
import { policyErrors } from './request-policy.ts'
import { attributeName, bindingConditions, deviceName, driverName, eachItem, eachOfSet, poolName, taint } from './parts.ts'

type Spec = NonNullable<ResourceSlice['spec']>
type Where = Pick<Spec, 'nodeName' | 'nodeSelector' | 'allNodes'>

export const validateSlice = (slice: ResourceSlice): Iterable<FieldError> => specErrors(slice.spec, undefined)

export function* validateSliceUpdate({ spec }: ResourceSlice, old: ResourceSlice): Generator<FieldError> {
  yield* specErrors(spec, old.spec)
  yield* immutable('spec.pool.name', spec.pool?.name, old.spec.pool?.name)
  yield* immutable('spec.driver', spec.driver, old.spec.driver)
  yield* immutable('spec.nodeName', spec.nodeName, old.spec.nodeName)
}

/** Which ways of naming nodes are taken; what is wrong with each goes to `found`. */
function placed(where: Where, path: string, emptyName: string, found: FieldError[]): string[] {
  const set: string[] = []
  const { nodeName, nodeSelector, allNodes } = where
  if (nodeName === '') found.push(fieldInvalid(`${path}.nodeName`, '', emptyName))
  else if (nodeName !== undefined) {
    set.push('`nodeName`')
    found.push(...invalidAll(`${path}.nodeName`, nodeName, isDNS1123Subdomain(nodeName)))
  }
  if (nodeSelector !== undefined) {
    set.push('`nodeSelector`')
    found.push(...nodeSelectorErrors(`${path}.nodeSelector`, nodeSelector, false))
  }
  if (allNodes === false) found.push(fieldInvalid(`${path}.allNodes`, false, 'must be either unset or set to true'))
  else if (allNodes === true) set.push('`allNodes`')
  return set
}

function* specErrors(spec: Spec, old: Spec | undefined): Generator<FieldError> {
  yield* driverName(spec.driver, 'spec.driver')
  yield* poolName(spec.pool?.name, 'spec.pool.name')
  const { resourceSliceCount: count = 0, generation = 0 } = spec.pool ?? {}
  if (count <= 0) yield fieldInvalid('spec.pool.resourceSliceCount', count, 'must be greater than zero')
  if (generation < 0) yield fieldInvalid('spec.pool.generation', generation, 'must be greater than or equal to zero')
  yield* placeErrors(spec)
  if (spec.sharedCounters && spec.devices) yield fieldInvalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed')
  const advanced = (spec.devices ?? []).some(({ taints, consumesCounters, attributes }) =>
    (taints ?? []).length > 0 || (consumesCounters ?? []).length > 0 || Object.values(attributes ?? {}).some((value) => listFields.some((field) => value[field] !== undefined)))
  yield* eachOfSet('spec.devices', spec.devices, advanced ? 64 : 128,
    (device, at) => deviceErrors(device, old?.devices?.find(({ name }) => name === device.name), at, spec.perDeviceNodeSelection === true), ({ name }) => name ?? '')
  yield* eachOfSet('spec.sharedCounters', spec.sharedCounters, 8, function* ({ name, counters }, at) {
    if (!name) yield fieldRequired(`${at}.name`)
    else yield* invalidAll(`${at}.name`, name, isDNS1123Label(name))
    yield* counterErrors(counters, `${at}.counters`)
  }, ({ name }) => name ?? '')
}

function* placeErrors(spec: Spec): Generator<FieldError> {
  const found: FieldError[] = []
  const set = placed(spec, 'spec', 'must be either unset or set to a non-empty string', found)
  yield* found
  const terms = spec.nodeSelector?.nodeSelectorTerms
  if (spec.nodeSelector !== undefined && (terms ?? []).length !== 1) yield fieldInvalid('spec.nodeSelector.nodeSelectorTerms', terms ?? null, 'must have exactly one node selector term')
  if (spec.perDeviceNodeSelection === false) yield fieldInvalid('spec.perDeviceNodeSelection', false, 'must be either unset or set to true')
  else if (spec.perDeviceNodeSelection === true) set.push('`perDeviceNodeSelection`')
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (set.length === 0) yield fieldRequired('spec', one)
  else if (set.length > 1) yield fieldInvalid('spec', `{${set.join(', ')}}`, `${one}, but multiple fields are set`)
}

function* counterErrors(counters: Readonly<Record<string, unknown>> | undefined, path: string): Generator<FieldError> {
  const names = Object.keys(counters ?? {})
  if (names.length === 0) yield fieldRequired(path)
  else if (names.length > 32) yield fieldTooMany(path, names.length, 32)
  else for (const name of names) yield* invalidAll(path, name, isDNS1123Label(name))
}

function* deviceErrors(device: Device, old: Device | undefined, path: string, perDevice: boolean): Generator<FieldError> {
  yield* deviceName(device.name, `${path}.name`)
  const total = size(device.attributes) + size(device.capacity)
  if (total > 32) yield fieldInvalid(path, total, 'the total number of attributes and capacities must not exceed 32')
  const values = Object.values(device.attributes ?? {}).reduce((sum, value) => sum + Math.max(1, listFields.reduce((n, field) => n + (value[field]?.length ?? 0), 0)), 0)
  if (values > 48) yield fieldInvalid(path, values, 'the total number of attribute values must not exceed 48')
  for (const [name, attribute] of Object.entries(device.attributes ?? {})) {
    yield* attributeName(name, `${path}.attributes`)
    yield* attributeErrors(attribute, keyPath(`${path}.attributes`, shortened(name)))
  }
  for (const [name, capacity] of Object.entries(device.capacity ?? {})) {
    yield* attributeName(name, `${path}.capacity`)
    yield* capacityErrors(capacity, `${keyPath(`${path}.capacity`, shortened(name))}.requestPolicy`, device.allowMultipleAllocations === true)
  }
  if (old === undefined || !semanticEqual(old.taints, device.taints)) yield* eachItem(`${path}.taints`, device.taints, 16, (one, at) => taint(one, at))
  yield* eachOfSet(`${path}.consumesCounters`, device.consumesCounters, 2, function* ({ counterSet, counters }, at) {
    if (!counterSet) yield fieldRequired(`${at}.counterSet`)
    else yield* invalidAll(`${at}.counterSet`, counterSet, isDNS1123Label(counterSet))
    yield* counterErrors(counters, `${at}.counters`)
  }, ({ counterSet }) => counterSet ?? '')
  yield* devicePlaceErrors(device, path, perDevice)
  yield* bindingConditions(device.bindingConditions, device.bindingFailureConditions, path)
  yield* mappingErrors(device, `${path}.nodeAllocatableResourceMappings`)
}

function* devicePlaceErrors(device: Device, path: string, perDevice: boolean): Generator<FieldError> {
  if (!perDevice) {
    if (device.nodeName !== undefined || device.nodeSelector !== undefined || device.allNodes !== undefined) {
      yield fieldInvalid(path, null, '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec')
    }
    return
  }
  const found: FieldError[] = []
  const set = placed(device, path, 'must not be empty', found)
  yield* found
  const one = 'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  if (set.length === 0) yield fieldRequired(path, one)
  else if (set.length > 1) yield fieldInvalid(path, `{${set.join(', ')}}`, one)
}

/** Keys that are too long are shown without their middle. */
function shortened(key: string): string {
  const most = 63 + 1 + 32
  if (key.length <= most) return key
  const rest = most - 3
  return `${key.slice(0, Math.floor((rest + 1) / 2))}...${key.slice(key.length - Math.floor(rest / 2))}`
}

const listFields = ['bools', 'ints', 'strings', 'versions'] as const
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/

function* textErrors(value: string, path: string, version: boolean): Generator<FieldError> {
  if (version && !semver.test(value)) yield fieldInvalid(path, value, 'must be a string compatible with semver.org spec 2.0.0')
  if (byteLength(value) > 64) yield fieldTooLong(path, 64)
}

function* attributeErrors(attribute: DeviceAttribute, path: string): Generator<FieldError> {
  if (attribute.string !== undefined) yield* textErrors(attribute.string, `${path}.string`, false)
  if (attribute.version !== undefined) yield* textErrors(attribute.version, `${path}.version`, true)
  for (const field of listFields) {
    const values = attribute[field]
    if (values === undefined) continue
    if (values.length === 0) yield fieldInvalid(`${path}.${field}`, values, 'must not be empty if specified')
    if (field === 'strings' || field === 'versions') yield* eachItem(`${path}.${field}`, values as readonly string[], -1, (value, at) => textErrors(value, at, field === 'versions'))
  }
  const set = (['int', 'bool', 'string', 'version', 'ints', 'bools', 'strings', 'versions'] as const).filter((field) => attribute[field] !== undefined)
  if (set.length === 0) yield fieldInvalid(path, '', 'exactly one value must be specified')
  if (set.length > 1) yield fieldInvalid(path, internalAttribute(attribute), 'exactly one value must be specified')
}

/** As upstream's own type prints it. */
const internalAttribute = (a: DeviceAttribute): object => ({
  IntValue: a.int ?? null, BoolValue: a.bool ?? null, StringValue: a.string ?? null, VersionValue: a.version ?? null,
  IntValues: a.ints ?? null, BoolValues: a.bools ?? null, StringValues: a.strings ?? null, VersionValues: a.versions ?? null,
})

function* capacityErrors({ value, requestPolicy }: DeviceCapacity, path: string, multiple: boolean): Generator<FieldError> {
  if (requestPolicy === undefined) return
  if (!multiple) yield fieldForbidden(path, 'allowMultipleAllocations must be true')
  else yield* policyErrors(value as QuantityLike, requestPolicy as CapacityRequestPolicy, path)
}

const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')

function* mappingErrors({ nodeAllocatableResourceMappings: mappings, capacity }: Device, path: string): Generator<FieldError> {
  for (const [name, { allocationMultiplier: multiplier, capacityKey }] of Object.entries(mappings ?? {})) {
    const at = keyPath(path, name)
    if (!isNative(name)) yield fieldInvalid(at, name, 'must be a node allocatable resource name')
    if (multiplier === undefined && capacityKey === undefined) yield fieldInvalid(at, '', 'at least one of allocationMultiplier or capacityKey must be set')
    if (multiplier !== undefined && compareQuantity(multiplier as QuantityLike, '0') <= 0) {
      yield fieldInvalid(`${at}.allocationMultiplier`, formatQuantity(parseQuantity(multiplier as string)), 'must be positive')
    }
    if (capacityKey === '') yield fieldInvalid(`${at}.capacityKey`, '', 'capacityKey must not be an empty string')
    else if (capacityKey !== undefined && !Object.hasOwn(capacity ?? {}, capacityKey)) yield fieldNotFound(`${at}.capacityKey`, capacityKey)
  }
}

export function* validateTaintRule({ spec }: DeviceTaintRule, old?: DeviceTaintRule): Generator<FieldError> {
  const { driver, pool, device } = spec?.deviceSelector ?? {}
  if (driver !== undefined) yield* driverName(driver, 'spec.deviceSelector.driver')
  if (pool !== undefined) yield* poolName(pool, 'spec.deviceSelector.pool')
  if (device !== undefined) yield* deviceName(device, 'spec.deviceSelector.device')
  yield* taint(spec?.taint ?? {}, 'spec.taint', old === undefined ? undefined : old.spec?.taint ?? {})
}

export function* validateTaintRuleStatus({ status }: DeviceTaintRule): Generator<FieldError> {
  yield* validateConditions(status?.conditions, 'status.conditions')
  if ((status?.conditions ?? []).length > 8) yield fieldTooMany('status.conditions', status!.conditions!.length, 8)
}
