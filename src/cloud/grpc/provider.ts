/** A cloud in another program, in any language, that speaks cloud_provider.proto. */
import grpc from '@grpc/grpc-js'
import type { LoadBalancerStatus, Node, NodeAddress, Service } from '../../api/generated/types/core-v1.ts'
import { type CloudProvider, ImplementedElsewhere, type Instances, type LoadBalancers, RetryError, type Route, type Routes } from '../provider.ts'
import { providerClient } from './protocol.ts'

type Method = (request: object, options: object, done: (error: grpc.ServiceError | null, answer: unknown) => void) => { cancel(): void }
type Call = <R>(method: string, request: object, signal?: AbortSignal) => Promise<R>

interface Info { name: string; instances: boolean; loadBalancers: boolean; routes: boolean }
interface Metadata {
  unknown: boolean; providerId: string; instanceType: string; nodeAddresses: NodeAddress[]; zone: string; region: string; additionalLabels: Record<string, string>
}
interface LoadBalancer {
  exists: boolean
  ingress: { ip: string; hostname: string; ipMode: string; ports: { port: number; protocol: string; error: string }[] }[]
  implementedElsewhere: boolean; retryAfterMs: number; message: string
}
interface WireRoute { name: string; targetNode: string; targetNodeAddresses: NodeAddress[]; hasNodeAddresses: boolean; destinationCidr: string; blackhole: boolean }

export interface ExternalCloudOptions {
  /** "unix:///run/cloud.sock", "127.0.0.1:9000". */
  readonly endpoint: string
  /** Default: without TLS. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
  /** How long a call may take. Default 30 s. */
  readonly timeoutMs?: number
}

/** Resolves when the cloud has said what it can do. Rejects when it does not answer. */
export async function connectExternalCloud({ endpoint, tls, timeoutMs = 30_000 }: ExternalCloudOptions): Promise<CloudProvider> {
  const credentials = tls === undefined ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null)
  const client = new (providerClient())(endpoint, credentials, {
    'grpc.enable_http_proxy': 0, 'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 3000,
  })
  const call: Call = <R>(method: string, request: object, signal?: AbortSignal): Promise<R> => new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + timeoutMs }
    const pending = (client as unknown as Record<string, Method>)[method]!(request, options, (error, answer) => {
      signal?.removeEventListener('abort', cancel)
      if (error === null) resolve(answer as R)
      else reject(new Error(`rpc error: code = ${grpc.status[error.code] ?? 'UNKNOWN'} desc = ${error.details}`))
    })
    const cancel = (): void => pending.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
  })
  try {
    const info = await call<Info>('GetInfo', {})
    return {
      name: info.name,
      ...(info.instances ? { instances: instancesOver(call) } : {}), ...(info.loadBalancers ? { loadBalancers: loadBalancersOver(call) } : {}),
      ...(info.routes ? { routes: routesOver(call) } : {}),
      close: async () => client.close(),
    }
  } catch (error) {
    client.close()
    throw new Error(`the cloud at ${endpoint} does not answer: ${(error as Error).message}`, { cause: error })
  }
}

const nodeMessage = (node: Node): object => ({
  name: node.metadata.name, uid: node.metadata.uid, providerId: node.spec?.providerID, labels: node.metadata.labels, annotations: node.metadata.annotations,
  addresses: node.status?.addresses, json: Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Node', ...node })),
})

const serviceMessage = (service: Service): object => ({
  namespace: service.metadata.namespace, name: service.metadata.name, uid: service.metadata.uid, annotations: service.metadata.annotations,
  json: Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'Service', ...service })),
})

function instancesOver(call: Call): Instances {
  return {
    exists: async (node, signal) => (await call<{ exists: boolean }>('InstanceExists', { node: nodeMessage(node) }, signal)).exists,
    isShutdown: async (node, signal) => (await call<{ shutdown: boolean }>('InstanceShutdown', { node: nodeMessage(node) }, signal)).shutdown,
    async metadata(node, signal) {
      const { unknown, providerId, ...rest } = await call<Metadata>('InstanceMetadata', { node: nodeMessage(node) }, signal)
      return unknown ? undefined : { providerID: providerId, ...rest }
    },
  }
}

function loadBalancersOver(call: Call): LoadBalancers {
  const ask = async (method: string, clusterName: string, service: Service, nodes: readonly Node[], signal: AbortSignal): Promise<LoadBalancer> => {
    const answer = await call<LoadBalancer>(method, { clusterName, service: serviceMessage(service), nodes: nodes.map(nodeMessage) }, signal)
    if (answer.implementedElsewhere) throw new ImplementedElsewhere()
    if (answer.retryAfterMs > 0) throw new RetryError(answer.message, answer.retryAfterMs)
    return answer
  }
  return {
    async get(cluster, service, signal) {
      const answer = await ask('GetLoadBalancer', cluster, service, [], signal)
      return answer.exists ? statusOf(answer) : undefined
    },
    ensure: async (cluster, service, nodes, signal) => statusOf(await ask('EnsureLoadBalancer', cluster, service, nodes, signal)),
    update: async (cluster, service, nodes, signal) => void (await ask('UpdateLoadBalancer', cluster, service, nodes, signal)),
    ensureDeleted: async (cluster, service, signal) => void (await ask('EnsureLoadBalancerDeleted', cluster, service, [], signal)),
  }
}

/** Empty texts are absent fields. */
function statusOf({ ingress }: LoadBalancer): LoadBalancerStatus {
  return {
    ingress: ingress.map(({ ip, hostname, ipMode, ports }) => ({
      ...(ip === '' ? {} : { ip }), ...(hostname === '' ? {} : { hostname }), ...(ipMode === '' ? {} : { ipMode }),
      ...(ports.length === 0 ? {} : { ports: ports.map(({ error, ...port }) => ({ ...port, ...(error === '' ? {} : { error }) })) }),
    })),
  }
}

function routesOver(call: Call): Routes {
  const wire = ({ destinationCIDR, ...route }: Route): object => ({ ...route, destinationCidr: destinationCIDR })
  return {
    async list(clusterName, signal) {
      const { routes } = await call<{ routes: WireRoute[] }>('ListRoutes', { clusterName }, signal)
      return routes.map(({ destinationCidr, ...route }) => ({ ...route, destinationCIDR: destinationCidr }))
    },
    create: async (clusterName, hint, route, signal) => void (await call('CreateRoute', { clusterName, hint, route: wire(route) }, signal)),
    delete: async (clusterName, route, signal) => void (await call('DeleteRoute', { clusterName, route: wire(route) }, signal)),
  }
}
