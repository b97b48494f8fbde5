/**
 * metrics.k8s.io from the kubelets, so that autoscalers and `kubectl top` work without anything installed. An APIService
 * of that group (metrics-server's) takes its place. Behaviour: metrics-server pkg/api.
 */
import type { ServedResource } from '../../../api/generated/discovery.ts'
import { clusterRoles, nodes, pods } from '../../../api/generated/resources.ts'
import type { Node, Pod } from '../../../api/generated/types/core-v1.ts'
import type { NodeMetrics, PodMetrics } from '../../../api/generated/types/metrics-v1beta1.ts'
import { isStatus, methodNotSupported, notFound } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { formatQuantity } from '../../../api/meta/quantity.ts'
import { formatDuration, formatTime } from '../../../api/meta/time.ts'
import type { Env } from '../../../base/env.ts'
import type { Client, ListOptions } from '../../../client/client.ts'
import type { ApiHandler, ApiRequest, ApiResponse } from '../../handler.ts'
import { exchangeOf } from '../../http/exchange.ts'
import { type Offer, negotiate } from '../../http/negotiate.ts'
import type { Column } from '../../resources/define.ts'
import { type KubeletSettings, kubeletTarget } from '../../streams/locate.ts'
import { answerTo, openRequest, targetAuthority } from '../../streams/target.ts'
import type { RemoteVersion } from '../aggregation/discovery.ts'
import { ensureObject } from '../hooks/hooks.ts'
import { type Sampler, createSampler } from './sampler.ts'
import { type Readings, type Usage, containerKey, nodeKey, usageOf } from './samples.ts'

const group = 'metrics.k8s.io'
const version = 'v1beta1'
const apiVersion = `${group}/${version}`

const verbs = ['get', 'list']
/** No protobuf: clients that would like it take JSON as well. */
const offer: Offer = { mediaTypes: ['application/json', 'application/yaml'], table: true, partial: true }
const resources: readonly ServedResource[] = [
  { resource: 'nodes', singular: '', kind: 'NodeMetrics', namespaced: false, verbs },
  { resource: 'pods', singular: '', kind: 'PodMetrics', namespaced: true, verbs },
]

/** As metrics-server registers itself. */
export const metricsVersion: RemoteVersion = { group, version, groupPriority: 100, versionPriority: 100, resources, available: true }

export interface NodeMetricsOptions {
  readonly client: Client
  readonly kubelet: KubeletSettings
  /** Whether another server has taken the group over. */
  taken(group: string, version: string): boolean
}

/** Answers the group's requests and hands everything else on. */
export function createNodeMetrics(env: Env, { client, kubelet, taken }: NodeMetricsOptions, next: ApiHandler): ApiHandler {
  const sampler = createSampler(env, {
    async ask(node, signal) {
      const target = kubeletTarget(node, kubelet, '/metrics/resource', '')
      const request = await openRequest(target, 'GET', { host: targetAuthority(target) }, signal)
      request.end()
      const answer = await answerTo(request, target)
      if (answer.statusCode !== 200) {
        answer.resume()
        throw new Error(`the kubelet answered ${answer.statusCode}`)
      }
      answer.setEncoding('utf8')
      let text = ''
      for await (const chunk of answer as AsyncIterable<string>) text += chunk
      return text
    },
  })
  return async (request) => {
    const { info } = request
    if (!info.isResourceRequest || info.apiGroup !== group || info.apiVersion !== version || info.subresource !== '') return next(request)
    const resource = resources.find((one) => one.resource === info.resource)
    if (resource === undefined || (!resource.namespaced && info.namespace !== '') || taken(group, version)) return next(request)
    if (!verbs.includes(info.verb)) throw methodNotSupported({ group, resource: info.resource }, info.verb)
    const exchange = exchangeOf(request)
    if (exchange !== undefined) exchange.negotiated = negotiate(exchange.headers.accept, request.query, request.userAgent, offer)
    return resource.namespaced ? answerPods(request, client, sampler, env) : answerNodes(request, client, sampler, env)
  }
}

/** Nodes that run no kubelet that could be asked (simulated ones) say no port. */
const hasKubelet = (node: Node): boolean => (node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0) > 0

async function answerNodes(request: ApiRequest, client: Client, sampler: Sampler, env: Env): Promise<ApiResponse> {
  const { info } = request
  const listed = await selected(info.name, () => client.get(nodes, { name: info.name }), async () => (await client.list(nodes, selectionOf(request))).items)
  const readings = await sampler.readings(listed.filter(hasKubelet))
  const found = listed.flatMap((node): NodeMetrics[] => {
    const usage = usageOf(readings.get(node.metadata.name ?? '')?.get(nodeKey))
    return usage === undefined ? [] : [{ kind: 'NodeMetrics', apiVersion, metadata: metadataOf(node, env), ...timesOf(usage), usage: amounts(usage) }]
  })
  if (info.name === '') return answer('NodeMetricsList', found)
  if (found[0] === undefined) throw notFound({ group, resource: 'nodes' }, info.name)
  return answerOne(found[0])
}

