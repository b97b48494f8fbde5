/** Autoscalers (upstream: pkg/apis/autoscaling/validation). */
import type {
  CrossVersionObjectReference, HorizontalPodAutoscaler, HPAScalingRules, MetricIdentifier, MetricSpec, MetricTarget,
} from '../../../api/generated/types/autoscaling-v2.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { compareQuantity } from '../../../api/meta/quantity.ts'
import { isPathSegmentName } from '../../../api/meta/names.ts'
import { dnsLabel, invalidAll, nonNegative, nonNegativeQuantity } from '../validation/common.ts'
import type { Gated } from '../validation/pod-spec.ts'
import { containerResourceName } from '../validation/resource-lists.ts'

type References = 'strict' | 'core allowed' | 'unchecked'

function apiVersionError(apiVersion: string, references: References): string | undefined {
  if (references === 'unchecked') return undefined
  const parts = apiVersion.split('/')
  if (parts.length > 2) return `unexpected GroupVersion string: ${apiVersion}`
  return references === 'strict' && (parts.length < 2 || parts[0] === '') ? 'apiVersion must specify API group' : undefined
}

function* referenceErrors(path: string, ref: CrossVersionObjectReference | undefined, references: References): Generator<FieldError> {
  for (const name of ['kind', 'name'] as const) {
    if (!ref?.[name]) yield fieldRequired(`${path}.${name}`)
    else yield* invalidAll(`${path}.${name}`, ref[name], isPathSegmentName(ref[name]))
  }
  const problem = apiVersionError(ref?.apiVersion ?? '', references)
  if (problem !== undefined) yield fieldInvalid(`${path}.apiVersion`, ref?.apiVersion ?? '', problem)
}

function* identifierErrors(path: string, metric: MetricIdentifier | undefined): Generator<FieldError> {
  if (!metric?.name) yield fieldRequired(`${path}.name`, 'must specify a metric name')
  else yield* invalidAll(`${path}.name`, metric.name, isPathSegmentName(metric.name))
}

function* targetErrors(path: string, target: Partial<MetricTarget>): Generator<FieldError> {
  const { type = '', value, averageValue, averageUtilization } = target
  if (type === '') yield fieldRequired(`${path}.type`, 'must specify a metric target type')
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    yield fieldInvalid(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue')
  }
  if (value !== undefined && compareQuantity(value, '0') <= 0) yield fieldInvalid(`${path}.value`, value, 'must be positive')
  if (averageValue !== undefined && compareQuantity(averageValue, '0') <= 0) yield fieldInvalid(`${path}.averageValue`, averageValue, 'must be positive')
  if (averageUtilization !== undefined && averageUtilization < 1) {
    yield fieldInvalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0')
  }
}

