/** One metric of an autoscaler: asks for it, and says what it wants and how it stands (upstream: computeStatusFor…). */
import type { HorizontalPodAutoscaler, MetricIdentifier, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../../api/generated/types/autoscaling-v2.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { formatQuantity, newMilliQuantity, quantityMilliValue } from '../../api/meta/quantity.ts'
import { type LabelSelectorObject, selectorFromObject } from '../../api/meta/selectors.ts'
import type { Client } from '../../client/client.ts'
import { externalMetric, objectMetric, podMetrics, resourceMetrics } from './metrics.ts'
import { averageReplicas, type CalculatorOptions, perPodReplicas, type Proposal, resourceReplicas, type Tolerances, valueReplicas } from './replicas.ts'

export interface Evaluated {
  readonly replicas: number
  /** What events call the metric. */
  readonly name: string
  readonly status: MetricStatus
}

/** A metric that could not be had, with the reason that condition and event give. */
export class MetricError extends Error {
  override readonly name = 'MetricError'
  readonly reason: string
  readonly detail: string
  /** `detail` is what condition and event say, `outer` what the whole failure says before it. */
  constructor(reason: string, detail: string, outer: string) {
    super(`${outer}${detail}`)
    this.reason = reason
    this.detail = detail
  }
}

export interface Subject {
  readonly hpa: HorizontalPodAutoscaler
  readonly client: Client
  readonly signal: AbortSignal
  readonly pods: readonly Pod[]
  readonly selector: string
  readonly specReplicas: number
  readonly statusReplicas: number
  readonly tolerances: Tolerances
  readonly calculator: CalculatorOptions
}

export async function evaluateMetric(spec: MetricSpec, subject: Subject): Promise<Evaluated> {
  switch (spec.type) {
    case 'Resource':
      return wrapped('FailedGetResourceMetric', `failed to get ${spec.resource!.name} resource metric value: `, async () => {
        const { name, target } = spec.resource!
        const { replicas, current, title } = await resource(subject, name, '', target)
        return { replicas, name: title, status: { type: 'Resource', resource: { name, current } } }
      }, subject)
    case 'ContainerResource':
      return wrapped('FailedGetContainerResourceMetric', `failed to get ${spec.containerResource!.container} container metric value: `, async () => {
        const { name, container, target } = spec.containerResource!
        const { replicas, current, title } = await resource(subject, name, container, target)
        return { replicas, name: title, status: { type: 'ContainerResource', containerResource: { name, container, current } } }
      }, subject)
    case 'Pods':
      return wrapped('FailedGetPodsMetric', 'failed to get pods metric value: ', () => podsMetric(spec.pods!, subject), subject)
    case 'Object':
      return wrapped('FailedGetObjectMetric', 'failed to get object metric value: ', () => describedObject(spec.object!, subject), subject)
    case 'External':
      return wrapped('FailedGetExternalMetric', `failed to get ${spec.external!.metric.name} external metric value: `, () => external(spec.external!, subject), subject)
    default:
      throw new MetricError('InvalidMetricSourceType', `unknown metric source type ${JSON.stringify(spec.type)}`, '')
  }
}

async function wrapped(reason: string, outer: string, run: () => Promise<Evaluated>, { signal }: Subject): Promise<Evaluated> {
  try {
    return await run()
  } catch (error) {
    signal.throwIfAborted()
    throw new MetricError(reason, error instanceof Error ? error.message : String(error), outer)
  }
}

/** Runs and puts words before what goes wrong. */
async function after<T>(words: string, run: () => Promise<T> | T): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw new Error(words + (error instanceof Error ? error.message : String(error)), { cause: error })
  }
}

async function resource(subject: Subject, name: string, container: string, target: MetricTarget): Promise<{ replicas: number; current: MetricValueStatus; title: string }> {
  const { client, hpa, selector, signal, pods, specReplicas, tolerances, calculator } = subject
  const readMetrics = () => after(`unable to get metrics for resource ${name}: `, () =>
    resourceMetrics(client, hpa.metadata.namespace ?? '', selector, name, container, signal))
  const quantity = (usage: number): string => formatQuantity(newMilliQuantity(usage, name === 'memory' ? 'BinarySI' : 'DecimalSI'))
  if (target.averageValue !== undefined) {
    const { replicas, usage } = await after(`failed to get ${name} usage: `, async () =>
      averageReplicas(pods, await readMetrics(), name, specReplicas, quantityMilliValue(target.averageValue!), tolerances, calculator))
    return { replicas, current: { averageValue: quantity(usage) }, title: `${name} resource` }
  }
  const wanted = target.averageUtilization
  if (wanted === undefined) throw new Error('invalid resource metric source: neither an average utilization target nor an average value (usage) target was set')
  const { replicas, usage, utilization } = await after(`failed to get ${name} utilization: `, async () =>
    resourceReplicas(pods, await readMetrics(), name, container, specReplicas, wanted, tolerances, calculator))
  const title = `${name} ${container === '' ? '' : 'container '}resource utilization (percentage of request)`
  return { replicas, current: { averageUtilization: utilization, averageValue: quantity(usage) }, title }
}

