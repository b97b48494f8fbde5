/** Where a webhook or an aggregated server is: by URL, or by a Service that is resolved at each call to one of its endpoints. */
import type { Random } from '../../base/env.ts'
import { endpointSlices, services } from '../../api/generated/resources.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { notFound, serviceUnavailable } from '../../api/meta/errors.ts'
import type { Lister } from '../admission/context.ts'

export interface ServerLocation {
  readonly scheme: 'http' | 'https'
  /** The name that is shown and, without `tls.serverName`, expected in the certificate. */
  readonly host: string
  readonly port: number
  /** Whether the port is part of the authority that is shown and sent. */
  readonly showPort: boolean
  /** Percent-encoded, with the query if there is one. */
  readonly path: string
  readonly tls: { readonly ca?: string; readonly serverName?: string; readonly cert?: string; readonly key?: string; readonly insecure?: boolean }
  /** The address to connect to now. Throws a StatusError when there is none. */
  resolve(): Promise<{ host: string; port: number }>
}

export function authorityOf({ host, port, showPort }: ServerLocation): string {
  const shown = host.includes(':') ? `[${host}]` : host
  return showPort ? `${shown}:${port}` : shown
}

/** The wire form of a reference to a webhook, as admission and CRDs have it. */
export interface ClientConfig {
  readonly url?: string
  readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number }
  /** Base64. */
  readonly caBundle?: string
}

/** Finds the endpoint of a Service's port. Throws a StatusError when there is none. */
export type ServiceResolver = (namespace: string, name: string, port: number) => { host: string; port: number }

/** Throws an Error for a configuration that names nothing. */
export function locationOf(config: ClientConfig, resolveService: ServiceResolver): ServerLocation {
  const ca = config.caBundle === undefined || config.caBundle === '' ? undefined : Buffer.from(config.caBundle, 'base64').toString('utf8')
  const tls = ca === undefined ? {} : { ca }
  const { service } = config
  if (service !== undefined) {
    const { namespace, name } = service
    const port = service.port ?? 443
    const host = `${name}.${namespace}.svc`
    const path = service.path ?? ''
    return {
      scheme: 'https', host, port, showPort: true, path: path.startsWith('/') ? path : `/${path}`, tls: { ...tls, serverName: host },
      resolve: () => Promise.resolve().then(() => resolveService(namespace, name, port)),
    }
  }
  if (config.url === undefined || config.url === '') throw new Error('webhook configuration must have either service or URL')
  const url = new URL(config.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const secure = url.protocol !== 'http:'
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return {
    scheme: secure ? 'https' : 'http', host, port, showPort: url.port !== '', path: url.pathname + url.search, tls,
    resolve: () => Promise.resolve({ host, port }),
  }
}

/**
 * Services are resolved to a ready endpoint by the server itself, as upstream's aggregator does with endpoint routing: this
 * machine need not have anything that translates service addresses.
 */
export function serviceResolver(lister: Lister, random: Random, own: () => { host: string; port: number }): ServiceResolver {
  return (namespace, name, port) => {
    // The server itself, whatever its endpoints say of other servers.
    if (namespace === 'default' && name === 'kubernetes' && port === 443) return own()
    const service = lister.get(services, namespace, name)
    if (service === undefined) throw notFound(services, name)
    const slices = lister.list(endpointSlices, namespace).filter((slice) => slice.metadata?.labels?.['kubernetes.io/service-name'] === name)
    return endpointOf(service, slices, port, (count) => random.int(count))
  }
}

/** One ready endpoint of a Service's port, chosen by `pick`; the primary address family comes first. Throws a StatusError. */
export function endpointOf(
  service: Service, slices: readonly EndpointSlice[], port: number, pick: (count: number) => number,
): { host: string; port: number } {
  const name = service.metadata?.name ?? ''
  const { type = 'ClusterIP', externalName = '', ports = [], ipFamilies = [] } = service.spec ?? {}
  if (type === 'ExternalName') return { host: externalName, port }
  const found = ports.find((candidate) => candidate.port === port)
  if (found === undefined) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
  const usable = slices.flatMap(({ addressType, endpoints, ports: slicePorts }) => {
    const at = (slicePorts ?? []).find((candidate) => (candidate.name ?? '') === (found.name ?? ''))?.port
    if (at === undefined) return []
    return (endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false)
      .map((endpoint) => ({ host: endpoint.addresses[0]!, port: at, family: addressType }))
  })
  const primary = usable.filter(({ family }) => family === ipFamilies[0])
  const candidates = primary.length > 0 ? primary : usable
  if (candidates.length === 0) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  const { host, port: at } = candidates[pick(candidates.length)]!
  return { host, port: at }
}
