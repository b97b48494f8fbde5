/** Limit ranges and resource quotas. */
import type { LimitRange, LimitRangeItem, ResourceQuota } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import { isQualifiedName } from '../../../api/meta/names.ts'
import { compareQuantity, formatQuantity, quantityMilliValue, type QuantityLike } from '../../../api/meta/quantity.ts'
import { invalidAll, semanticEqual } from '../validation/common.ts'
import { allowsOvercommit, containerResourceName, isStandardQuotaName, quotaResourceName, resourceAmount, resourceName } from '../validation/resource-lists.ts'

type Amounts = Readonly<Record<string, QuantityLike>>

function* typeName(path: string, type: string): Generator<FieldError> {
  const wrong = [...invalidAll(path, type, isQualifiedName(type))]
  yield* wrong
  if (wrong.length === 0 && !type.includes('/') && !['Pod', 'Container', 'PersistentVolumeClaim'].includes(type)) {
    yield fieldInvalid(path, type, 'must be a standard limit type or fully qualified')
  }
}

function* names(path: string, type: string, list: Amounts | undefined): Generator<FieldError> {
  const check = type === 'Pod' || type === 'Container' ? containerResourceName : resourceName
  for (const name of Object.keys(list ?? {})) yield* check(keyPath(path, name), name)
}

const less = (a: QuantityLike | undefined, b: QuantityLike | undefined): boolean =>
  a !== undefined && b !== undefined && compareQuantity(a, b) < 0

function* ratioErrors(path: string, ratio: QuantityLike, min: QuantityLike | undefined, max: QuantityLike | undefined): Generator<FieldError> {
  const text = formatQuantity(ratio)
  if (compareQuantity(ratio, '1') < 0) yield fieldInvalid(path, text, `ratio ${text} is less than 1`)
  if (min === undefined || max === undefined) return
  const limit = quantityMilliValue(max) / quantityMilliValue(min)
  if (quantityMilliValue(ratio) / 1000 > limit) yield fieldInvalid(path, text, `ratio ${text} is greater than max/min = ${limit.toFixed(6)}`)
}

function* amountErrors(path: string, item: LimitRangeItem, name: string): Generator<FieldError> {
  const isPod = item.type === 'Pod'
  const [min, max] = [item.min?.[name], item.max?.[name]]
  const [limit, request] = isPod ? [undefined, undefined] : [item.default?.[name], item.defaultRequest?.[name]]
  const say = (member: string, value: QuantityLike, text: string): FieldError => fieldInvalid(keyPath(`${path}.${member}`, name), formatQuantity(value), text)
  const f = (value: QuantityLike | undefined): string => formatQuantity(value!)
  if (less(max, min)) yield say('min', min!, `min value ${f(min)} is greater than max value ${f(max)}`)
  if (less(request, min)) yield say('defaultRequest', request!, `min value ${f(min)} is greater than default request value ${f(request)}`)
  if (less(max, request)) yield say('defaultRequest', request!, `default request value ${f(request)} is greater than max value ${f(max)}`)
  if (less(limit, request)) yield say('defaultRequest', request!, `default request value ${f(request)} is greater than default limit value ${f(limit)}`)
  if (less(limit, min)) yield say('default', min!, `min value ${f(min)} is greater than default value ${f(limit)}`)
  if (less(max, limit)) yield say('default', max!, `default value ${f(limit)} is greater than max value ${f(max)}`)
  const ratio = item.maxLimitRequestRatio?.[name]
  if (ratio !== undefined) yield* ratioErrors(keyPath(`${path}.maxLimitRequestRatio`, name), ratio, min, max)
  if (!allowsOvercommit(name) && limit !== undefined && request !== undefined && compareQuantity(limit, request) !== 0) {
    yield say('defaultRequest', request, `default value ${f(limit)} must equal to defaultRequest value ${f(request)} in ${name}`)
  }
}

function* itemErrors(path: string, item: LimitRangeItem): Generator<FieldError> {
  const { type } = item
  yield* names(`${path}.max`, type, item.max)
  yield* names(`${path}.min`, type, item.min)
  const known = [item.max, item.min, item.maxLimitRequestRatio]
  for (const member of ['default', 'defaultRequest'] as const) {
    const list = item[member]
    if (type !== 'Pod') {
      yield* names(`${path}.${member}`, type, list)
      known.push(list)
    } else if (Object.keys(list ?? {}).length > 0) yield fieldForbidden(`${path}.${member}`, "may not be specified when `type` is 'Pod'")
  }
  if (type === 'PersistentVolumeClaim' && item.min?.storage === undefined && item.max?.storage === undefined) {
    yield fieldRequired(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided')
  }
  yield* names(`${path}.maxLimitRequestRatio`, type, item.maxLimitRequestRatio)
  for (const name of new Set(known.flatMap((list) => Object.keys(list ?? {})))) yield* amountErrors(path, item, name)
}

export function* validateLimitRange({ spec }: LimitRange): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, item] of (spec?.limits ?? []).entries()) {
    const path = indexPath('spec.limits', i)
    yield* typeName(`${path}.type`, item.type)
    if (seen.has(item.type)) yield fieldDuplicate(`${path}.type`, item.type)
    seen.add(item.type)
    yield* itemErrors(path, item)
  }
}

