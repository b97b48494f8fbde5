/**
 * Metrics of autoscaling/v2 in the form that autoscaling/v1 had for them, and back. They only stand in annotations, so
 * the order of fields is that of upstream's types (pkg/apis/autoscaling/v1/conversion.go).
 */
import type {
  CrossVersionObjectReference, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
} from '../../../api/generated/types/autoscaling-v2.ts'

type Fields = Readonly<Record<string, unknown>>

/** A metric as v1 wrote it. */
export type OldMetric = Fields & { readonly type?: string }

/** Drops what is absent, so that JSON leaves it out and keeps the order. */
const present = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const reference = (ref: CrossVersionObjectReference): Fields => present({ kind: ref.kind, name: ref.name, apiVersion: ref.apiVersion || undefined })

export function oldSpec({ type, object, pods, resource, containerResource, external }: MetricSpec): OldMetric {
  const ofResource = (name: string, target: MetricTarget, container?: string): Fields => present({
    name, targetAverageUtilization: target.averageUtilization, targetAverageValue: target.averageValue, container,
  })
  return present({
    type,
    object: object && present({
      target: reference(object.describedObject), metricName: object.metric.name, targetValue: object.target.value ?? '0',
      selector: object.metric.selector, averageValue: object.target.averageValue,
    }),
    pods: pods && present({ metricName: pods.metric.name, targetAverageValue: pods.target.averageValue ?? '0', selector: pods.metric.selector }),
    resource: resource && ofResource(resource.name, resource.target),
    containerResource: containerResource && ofResource(containerResource.name, containerResource.target, containerResource.container),
    external: external && present({
      metricName: external.metric.name, metricSelector: external.metric.selector, targetValue: external.target.value,
      targetAverageValue: external.target.averageValue,
    }),
  })
}

export function oldStatus({ type, object, pods, resource, containerResource, external }: MetricStatus): OldMetric {
  const ofResource = (name: string, current: MetricValueStatus, container?: string): Fields => present({
    name, currentAverageUtilization: current.averageUtilization, currentAverageValue: current.averageValue ?? '0', container,
  })
  return present({
    type,
    object: object && present({
      target: reference(object.describedObject), metricName: object.metric.name, currentValue: object.current.value ?? '0',
      selector: object.metric.selector, averageValue: object.current.averageValue,
    }),
    pods: pods && present({ metricName: pods.metric.name, currentAverageValue: pods.current.averageValue ?? '0', selector: pods.metric.selector }),
    resource: resource && ofResource(resource.name, resource.current),
    containerResource: containerResource && ofResource(containerResource.name, containerResource.current, containerResource.container),
    external: external && present({
      metricName: external.metric.name, metricSelector: external.metric.selector, currentValue: external.current.value ?? '0',
      currentAverageValue: external.current.averageValue,
    }),
  })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined)
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const part = (metric: Fields, name: string): Fields | undefined => {
  const value = metric[name]
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined
}

function identifier(source: Fields, selector = 'selector'): MetricIdentifier {
  return present({ name: textOf(source.metricName) ?? '', selector: part(source, selector) }) as unknown as MetricIdentifier
}

function target(type: string, value: unknown, averageValue: unknown, averageUtilization?: unknown): MetricTarget {
  return present({
    type, value: textOf(value), averageValue: textOf(averageValue), averageUtilization: numberOf(averageUtilization),
  }) as unknown as MetricTarget
}

const isZero = (value: unknown): boolean => /^[+-]?0*(?:\.0*)?[a-zA-Z]*$/.test(textOf(value) ?? '0')

function resourceTarget(source: Fields): MetricTarget {
  const { targetAverageUtilization: utilization, targetAverageValue: value } = source
  return target(numberOf(utilization) === undefined ? 'AverageValue' : 'Utilization', undefined, value, utilization)
}

function objectTarget({ averageValue, targetValue }: Fields): MetricTarget {
  return textOf(averageValue) === undefined ? target('Value', targetValue ?? '0', undefined)
    // v1 cannot leave the value out and writes zero.
    : target('AverageValue', isZero(targetValue) ? undefined : targetValue, averageValue)
}

export function newSpec(metric: OldMetric): MetricSpec {
  const [object, pods, resource] = [part(metric, 'object'), part(metric, 'pods'), part(metric, 'resource')]
  const [container, external] = [part(metric, 'containerResource'), part(metric, 'external')]
  return present({
    type: metric.type ?? '',
    object: object && { describedObject: part(object, 'target') ?? {}, metric: identifier(object), target: objectTarget(object) },
    pods: pods && { metric: identifier(pods), target: target('AverageValue', undefined, pods.targetAverageValue ?? '0') },
    resource: resource && { name: textOf(resource.name) ?? '', target: resourceTarget(resource) },
    containerResource: container && { name: textOf(container.name) ?? '', container: textOf(container.container) ?? '', target: resourceTarget(container) },
    external: external && {
      metric: identifier(external, 'metricSelector'),
      target: target(textOf(external.targetValue) === undefined ? 'AverageValue' : 'Value', external.targetValue, external.targetAverageValue),
    },
  }) as unknown as MetricSpec
}

export function newStatus(metric: OldMetric): MetricStatus {
  const [object, pods, resource] = [part(metric, 'object'), part(metric, 'pods'), part(metric, 'resource')]
  const [container, external] = [part(metric, 'containerResource'), part(metric, 'external')]
  const current = (value: unknown, averageValue: unknown, averageUtilization?: unknown): Fields =>
    present({ value: textOf(value), averageValue: textOf(averageValue), averageUtilization: numberOf(averageUtilization) })
  const ofResource = (source: Fields): Fields => current(undefined, source.currentAverageValue ?? '0', source.currentAverageUtilization)
  return present({
    type: metric.type ?? '',
    object: object && {
      describedObject: part(object, 'target') ?? {}, metric: identifier(object), current: current(object.currentValue ?? '0', object.averageValue),
    },
    pods: pods && { metric: identifier(pods), current: current(undefined, pods.currentAverageValue ?? '0') },
    resource: resource && { name: textOf(resource.name) ?? '', current: ofResource(resource) },
    containerResource: container && { name: textOf(container.name) ?? '', container: textOf(container.container) ?? '', current: ofResource(container) },
    external: external && {
      metric: identifier(external, 'metricSelector'), current: current(external.currentValue ?? '0', external.currentAverageValue),
    },
  }) as unknown as MetricStatus
}