function* utilizationErrors(path: string, { averageUtilization, averageValue }: Partial<MetricTarget>): Generator<FieldError> {
  if (averageUtilization === undefined && averageValue === undefined) {
    yield fieldRequired(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization')
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    yield fieldForbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')
  }
}

/** How the source of each kind of metric is checked, in the order in which the first is found. */
const sources: readonly (readonly [type: string, name: Exclude<keyof MetricSpec, 'type'>, check: (
  path: string, source: never, references: References) => Iterable<FieldError>])[] = [
  ['Object', 'object', function* (path: string, source: NonNullable<MetricSpec['object']>, references: References) {
    const target: Partial<MetricTarget> = source.target ?? {}
    yield* referenceErrors(`${path}.describedObject`, source.describedObject, references)
    yield* identifierErrors(`${path}.metric`, source.metric)
    yield* targetErrors(`${path}.target`, target)
    if (target.value === undefined && target.averageValue === undefined) {
      yield fieldRequired(`${path}.target.averageValue`, 'must set either a target value or averageValue')
    }
  }],
  ['External', 'external', function* (path: string, source: NonNullable<MetricSpec['external']>) {
    const target: Partial<MetricTarget> = source.target ?? {}
    yield* identifierErrors(`${path}.metric`, source.metric)
    yield* targetErrors(`${path}.target`, target)
    if (target.value === undefined && target.averageValue === undefined) {
      yield fieldRequired(`${path}.target.averageValue`, 'must set either a target value for metric or a per-pod target')
    }
    if (target.value !== undefined && target.averageValue !== undefined) {
      yield fieldForbidden(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target')
    }
  }],
  ['Pods', 'pods', function* (path: string, source: NonNullable<MetricSpec['pods']>) {
    yield* identifierErrors(`${path}.metric`, source.metric)
    yield* targetErrors(`${path}.target`, source.target ?? {})
    if (source.target?.averageValue === undefined) yield fieldRequired(`${path}.target.averageValue`, 'must specify a positive target averageValue')
  }],
  ['Resource', 'resource', function* (path: string, source: NonNullable<MetricSpec['resource']>) {
    if (!source.name) yield fieldRequired(`${path}.name`, 'must specify a resource name')
    yield* targetErrors(`${path}.target`, source.target ?? {})
    yield* utilizationErrors(`${path}.target`, source.target ?? {})
  }],
  ['ContainerResource', 'containerResource', function* (path: string, source: NonNullable<MetricSpec['containerResource']>) {
    if (!source.name) yield fieldRequired(`${path}.name`, 'must specify a resource name')
    else yield* containerResourceName(`${path}.name`, source.name)
    if (!source.container) yield fieldRequired(`${path}.container`, 'must specify a container')
    else yield* dnsLabel(`${path}.container`, source.container)
    yield* targetErrors(`${path}.target`, source.target ?? {})
    yield* utilizationErrors(`${path}.target`, source.target ?? {})
  }],
]

const sourceTypes = sources.map(([type]) => type).sort()

function* metricErrors(path: string, metric: MetricSpec, references: References): Generator<FieldError> {
  const type = metric.type ?? ''
  if (type === '') yield fieldRequired(`${path}.type`, 'must specify a metric source type')
  if (!sourceTypes.includes(type)) yield fieldNotSupported(`${path}.type`, type, sourceTypes)
  const given = sources.filter(([, name]) => metric[name])
  const first = given[0]
  if (first !== undefined) yield* first[2](`${path}.${first[1]}`, metric[first[1]] as never, references)
  const expected = sources.find(([known]) => known === type)?.[1]
  if (expected !== undefined && !metric[expected]) yield fieldRequired(`${path}.${expected}`, 'must populate information for the given metric source')
  if (given.length === 1) return
  for (const [, name] of given) if (name !== expected) yield fieldForbidden(`${path}.${name}`, 'must populate the given metric source only')
}

function* rulesErrors(path: string, rules: HPAScalingRules): Generator<FieldError> {
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = rules
  if (window < 0) yield fieldInvalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero')
  if (window > 3600) yield fieldInvalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600')
  const choices = ['Disabled', 'Max', 'Min']
  if (selectPolicy !== undefined && !choices.includes(selectPolicy)) yield fieldNotSupported(`${path}.selectPolicy`, selectPolicy, choices)
  if (policies.length === 0) yield fieldRequired(`${path}.policies`, 'must specify at least one Policy')
  for (const [i, { type = '', value = 0, periodSeconds = 0 }] of policies.entries()) {
    const at = indexPath(`${path}.policies`, i)
    if (type !== 'Pods' && type !== 'Percent') yield fieldNotSupported(`${at}.type`, type, ['Percent', 'Pods'])
    if (value <= 0) yield fieldInvalid(`${at}.value`, value, 'must be greater than zero')
    if (periodSeconds <= 0) yield fieldInvalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero')
    if (periodSeconds > 1800) yield fieldInvalid(`${at}.periodSeconds`, periodSeconds, 'must be less than or equal to 1800')
  }
  if (tolerance !== undefined) yield* nonNegativeQuantity(`${path}.tolerance`, tolerance)
}

interface Scope { readonly lowest: number; readonly target: References; readonly metrics: References }

function* specErrors({ spec }: HorizontalPodAutoscaler, scope: Scope): Generator<FieldError> {
  const { minReplicas, maxReplicas = 0, scaleTargetRef, metrics = [], behavior } = spec ?? {}
  if (minReplicas !== undefined && minReplicas < scope.lowest) {
    yield fieldInvalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${scope.lowest}`)
  }
  if (maxReplicas === 0) yield fieldRequired('spec.maxReplicas', 'must be set and greater than 0')
  else if (maxReplicas < 0) yield fieldInvalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1')
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    yield fieldInvalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`')
  }
  yield* referenceErrors('spec.scaleTargetRef', scaleTargetRef, scope.target)
  for (const [i, metric] of metrics.entries()) yield* metricErrors(indexPath('spec.metrics', i), metric, scope.metrics)
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External')) {
    yield fieldForbidden('spec.metrics', 'must specify at least one Object or External metric to support scaling to zero replicas')
  }
  if (behavior?.scaleUp) yield* rulesErrors('spec.behavior.scaleUp', behavior.scaleUp)
  if (behavior?.scaleDown) yield* rulesErrors('spec.behavior.scaleDown', behavior.scaleDown)
}

export function validateAutoscaler(autoscaler: HorizontalPodAutoscaler, { feature }: Gated): Generator<FieldError> {
  const target = autoscaler.spec?.scaleTargetRef?.kind === 'ReplicationController' ? 'core allowed' : 'strict'
  return specErrors(autoscaler, { lowest: feature('HPAScaleToZero') ? 0 : 1, target, metrics: 'core allowed' })
}

/** References that were wrong already may stay. */
export function validateAutoscalerUpdate(autoscaler: HorizontalPodAutoscaler, old: HorizontalPodAutoscaler, { feature }: Gated): Generator<FieldError> {
  const [ref, before] = [autoscaler.spec?.scaleTargetRef, old.spec?.scaleTargetRef]
  const same = (ref?.apiVersion ?? '') === (before?.apiVersion ?? '') && ref?.kind === before?.kind
  const badMetric = (old.spec?.metrics ?? []).some(({ type, object }) =>
    type === 'Object' && object && apiVersionError(object.describedObject?.apiVersion ?? '', 'core allowed') !== undefined)
  return specErrors(autoscaler, {
    lowest: feature('HPAScaleToZero') || old.spec?.minReplicas === 0 ? 0 : 1,
    target: same ? 'unchecked' : ref?.kind === 'ReplicationController' ? 'core allowed' : 'strict',
    metrics: badMetric ? 'unchecked' : 'core allowed',
  })
}

export function* validateAutoscalerStatus({ status }: HorizontalPodAutoscaler): Generator<FieldError> {
  yield* nonNegative('status.currentReplicas', status?.currentReplicas)
  yield* nonNegative('status.desiredReplicas', status?.desiredReplicas)
}