const countsOfPods = ['pods']
const ofPods = [...countsOfPods, 'cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']
/** Which amounts a scope can select. */
const scopes: Readonly<Record<string, readonly string[]>> = {
  Terminating: ofPods, NotTerminating: ofPods, NotBestEffort: ofPods, PriorityClass: ofPods, CrossNamespacePodAffinity: ofPods,
  BestEffort: countsOfPods, VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
}
const onlyExists = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity']

const outside = (scope: string, hard: readonly string[]): string[] =>
  hard.filter((name) => isStandardQuotaName(name) && scopes[scope] !== undefined && !scopes[scope].includes(name))

function* conflicts(path: string, found: readonly string[], shown: unknown): Generator<FieldError> {
  for (const scope of ['BestEffort', 'Terminating']) {
    if (found.includes(scope) && found.includes(`Not${scope}`)) yield fieldInvalid(path, shown, 'conflicting scopes')
  }
}

function* scopeErrors(list: readonly string[], hard: readonly string[]): Generator<FieldError> {
  for (const scope of list) {
    if (scopes[scope] === undefined) yield fieldInvalid('spec.scopes', list, 'unsupported scope')
    for (const _ of outside(scope, hard)) yield fieldInvalid('spec.scopes', list, 'unsupported scope applied to resource')
  }
  yield* conflicts('spec.scopes', list, list)
}

function* selectorErrors(spec: NonNullable<ResourceQuota['spec']>, hard: readonly string[]): Generator<FieldError> {
  const path = 'spec.scopeSelector.matchExpressions'
  const expressions = spec.scopeSelector?.matchExpressions ?? []
  for (const { scopeName, operator, values = [] } of expressions) {
    if (scopes[scopeName] === undefined) yield fieldInvalid(`${path}.scopeName`, scopeName, 'unsupported scope')
    for (const _ of outside(scopeName, hard)) {
      // Upstream prints its internal type.
      const shown = { MatchExpressions: expressions.map((e) => ({ ScopeName: e.scopeName, Operator: e.operator, Values: e.values ?? null })) }
      yield fieldInvalid(path, shown, 'unsupported scope applied to resource')
    }
    if (onlyExists.includes(scopeName) && operator !== 'Exists') {
      const all = 'ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity'
      yield fieldInvalid(`${path}.operator`, operator, `must be 'Exists' when scope is any of ${all}`)
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0) yield fieldRequired(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector")
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0) yield fieldInvalid(`${path}.values`, values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector")
    } else yield fieldInvalid(`${path}.operator`, operator ?? '', 'not a valid selector operator')
  }
  yield* conflicts(path, expressions.map((e) => e.scopeName), spec.scopes ?? null)
}

function* amounts(path: string, list: Amounts | undefined): Generator<FieldError> {
  for (const [name, amount] of Object.entries(list ?? {})) {
    yield* quotaResourceName(keyPath(path, name), name)
    yield* resourceAmount(keyPath(path, name), name, amount)
  }
}

export function* validateResourceQuota({ spec }: ResourceQuota): Generator<FieldError> {
  const hard = Object.keys(spec?.hard ?? {}).sort()
  yield* amounts('spec.hard', spec?.hard)
  yield* scopeErrors(spec?.scopes ?? [], hard)
  if (spec?.scopeSelector !== undefined) yield* selectorErrors(spec, hard)
}

export function* validateResourceQuotaUpdate(quota: ResourceQuota, old: ResourceQuota): Generator<FieldError> {
  yield* validateResourceQuota(quota)
  const [now, before] = [quota.spec?.scopes ?? [], old.spec?.scopes ?? []].map((list) => [...new Set(list)].sort())
  if (!semanticEqual(now, before)) yield fieldInvalid('spec.scopes', quota.spec?.scopes ?? null, 'field is immutable')
}

export function* validateResourceQuotaStatus({ status }: ResourceQuota): Generator<FieldError> {
  yield* amounts('status.hard', status?.hard)
  yield* amounts('status.used', status?.used)
}
