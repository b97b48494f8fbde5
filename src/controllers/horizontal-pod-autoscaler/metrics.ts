/** The three APIs that metrics come from (upstream: podautoscaler/metrics/client.go). */
import type { CrossVersionObjectReference } from '../../api/generated/types/autoscaling-v2.ts'
import type { PodMetrics as PodMetricsObject } from '../../api/generated/types/metrics-v1beta1.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import { quantityMilliValue } from '../../api/meta/quantity.ts'
import { parseDuration, parseTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { discoverResources } from '../../client/discovery.ts'
import type { PodMetric, PodMetrics } from './replicas.ts'

interface MetricValue {
  readonly describedObject?: { readonly name?: string }
  readonly timestamp?: string
  readonly windowSeconds?: number
  readonly value: string
}
interface ValueList {
  readonly items?: readonly MetricValue[]
}

/** What metric adapters that give no window average over. */
const defaultWindowMs = 60_000
const customVersions = ['v1beta2', 'v1beta1']

/** Usage by pod, of one container or of all; a pod that lacks the resource in one of its containers is left out. */
export async function resourceMetrics(
  client: Client, namespace: string, selector: string, resource: string, container: string, signal: AbortSignal,
): Promise<PodMetrics> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`
  const { items = [] } = await ask<{ items?: readonly PodMetricsObject[] }>(client, path, 'resource metrics API', signal)
  if (items.length === 0) throw new Error('no metrics returned from resource metrics API')
  const found = new Map<string, PodMetric>()
  for (const { metadata, timestamp, window, containers } of items) {
    const counted = container === '' ? containers ?? [] : (containers ?? []).filter(({ name }) => name === container).slice(0, 1)
    const values = counted.map(({ usage }) => usage?.[resource])
    if (values.length === 0 || values.includes(undefined)) continue
    const value = values.reduce<number>((sum, one) => sum + quantityMilliValue(one!), 0)
    found.set(metadata.name ?? '', { value, at: parseTime(timestamp ?? '') ?? 0, windowMs: parseDuration(window) ?? defaultWindowMs })
  }
  return found
}

/** A custom metric of each pod. */
export async function podMetrics(client: Client, namespace: string, selector: string, metric: string, metricSelector: string, signal: AbortSignal): Promise<PodMetrics> {
  const query = `labelSelector=${encodeURIComponent(selector)}&metricLabelSelector=${encodeURIComponent(metricSelector)}`
  const { items = [] } = await askCustom(client, `namespaces/${namespace}/pods/*/${metric}?${query}`, signal)
  if (items.length === 0) throw new Error('no metrics returned from custom metrics API')
  return new Map(items.map(({ describedObject, timestamp, windowSeconds, value }) => [describedObject?.name ?? '', {
    value: quantityMilliValue(value), at: parseTime(timestamp ?? '') ?? 0, windowMs: windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000,
  }]))
}

/** A custom metric of one object, in thousandths. */
export async function objectMetric(
  client: Client, namespace: string, object: CrossVersionObjectReference, metric: string, metricSelector: string, signal: AbortSignal,
): Promise<number> {
  const { group } = parseApiVersion(object.apiVersion ?? 'v1')
  const query = `metricLabelSelector=${encodeURIComponent(metricSelector)}`
  const path = group === '' && object.kind === 'Namespace'
    ? `namespaces/${namespace}/metrics/${metric}?${query}`
    : `namespaces/${namespace}/${await resourceName(client, group, object.kind, signal)}/${object.name}/${metric}?${query}`
  const [value] = (await askCustom(client, path, signal)).items ?? []
  if (value === undefined) throw new Error('unable to fetch metrics from custom metrics API: the server returned no metric')
  return quantityMilliValue(value.value)
}

/** The values of a metric that belongs to no object of the cluster, in thousandths. */
export async function externalMetric(client: Client, namespace: string, metric: string, selector: string, signal: AbortSignal): Promise<number[]> {
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric}?labelSelector=${encodeURIComponent(selector)}`
  const { items = [] } = await ask<ValueList>(client, path, 'external metrics API', signal)
  if (items.length === 0) throw new Error('no metrics returned from external metrics API')
  return items.map(({ value }) => quantityMilliValue(value))
}

async function resourceName(client: Client, group: string, kind: string, signal: AbortSignal): Promise<string> {
  const { resources } = await discoverResources(client, signal)
  const found = resources.find((one) => one.group === group && one.kind === kind)
  if (found === undefined) throw new Error(`unable to fetch metrics from custom metrics API: no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
  return group === '' ? found.resource : `${found.resource}.${group}`
}

/** Adapters serve the newer version of their API, or only the older. */
async function askCustom(client: Client, path: string, signal: AbortSignal): Promise<ValueList> {
  const groups = (await ask<{ groups?: readonly { name: string; versions: readonly { version: string }[] }[] }>(client, '/apis', 'custom metrics API', signal)).groups ?? []
  const served = groups.find(({ name }) => name === 'custom.metrics.k8s.io')?.versions.map(({ version }) => version)
  const version = customVersions.find((one) => served?.includes(one) === true)
  if (version === undefined) throw new Error('unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered')
  return ask<ValueList>(client, `/apis/custom.metrics.k8s.io/${version}/${path}`, 'custom metrics API', signal)
}

async function ask<T>(client: Client, path: string, api: string, signal: AbortSignal): Promise<T> {
  try {
    return (await client.raw('GET', path, undefined, { signal })) as T
  } catch (error) {
    signal.throwIfAborted()
    const text = isStatus(error, 'NotFound') && path.startsWith('/apis/metrics') ? 'the server could not find the requested resource (get pods.metrics.k8s.io)' : String((error as Error).message)
    throw new Error(`unable to fetch metrics from ${api}: ${text}`, { cause: error })
  }
}