async function answerPods(request: ApiRequest, client: Client, sampler: Sampler, env: Env): Promise<ApiResponse> {
  const { info } = request
  const { namespace, name } = info
  const listed = await selected(name, () => client.get(pods, { namespace, name }), async () => (await client.list(pods, selectionOf(request))).items)
  const running = listed.filter(({ spec, status }) => (spec?.nodeName ?? '') !== '' && status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
  const names = new Set(running.map(({ spec }) => spec!.nodeName!))
  const asked = names.size === 0 ? [] : (await client.list(nodes, { resourceVersion: '0' })).items.filter((node) => names.has(node.metadata.name ?? '') && hasKubelet(node))
  const readings = await sampler.readings(asked)
  const found = running.flatMap((pod): PodMetrics[] => podMetrics(pod, readings.get(pod.spec!.nodeName!), env))
  if (name === '') return answer('PodMetricsList', found)
  if (found[0] === undefined) throw notFound({ group, resource: 'pods' }, name)
  return answerOne(found[0])
}

/** None until all of its running containers have a rate: a sum that lacks one would mislead. */
function podMetrics(pod: Pod, readings: ReadonlyMap<string, Readings> | undefined, env: Env): PodMetrics[] {
  if (readings === undefined) return []
  const { namespace = '', name = '' } = pod.metadata
  const statuses = [...pod.status?.containerStatuses ?? [], ...pod.status?.initContainerStatuses ?? []]
  const usages = statuses.filter(({ state }) => state?.running !== undefined)
    .map((container) => ({ container: container.name, usage: usageOf(readings.get(containerKey(namespace, name, container.name))) }))
  if (usages.length === 0 || usages.some(({ usage }) => usage === undefined)) return []
  const known = usages as { container: string; usage: Usage }[]
  const oldest = known.reduce((a, b) => (b.usage.at < a.usage.at ? b : a)).usage
  return [{
    kind: 'PodMetrics', apiVersion, metadata: metadataOf(pod, env), ...timesOf(oldest),
    containers: known.map(({ container, usage }) => ({ name: container, usage: amounts(usage) })),
  }]
}

const metadataOf = ({ metadata: { name, namespace, labels } }: KubeObject, env: Env) =>
  ({ name, ...(namespace === undefined ? {} : { namespace }), creationTimestamp: formatTime(env.clock.now()), ...(labels === undefined ? {} : { labels }) })

const timesOf = ({ at, windowMs }: Usage) => ({ timestamp: formatTime(at), window: formatDuration(windowMs) })

const amounts = ({ cpuNanoCores, memoryBytes }: Usage): Record<string, string> => ({
  cpu: formatQuantity({ unscaled: cpuNanoCores, scale: -9, format: 'DecimalSI' }), memory: formatQuantity({ unscaled: memoryBytes, scale: 0, format: 'BinarySI' }),
})

async function selected<T>(name: string, get: () => Promise<T>, list: () => Promise<readonly T[]>): Promise<readonly T[]> {
  if (name === '') return list()
  try {
    return [await get()]
  } catch (error) {
    if (isStatus(error, 'NotFound')) return []
    throw error
  }
}

function selectionOf({ info, query, signal }: ApiRequest): ListOptions {
  const text = (name: string) => query.get(name) ?? ''
  return {
    signal, resourceVersion: '0', ...(info.namespace === '' ? {} : { namespace: info.namespace }),
    ...(text('labelSelector') === '' ? {} : { labelSelector: text('labelSelector') }), ...(text('fieldSelector') === '' ? {} : { fieldSelector: text('fieldSelector') }),
  }
}

const answerOne = (object: KubeObject): ApiResponse => ({ type: 'object', code: 200, object })

const answer = (kind: string, objects: readonly KubeObject[]): ApiResponse =>
  ({ type: 'list', apiVersion, kind, metadata: {}, items: objects.map((object) => ({ object, encodings: {} })) })

interface Measured extends KubeObject {
  readonly usage?: Record<string, string>
  readonly containers?: readonly { readonly usage: Record<string, string> }[]
  readonly window?: string
}

const usageIn = (object: Measured, resource: string): string => (object.usage ?? object.containers?.[0]?.usage ?? {})[resource] ?? ''

/** What `kubectl get` shows of the group. */
export const metricsColumns = ({ apiGroup }: ApiRequest['info']): readonly Column<KubeObject>[] | undefined => (apiGroup === group ? columns : undefined)

const columns: readonly Column<KubeObject>[] = [
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the resource', value: ({ metadata }) => metadata.name ?? '' },
  { name: 'cpu', type: 'string', format: 'quantity', value: (object) => usageIn(object as Measured, 'cpu') },
  { name: 'memory', type: 'string', format: 'quantity', value: (object) => usageIn(object as Measured, 'memory') },
  { name: 'Window', type: 'string', format: 'duration', value: (object) => (object as Measured).window ?? '' },
]

/** The role by which those who may look at a namespace may look at its usage, as metrics-server brings it along. */
export async function ensureMetricsReader(client: Client): Promise<void> {
  const label = (role: string) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true'] as const
  await ensureObject(client, clusterRoles, {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole',
    metadata: { name: 'system:aggregated-metrics-reader', labels: Object.fromEntries(['admin', 'edit', 'view'].map(label)) },
    rules: [{ apiGroups: [group], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
  })
}
