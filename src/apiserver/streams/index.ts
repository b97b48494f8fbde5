/** The subresources that are streams, as handlers by name. */
import type { Random } from '../../base/env.ts'
import { endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { badRequest, methodNotAllowed, notFound } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'
import type { ApiRequest, ApiResponse } from '../handler.ts'
import { type RequestContext, attributesOf } from '../handlers/context.ts'
import type { SpecialHandler } from '../handlers/index.ts'
import { type HttpExchange, exchangeOf } from '../http/exchange.ts'
import type { Objects } from '../auth/objects.ts'
import { forward } from './forward.ts'
import { type KubeletSettings, containerOf, kubeletTarget, podTarget, serviceTarget, splitSchemeNamePort } from './locate.ts'
import { logQuery, streamLogs } from './logs.ts'
import type { Target } from './target.ts'
import { passTunnel, tunnelledProtocol } from './tunnel.ts'
import { passUpgrade } from './upgrade.ts'

export interface StreamOptions {
  readonly objects: Objects
  readonly client: Client
  readonly random: Random
  readonly kubelet: KubeletSettings
  /** Whether the user may create the subresource, which WebSockets ask for with GET. Throws 403. */
  authorizeCreate(request: ApiRequest): Promise<void>
}

export function createStreamHandlers(options: StreamOptions): ReadonlyMap<string, SpecialHandler> {
  const { objects, kubelet } = options

  async function required<T>(resource: Resource<T>, namespace: string, name: string): Promise<T> {
    const found = await objects.get(resource, namespace, name)
    if (found === undefined) throw notFound(resource, name)
    return found
  }

  async function nodeOf(pod: Pod): Promise<Node> {
    const name = pod.spec?.nodeName ?? ''
    if (name === '') throw badRequest(`pod ${pod.metadata?.name} does not have a host assigned`)
    return required(nodes, '', name)
  }

  async function interactive(request: ApiRequest, context: RequestContext, kind: string): Promise<ApiResponse> {
    const { info, query } = request
    const exchange = networkExchange(request)
    if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed()
    if (info.verb === 'get') await options.authorizeCreate(request)
    const pod = await required(pods, info.namespace, info.name)
    await admitConnect(request, context, kind)
    const path = `/${info.subresource}/${info.namespace}/${info.name}/${containerOf(pod, query.get('container') ?? '')}`
    return passUpgrade(exchange, kubeletTarget(await nodeOf(pod), kubelet, path, execQuery(query)), request.signal)
  }

  const portForward: SpecialHandler = async (request, context) => {
    const { info, query } = request
    const exchange = networkExchange(request)
    if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed()
    if (info.verb === 'get') await options.authorizeCreate(request)
    const pod = await required(pods, info.namespace, info.name)
    await admitConnect(request, context, 'PodPortForwardOptions')
    const ports = query.getAll('ports').flatMap((value) => value.split(',')).filter((value) => value !== '')
    const target = kubeletTarget(await nodeOf(pod), kubelet, `/portForward/${info.namespace}/${info.name}`, ports.length === 0 ? '' : `port=${ports.join('%2C')}`)
    const tunnelled = exchange.upgrade === undefined ? undefined : tunnelledProtocol(exchange)
    return tunnelled === undefined ? passUpgrade(exchange, target, request.signal) : passTunnel(exchange, target, tunnelled, request.signal)
  }

  const log: SpecialHandler = async (request) => {
    const { info, query } = request
    if (info.verb !== 'get') throw methodNotAllowed()
    const toKubelet = logQuery(query, info.name)
    const pod = await required(pods, info.namespace, info.name)
    const container = containerOf(pod, query.get('container') ?? '')
    const name = pod.spec?.nodeName ?? ''
    if (name === '') return { type: 'raw', code: 204, headers: {}, body: '' }
    const target = kubeletTarget(await required(nodes, '', name), kubelet, `/containerLogs/${info.namespace}/${info.name}/${container}`, toKubelet)
    return streamLogs(target, info.name, request.signal)
  }

  async function proxy(request: ApiRequest, context: RequestContext, kind: string, locate: (path: string, query: string) => Promise<Target>): Promise<ApiResponse> {
    const exchange = networkExchange(request)
    await admitConnect(request, context, kind)
    const { prefix, path } = proxyPath(exchange, request)
    if (path === '' && (exchange.method === 'GET' || exchange.method === 'HEAD') && exchange.upgrade === undefined) {
      const query = exchange.rawQuery === '' ? '' : `?${exchange.rawQuery}`
      return { type: 'raw', code: 301, headers: { location: `${exchange.rawPath}/${query}` }, body: '' }
    }
    const target = await locate(path === '' ? '/' : path, exchange.rawQuery)
    if (exchange.upgrade !== undefined) return passUpgrade(exchange, target, request.signal)
    return forward(request, exchange, target, { prefix, redirects: true })
  }

  const podProxy: SpecialHandler = async (request, context) => {
    const { info } = request
    const parts = splitSchemeNamePort(info.name)
    if (parts === undefined) throw badRequest(`invalid pod request ${JSON.stringify(info.name)}`)
    const pod = await required(pods, info.namespace, parts.name)
    return proxy(request, context, 'PodProxyOptions', (path, query) => Promise.resolve(podTarget(pod, parts.scheme, parts.port, path, query)))
  }

  const serviceProxy: SpecialHandler = async (request, context) => {
    const { info } = request
    const parts = splitSchemeNamePort(info.name)
    if (parts === undefined) throw badRequest(`invalid service request ${JSON.stringify(info.name)}`)
    const service = await required(services, info.namespace, parts.name)
    return proxy(request, context, 'ServiceProxyOptions', async (path, query) => {
      const slices = await options.client.list(endpointSlices, { namespace: info.namespace, labelSelector: `kubernetes.io/service-name=${parts.name}`, resourceVersion: '0' })
      return serviceTarget(service, slices.items, parts.scheme, parts.port, path, query, (count) => options.random.int(count))
    })
  }

  const nodeProxy: SpecialHandler = async (request, context) => {
    const { info } = request
    const parts = splitSchemeNamePort(info.name)
    if (parts === undefined) throw badRequest(`invalid node request ${JSON.stringify(info.name)}`)
    const node = await required(nodes, '', parts.name)
    return proxy(request, context, 'NodeProxyOptions', (path, query) => {
      const target = kubeletTarget(node, kubelet, path, query)
      return Promise.resolve(parts.port === '' || Number(parts.port) === target.port ? target : { ...target, scheme: parts.scheme, port: Number(parts.port), tls: undefined })
    })
  }

  return new Map<string, SpecialHandler>([
    ['pods/exec', (request, context) => interactive(request, context, 'PodExecOptions')],
    ['pods/attach', (request, context) => interactive(request, context, 'PodAttachOptions')],
    ['pods/portforward', portForward], ['pods/log', log], ['pods/proxy', podProxy], ['services/proxy', serviceProxy], ['nodes/proxy', nodeProxy],
  ])
}

function networkExchange(request: ApiRequest): HttpExchange {
  const exchange = exchangeOf(request)
  if (exchange === undefined) throw badRequest('this request needs a connection of its own')
  return exchange
}

/** What is behind ".../proxy", as sent, and all before it. */
function proxyPath(exchange: HttpExchange, request: ApiRequest): { prefix: string; path: string } {
  // resource, name and "proxy" are the last three segments before the proxied path.
  const marker = `/${request.info.resource}/`
  const start = exchange.rawPath.indexOf(marker) + marker.length
  const end = exchange.rawPath.indexOf('/proxy', start) + '/proxy'.length
  return { prefix: exchange.rawPath.slice(0, end), path: exchange.rawPath.slice(end) }
}

/** Upstream's names of the kubelet's parameters. */
function execQuery(query: URLSearchParams): string {
  const out: string[] = []
  for (const [name, asked] of [['error', 'stderr'], ['input', 'stdin'], ['output', 'stdout'], ['tty', 'tty']] as const) {
    const value = query.get(asked)
    if (value !== null && value !== 'false' && value !== '0') out.push(`${name}=1`)
  }
  for (const word of query.getAll('command')) out.push(`command=${encodeURIComponent(word)}`)
  return out.join('&')
}

/** Admission sees who connects to what, as an object of the options' kind. */
async function admitConnect(request: ApiRequest, context: RequestContext, kind: string): Promise<void> {
  const { query, info } = request
  const object: KubeObject = { apiVersion: 'v1', kind, metadata: {} }
  for (const name of ['stdin', 'stdout', 'stderr', 'tty'] as const) {
    const value = query.get(name)
    if (value !== null) object[name] = value !== 'false' && value !== '0'
  }
  const container = query.get('container')
  if (container !== null) object['container'] = container
  if (query.has('command')) object['command'] = query.getAll('command')
  if (kind.endsWith('ProxyOptions')) object['path'] = info.parts.slice(3).join('/')
  const attributes = attributesOf(context, {
    operation: 'CONNECT', name: info.name, object, oldObject: undefined, kind: { group: '', version: 'v1', kind },
  })
  await context.deps.admission.admit(attributes)
  await context.deps.admission.validate(attributes)
}
