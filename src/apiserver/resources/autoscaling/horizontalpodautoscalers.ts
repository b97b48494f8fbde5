import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget, MetricValueStatus } from '../../../api/generated/types/autoscaling-v2.ts'
import { formatQuantity } from '../../../api/meta/quantity.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, columnsThrough, nameColumn, text } from '../columns.ts'
import type { Column } from '../define.ts'
import { freshStatus } from '../status.ts'
import { cpuMetric, oldVersion, withoutRoundTrip } from './conversion.ts'
import { validateAutoscaler, validateAutoscalerStatus, validateAutoscalerUpdate } from './validation.ts'

type Autoscaler = HorizontalPodAutoscaler

const percent = { type: 'Percent', value: 100, periodSeconds: 15 }
const scaleUp: HPAScalingRules = { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent] }
const scaleDown: HPAScalingRules = { selectPolicy: 'Max', policies: [percent] }

function completed(rules: HPAScalingRules | undefined, defaults: HPAScalingRules): HPAScalingRules {
  const given = Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined && value !== null)) as HPAScalingRules
  return { ...defaults, ...given, policies: (given.policies ?? defaults.policies)?.map((policy) => ({ ...policy })) }
}

function setDefaults({ metadata, spec }: Autoscaler): void {
  if (metadata.annotations !== undefined) metadata.annotations = withoutRoundTrip(metadata.annotations)
  if (spec === undefined) return
  spec.minReplicas ??= 1
  if (!spec.metrics?.length) spec.metrics = [cpuMetric(80)]
  if (spec.behavior) spec.behavior = { scaleUp: completed(spec.behavior.scaleUp, scaleUp), scaleDown: completed(spec.behavior.scaleDown, scaleDown) }
}

const unknown = '<unknown>'

function averageOrValue(current: MetricValueStatus | undefined, target: MetricTarget): string {
  const amount = (value: string | undefined): string => (value === undefined ? '<nil>' : formatQuantity(value))
  if (target.averageValue === undefined) return `${current === undefined ? unknown : amount(current.value)}/${amount(target.value)}`
  return `${current?.averageValue === undefined ? unknown : formatQuantity(current.averageValue)}/${formatQuantity(target.averageValue)} (avg)`
}

function ofResource(name: string, current: MetricValueStatus | undefined, target: MetricTarget): string {
  if (target.averageValue !== undefined) {
    return `${name}: ${current === undefined ? unknown : formatQuantity(current.averageValue ?? '0')}/${formatQuantity(target.averageValue)}`
  }
  const percentage = (value: number | undefined, absent: string): string => (value === undefined ? absent : `${value}%`)
  return `${name}: ${percentage(current?.averageUtilization, unknown)}/${percentage(target.averageUtilization, '<auto>')}`
}

function metricText({ type, external, pods, object, resource, containerResource }: MetricSpec, i: number, autoscaler: Autoscaler): string {
  const status = autoscaler.status?.currentMetrics?.[i]
  if (type === 'External' && external) return averageOrValue(status?.external?.current, external.target)
  if (type === 'Object' && object) return averageOrValue(status?.object?.current, object.target)
  if (type === 'Pods' && pods) return averageOrValue(status?.pods?.current, pods.target).replace(' (avg)', '')
  if (type === 'Resource' && resource) return ofResource(resource.name, status?.resource?.current, resource.target)
  if (type !== 'ContainerResource' || !containerResource) return '<unknown type>'
  return ofResource(containerResource.name, status?.containerResource?.current, containerResource.target)
}

function metricsText(autoscaler: Autoscaler): string {
  const metrics = autoscaler.spec?.metrics ?? []
  if (metrics.length === 0) return '<none>'
  const texts = metrics.map((metric, i) => metricText(metric, i, autoscaler))
  return texts.length > 2 ? `${texts.slice(0, 2).join(', ')} + ${texts.length - 2} more...` : texts.join(', ')
}

const columns: readonly Column<Autoscaler>[] = [
  nameColumn(),
  text('Reference', (o) => `${o.spec?.scaleTargetRef?.kind}/${o.spec?.scaleTargetRef?.name}`),
  text('Targets', metricsText),
  text('MinPods', (o) => String(o.spec?.minReplicas ?? '<unset>')),
  text('MaxPods', (o) => o.spec?.maxReplicas ?? 0),
  text('Replicas', (o) => o.status?.currentReplicas ?? 0),
  ageColumn(),
]

export const horizontalPodAutoscalers = builtin<Autoscaler>({
  group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers',
  unconditionalUpdate: true,
  generationFields: [],
  conversions: { v1: { ...oldVersion, columns: columnsThrough(columns, oldVersion.toStored) } },
  default: setDefaults,
  prepareForCreate: freshStatus(() => ({ desiredReplicas: 0, currentMetrics: null as unknown as undefined })),
  validate: validateAutoscaler,
  validateUpdate: validateAutoscalerUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateAutoscalerStatus }) },
  columns,
})
