/**
 * autoscaling/v1 knows of a CPU target alone; the rest of v2 goes through it in annotations
 * (pkg/apis/autoscaling/v1/conversion.go).
 */
import type { HorizontalPodAutoscaler as OldAutoscaler } from '../../../api/generated/types/autoscaling-v1.ts'
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from '../../../api/generated/types/autoscaling-v2.ts'
import { goJSON } from '../../../api/meta/go-text.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { Conversion } from '../builtin.ts'
import { newSpec, newStatus, oldSpec, oldStatus, type OldMetric } from './metric-conversion.ts'

const prefix = 'autoscaling.alpha.kubernetes.io/'
const roundTrip = ['metrics', 'behavior', 'scale-down-tolerance', 'scale-up-tolerance', 'current-metrics', 'conditions'].map((name) => prefix + name)

type Behavior = NonNullable<HorizontalPodAutoscaler['spec']['behavior']>
type Condition = NonNullable<NonNullable<HorizontalPodAutoscaler['status']>['conditions']>[number]

/** Annotations without those that only carry v2 through v1. */
export function withoutRoundTrip(annotations: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  if (annotations === undefined || !roundTrip.some((key) => key in annotations)) return annotations
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !roundTrip.includes(key)))
}

/** A target of CPU utilization that no metric says. */
export const cpuMetric = (percentage: number): MetricSpec =>
  ({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percentage } } })

const isCpuTarget = ({ type, resource }: MetricSpec): boolean =>
  type === 'Resource' && resource?.name === 'cpu' && typeof resource.target.averageUtilization === 'number'

/** Upstream writes its internal type here, with Go's names. */
function internalRules(rules: HPAScalingRules | undefined): unknown {
  return rules ? {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null, SelectPolicy: rules.selectPolicy ?? null,
    Policies: rules.policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ?? null,
    Tolerance: rules.tolerance ?? null,
  } : null
}

/** Go reads fields by any case. */
function member(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([key]) => key.toLowerCase() === name)?.[1] ?? undefined
}

/** The old version knows no defaults of rules: policies that it does not have are none. */
function rulesOf(value: unknown): HPAScalingRules | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const policies = member(value, 'policies')
  const rules = {
    stabilizationWindowSeconds: member(value, 'stabilizationwindowseconds'), selectPolicy: member(value, 'selectpolicy'),
    policies: Array.isArray(policies) ? policies.map((policy) =>
      ({ type: member(policy, 'type'), value: member(policy, 'value'), periodSeconds: member(policy, 'periodseconds') })) : [],
    tolerance: member(value, 'tolerance'),
  }
  return Object.fromEntries(Object.entries(rules).filter(([, item]) => item !== undefined)) as HPAScalingRules
}

/** What an annotation holds as JSON; undefined when it is not there or cannot be read. */
function read(annotations: Readonly<Record<string, string>> | undefined, name: string): unknown {
  const text = annotations?.[prefix + name]
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function fromStored(object: KubeObject): KubeObject {
  const { metadata, spec, status } = object as HorizontalPodAutoscaler
  const { metrics: _s, behavior, ...rest } = spec ?? {}
  const metrics = spec?.metrics ?? []
  const { conditions: _c, currentMetrics: _m, ...counts } = status ?? {}
  // An empty list of metrics is written as null.
  const [conditions, currentMetrics] = [status?.conditions ?? [], status?.currentMetrics ?? []]
  const others = metrics.filter((metric) => !isCpuTarget(metric)).map(oldSpec)
  const added: Record<string, string> = {}
  if (others.length > 0) added.metrics = goJSON(others)
  if (currentMetrics.length > 0) added['current-metrics'] = goJSON(currentMetrics.map(oldStatus))
  if (behavior) added.behavior = goJSON({ ScaleUp: internalRules(behavior.scaleUp), ScaleDown: internalRules(behavior.scaleDown) })
  if (conditions.length > 0) {
    added.conditions = goJSON(conditions.map(({ type, status: state, lastTransitionTime, reason, message }) =>
      ({ type, status: state, lastTransitionTime: lastTransitionTime ?? null, reason: reason || undefined, message: message || undefined })))
  }
  const annotations = { ...withoutRoundTrip(metadata.annotations), ...Object.fromEntries(Object.entries(added).map(([key, value]) => [prefix + key, value])) }
  const target = metrics.find(isCpuTarget)?.resource?.target.averageUtilization
  const current = currentMetrics.find(({ type, resource }) =>
    type === 'Resource' && resource?.name === 'cpu' && typeof resource.current.averageUtilization === 'number')
  return {
    ...object, apiVersion: 'autoscaling/v1',
    metadata: Object.keys(annotations).length > 0 || metadata.annotations !== undefined ? { ...metadata, annotations } : metadata,
    spec: { ...rest, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { currentReplicas: 0, ...counts, ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current.resource!.current.averageUtilization }) },
  } as KubeObject
}

function toStored(object: KubeObject): KubeObject {
  const { metadata, spec, status } = object as OldAutoscaler
  const { targetCPUUtilizationPercentage: target, ...rest } = spec ?? {}
  const { currentCPUUtilizationPercentage: current, ...counts } = status ?? {}
  const listed = <T>(name: string, convert: (item: OldMetric) => T): T[] | undefined => {
    const items = read(metadata.annotations, name)
    return Array.isArray(items) ? items.map((item) => convert(item as OldMetric)) : undefined
  }
  const metrics = [...listed('metrics', newSpec) ?? [], ...(typeof target === 'number' ? [cpuMetric(target)] : [])]
  const read0 = read(metadata.annotations, 'behavior')
  const behavior = Object.fromEntries(Object.entries({ scaleUp: rulesOf(member(read0, 'scaleup')), scaleDown: rulesOf(member(read0, 'scaledown')) })
    .filter(([, rules]) => rules !== undefined)) as Behavior
  const currentMetrics = listed('current-metrics', newStatus) ?? (typeof current === 'number'
    ? [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }] : undefined)
  const conditions = read(metadata.annotations, 'conditions')
  const annotations = withoutRoundTrip(metadata.annotations)
  return {
    ...object, apiVersion: 'autoscaling/v2',
    metadata: annotations === metadata.annotations ? metadata : { ...metadata, annotations },
    spec: {
      ...rest, metrics: metrics.length === 0 ? [cpuMetric(80)] : metrics,
      ...(Object.keys(behavior).length === 0 ? {} : { behavior }),
    },
    ...(status === undefined ? {} : {
      status: {
        ...counts, ...(currentMetrics === undefined ? {} : { currentMetrics }),
        ...(Array.isArray(conditions) ? { conditions: conditions as Condition[] } : {}),
      },
    }),
  } as KubeObject
}

export const oldVersion: Conversion = { toStored, fromStored }
