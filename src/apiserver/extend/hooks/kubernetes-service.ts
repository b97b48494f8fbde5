/** default/kubernetes: the Service that pods reach the API by, and its endpoints (upstream: pkg/controlplane/controller/kubernetesservice). */
import { endpointSlices, endpoints, services } from '../../../api/generated/resources.ts'
import type { Endpoints, Service } from '../../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../../api/generated/types/discovery-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import type { Client } from '../../../client/client.ts'
import { type PostStartHook, reconcileObject } from './hooks.ts'
import type { MasterLeases } from './master-leases.ts'

export interface KubernetesServiceOptions {
  /** The first address of the service range. */
  readonly clusterIP: string
  readonly servicePort: number
  /** Where this server can be reached. */
  readonly address: string
  readonly port: number
}

const everyMs = 10_000
const name = 'kubernetes'
const namespace = 'default'
const labels = { component: 'apiserver', provider: 'kubernetes' }

/**
 * `allocatorsReady`: the service takes its address from them like any other. Its endpoints are all servers that are alive
 * by their leases.
 */
export function kubernetesServiceHook(allocatorsReady: () => Promise<void>, masters: MasterLeases, options: () => KubernetesServiceOptions): PostStartHook {
  return {
    name: 'bootstrap-controller',
    async run({ env, client }) {
      await allocatorsReady()
      // Readiness does not hang on it: an address that may not stand in endpoints is told in the log again and again.
      await reconcileAll(client, masters, options()).catch((error: unknown) => {
        if (!isStatus(error, 'Invalid')) throw error
        env.log.warn('the kubernetes service could not be made', { error: error.message })
      })
      env.tasks.go('kubernetes service', async (signal) => {
        for (;;) {
          await env.clock.sleep(everyMs, signal)
          await reconcileAll(client, masters, options()).catch((error: unknown) => env.log.warn('the kubernetes service could not be reconciled', { error }))
        }
      })
    },
  }
}

async function reconcileAll(client: Client, masters: MasterLeases, options: KubernetesServiceOptions): Promise<void> {
  await ensure<Service>(client, services, wantedService(options), (stored) => mendedService(stored, options))
  // A server without a socket, or one that only its own machine reaches, is nobody's endpoint.
  if (options.port === 0 || isLoopback(options.address)) return
  await masters.renew(options.address)
  await reconcileEndpoints(client, await masters.list(), options.port)
}

async function reconcileEndpoints(client: Client, addresses: readonly string[], port: number): Promise<void> {
  await ensure<Endpoints>(client, endpoints, wantedEndpoints(addresses, port), (stored) => {
    const wanted = wantedEndpoints(addresses, port).subsets
    return JSON.stringify(stored.subsets) === JSON.stringify(wanted) ? undefined : { ...stored, subsets: wanted }
  })
  await ensure<EndpointSlice>(client, endpointSlices, wantedSlice(addresses, port), (stored) => {
    const wanted = wantedSlice(addresses, port)
    const same = JSON.stringify([(stored.endpoints ?? []).map((e) => e.addresses), stored.ports]) === JSON.stringify([(wanted.endpoints ?? []).map((e) => e.addresses), wanted.ports])
    return same ? undefined : { ...stored, endpoints: wanted.endpoints, ports: wanted.ports }
  })
}

/** The server goes: it is nobody's endpoint from now on. The last one stays where it is, as upstream's does. */
export async function leaveEndpoints(client: Client, masters: MasterLeases, { address, port }: Pick<KubernetesServiceOptions, 'address' | 'port'>): Promise<void> {
  if (port === 0 || isLoopback(address)) return
  await masters.remove(address)
  const others = await masters.list()
  if (others.length > 0) await reconcileEndpoints(client, others, port)
}

async function ensure<T>(client: Client, resource: Resource<T>, wanted: T, change: (stored: T) => T | undefined): Promise<void> {
  try {
    await reconcileObject(client, resource as unknown as Resource<KubeObject>, wanted as unknown as KubeObject,
      (stored) => change(stored as unknown as T) as unknown as KubeObject | undefined)
  } catch (error) {
    // The namespace is made by another hook at the same time.
    if (isStatus(error, 'NotFound')) throw new Error('namespace default is not there yet', { cause: error })
    throw error
  }
}

function wantedService(options: KubernetesServiceOptions): Service {
  return {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels },
    spec: {
      type: 'ClusterIP', clusterIP: options.clusterIP, ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None', ports: servicePorts(options),
    },
  }
}

function servicePorts({ servicePort, port }: KubernetesServiceOptions) {
  return [{ name: 'https', protocol: 'TCP', port: servicePort, targetPort: port === 0 ? servicePort : port }]
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** Ports follow the server; all else may be the user's. */
export function mendedService(stored: Service, options: KubernetesServiceOptions): Service | undefined {
  const wanted = servicePorts(options)
  const shown = (stored.spec?.ports ?? []).map((p) => ({ name: p.name, protocol: p.protocol, port: p.port, targetPort: p.targetPort }))
  if (JSON.stringify(shown) === JSON.stringify(wanted) && stored.spec?.type === 'ClusterIP') return undefined
  return { ...stored, spec: { ...stored.spec, type: 'ClusterIP', ports: wanted } }
}

function wantedEndpoints(addresses: readonly string[], port: number): Endpoints {
  return {
    apiVersion: 'v1', kind: 'Endpoints',
    metadata: { name, namespace, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  }
}

function wantedSlice(addresses: readonly string[], port: number): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  }
}