const selectorText = ({ selector }: MetricIdentifier): string => (selector === undefined ? '' : selectorFromObject(selector).toString())
const decimal = (usage: number): string => formatQuantity(newMilliQuantity(usage, 'DecimalSI'))

async function podsMetric({ metric, target }: NonNullable<MetricSpec['pods']>, subject: Subject): Promise<Evaluated> {
  const { client, hpa, selector, signal, pods, specReplicas, tolerances, calculator } = subject
  const metrics = await after(`unable to get metric ${metric.name}: `, () =>
    podMetrics(client, hpa.metadata.namespace ?? '', selector, metric.name, selectorText(metric), signal))
  const { replicas, usage } = averageReplicas(pods, metrics, '', specReplicas, quantityMilliValue(target.averageValue ?? '0'), tolerances, calculator)
  return { replicas, name: `pods metric ${metric.name}`, status: { type: 'Pods', pods: { metric, current: { averageValue: decimal(usage) } } } }
}

async function describedObject({ describedObject: object, metric, target }: NonNullable<MetricSpec['object']>, subject: Subject): Promise<Evaluated> {
  const { client, hpa, signal } = subject
  const { namespace = '' } = hpa.metadata
  const value = async (): Promise<number> => {
    try {
      return await objectMetric(client, namespace, object, metric.name, selectorText(metric), signal)
    } catch (error) {
      throw new Error(`unable to get metric ${metric.name}: ${(error as Error).message} on ${object.kind} ${namespace}/${object.name}`, { cause: error })
    }
  }
  if (target.type === 'Value' && target.value !== undefined) {
    const { replicas, usage } = byValue(await value(), target.value, subject)
    return { replicas, name: `${object.kind} metric ${metric.name}`, status: { type: 'Object', object: { describedObject: object, metric, current: { value: decimal(usage) } } } }
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const { replicas, usage } = byAverage(await after(`failed to get ${metric.name} object metric: `, value), target.averageValue, subject)
    return { replicas, name: externalTitle(metric), status: { type: 'Object', object: { describedObject: object, metric, current: { averageValue: decimal(usage) } } } }
  }
  throw new Error('invalid object metric source: neither a value target nor an average value target was set')
}

async function external({ metric, target }: NonNullable<MetricSpec['external']>, subject: Subject): Promise<Evaluated> {
  const { client, hpa, signal } = subject
  const { namespace = '' } = hpa.metadata
  const value = () => after(`unable to get external metric ${namespace}/${metric.name}/${goSelector(metric.selector)}: `, async () =>
    (await externalMetric(client, namespace, metric.name, selectorText(metric), signal)).reduce((sum, one) => sum + one, 0))
  const name = externalTitle(metric)
  if (target.averageValue !== undefined) {
    const { replicas, usage } = byAverage(await after(`failed to get ${metric.name} external metric: `, value), target.averageValue, subject)
    return { replicas, name, status: { type: 'External', external: { metric, current: { averageValue: decimal(usage) } } } }
  }
  if (target.value !== undefined) {
    const { replicas, usage } = byValue(await after(`failed to get external metric ${metric.name}: `, value), target.value, subject)
    return { replicas, name, status: { type: 'External', external: { metric, current: { value: decimal(usage) } } } }
  }
  throw new Error('invalid external metric source: neither a value target nor an average value target was set')
}

const byValue = (value: number, target: string | number, { pods, specReplicas, tolerances }: Subject): Proposal =>
  valueReplicas(pods, value, specReplicas, quantityMilliValue(target), tolerances)
const byAverage = (value: number, target: string | number, { statusReplicas, tolerances }: Subject): Proposal =>
  perPodReplicas(value, statusReplicas, quantityMilliValue(target), tolerances)

const externalTitle = ({ name, selector }: MetricIdentifier): string => `external metric ${name}(${goSelector(selector)})`

/** A label selector as Go prints it. */
function goSelector(selector: LabelSelectorObject | undefined): string {
  if (selector === undefined || selector === null) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}: ${value},`).join('')
  const expressions = (selector.matchExpressions ?? [])
    .map(({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`
}
