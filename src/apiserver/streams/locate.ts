/** Finds where a stream has to go (upstream: registry/core/{pod,node,service}/strategy.go and storage.go). */
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { badRequest, internalError, serviceUnavailable } from '../../api/meta/errors.ts'
import type { Target, TlsSettings } from './target.ts'

export interface KubeletSettings {
  readonly tls: TlsSettings
  /** Which of a node's addresses to use, best first. */
  readonly addressTypes: readonly string[]
}

export const defaultAddressTypes: readonly string[] = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS']
const defaultKubeletPort = 10250

/** The kubelet of a node. Throws when the node has told no address. */
export function kubeletTarget(node: Node, settings: KubeletSettings, path: string, query: string): Target {
  const addresses = node.status?.addresses ?? []
  for (const type of settings.addressTypes) {
    const found = addresses.find((address) => address.type === type && address.address !== '')
    if (found === undefined) continue
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0
    return { scheme: 'https', host: found.address, port: port === 0 ? defaultKubeletPort : port, path, query, tls: settings.tls }
  }
  throw internalError(`no preferred addresses found; known addresses: [${addresses.map((a) => `{${a.type} ${a.address}}`).join(' ')}]`)
}

/** The container that is meant. Throws BadRequest when that is open, with upstream's sentences. */
export function containerOf(pod: Pod, wanted: string): string {
  const name = pod.metadata?.name ?? ''
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {}
  if (wanted !== '') {
    const all = [...initContainers, ...containers, ...ephemeralContainers]
    if (all.some((container) => container.name === wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${name}`)
  }
  if (containers.length === 1) return containers[0]!.name
  if (containers.length === 0) throw badRequest(`a container name must be specified for pod ${name}`)
  const names = [...initContainers, ...containers, ...ephemeralContainers].map((container) => container.name)
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`)
}

/** "name", "name:port", "scheme:name:port" (the scheme may be empty); undefined for other texts. */
export function splitSchemeNamePort(id: string): { scheme: 'http' | 'https'; name: string; port: string } | undefined {
  const parts = id.split(':')
  const [first = '', second = '', third = ''] = parts
  const found = parts.length === 1 ? { scheme: '', name: first, port: '' }
    : parts.length === 2 ? { scheme: '', name: first, port: second }
      : parts.length === 3 ? { scheme: first, name: second, port: third } : undefined
  if (found === undefined || found.name === '' || !['', 'http', 'https'].includes(found.scheme)) return undefined
  return { ...found, scheme: found.scheme === 'https' ? 'https' : 'http' }
}

const schemePort = { http: 80, https: 443 } as const

/** A pod's address for pods/proxy. */
export function podTarget(pod: Pod, scheme: 'http' | 'https', port: string, path: string, query: string): Target {
  const declared = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? [])[0]?.containerPort
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? ''
  if (!isGlobalUnicast(host)) throw badRequest('address not allowed')
  const number = port === '' ? (declared ?? schemePort[scheme]) : Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65535) throw badRequest(`invalid port ${JSON.stringify(port)}`)
  return { scheme, host, port: number, path, query }
}

/** The server must not be made to talk to its own machine. */
function isGlobalUnicast(address: string): boolean {
  if (address === '') return false
  if (address.includes(':')) return !/^(::1?|fe[89ab].*|ff.*)$/i.test(address)
  return !/^(0\.|127\.|169\.254\.|22[4-9]\.|23\d\.|255\.)/.test(address)
}

/** One ready endpoint of a service, chosen by `pick`. */
export function serviceTarget(
  service: Service, slices: readonly EndpointSlice[], scheme: 'http' | 'https', port: string, path: string, query: string,
  pick: (count: number) => number,
): Target {
  const name = service.metadata?.name ?? ''
  const ports = service.spec?.ports ?? []
  let portName: string | undefined = port
  if (/^\d+$/.test(port)) {
    const found = ports.find((p) => p.port === Number(port))
    if (found === undefined) throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
    portName = found.name ?? ''
  } else if (port === '') portName = undefined
  const candidates = slices.flatMap((slice) => {
    const found = (slice.ports ?? []).find((p) => portName === undefined ? (slice.ports ?? []).length === 1 || (p.name ?? '') === '' : (p.name ?? '') === portName)
    if (found?.port === undefined) return []
    return (slice.endpoints ?? []).filter((e) => e.conditions?.ready !== false)
      .flatMap((e) => e.addresses.map((host) => ({ host, port: found.port! })))
  })
  if (candidates.length === 0) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`)
  const chosen = candidates[pick(candidates.length)]!
  if (!isGlobalUnicast(chosen.host)) throw badRequest('address not allowed')
  return { scheme, ...chosen, path, query }
}
