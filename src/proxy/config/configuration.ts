/**
 * KubeProxyConfiguration kubeproxy.config.k8s.io/v1alpha1: every field with its default as data, read as upstream reads
 * it (cmd/kube-proxy/app/options.go, pkg/proxy/apis/config/v1alpha1/defaults.go). Durations are ms. Pure.
 */
import { formatDuration, parseDuration } from '../../api/meta/time.ts'
import { familyOf } from '../addresses.ts'

/** A field: how its value is read, and printed again, and what it is when nobody says. */
interface Leaf<T> {
  read(value: unknown, path: string): T
  write(value: T): unknown
  readonly initial: T
}
interface Tree { readonly [field: string]: Leaf<unknown> | Tree }
type Values<S> = { -readonly [K in keyof S]: S[K] extends Leaf<infer T> ? T : Values<S[K]> }

/** The file is no KubeProxyConfiguration; the message says where. */
export class ConfigurationError extends Error {}

function leaf<T>(what: string, is: (value: unknown) => T | undefined, initial: T, write: (value: T) => unknown = (value) => value): Leaf<T> {
  const read = (value: unknown, path: string): T => {
    const found = is(value)
    if (found === undefined) throw new ConfigurationError(`${path}: expected ${what}`)
    return found
  }
  return { read, write, initial }
}
const text = (initial = '') => leaf('a string', (value) => (typeof value === 'string' ? value : undefined), initial)
const number = (initial = 0) => leaf('a number', (value) => (typeof value === 'number' ? value : undefined), initial)
const yes = (initial = false) => leaf('true or false', (value) => (typeof value === 'boolean' ? value : undefined), initial)
const texts = () => leaf('a list of strings', (value) => (Array.isArray(value) && value.every((item) => typeof item === 'string') ? (value as string[]) : undefined), [] as string[])
const duration = (initial = 0) => leaf('a duration', (value) => (typeof value === 'string' ? parseDuration(value) : value === 0 ? 0 : undefined), initial, formatDuration)
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const gates = () => leaf('a map of true and false', (value) => (isMap(value) && Object.values(value).every((item) => typeof item === 'boolean') ? (value as Record<string, boolean>) : undefined), {} as Record<string, boolean>)

const minute = 60_000
const quantity = { infoBufferSize: leaf('a quantity', (value) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined), '0'), splitStream: yes() }

const fields = {
  featureGates: gates(),
  clientConnection: { kubeconfig: text(), acceptContentTypes: text(), contentType: text('application/vnd.kubernetes.protobuf'), qps: number(5), burst: number(10) },
  logging: { format: text('text'), flushFrequency: duration(5_000), verbosity: number(), vmodule: leaf('a list', (value) => (Array.isArray(value) ? value : undefined), [] as unknown[]), options: { text: quantity, json: quantity } },
  hostnameOverride: text(),
  bindAddress: text('0.0.0.0'),
  // Their defaults follow from bindAddress.
  healthzBindAddress: text(),
  metricsBindAddress: text(),
  bindAddressHardFail: yes(),
  enableProfiling: yes(),
  showHiddenMetricsForVersion: text(),
  mode: text(),
  iptables: { masqueradeBit: number(14), masqueradeAll: yes(), localhostNodePorts: yes(true), syncPeriod: duration(30_000), minSyncPeriod: duration(1_000) },
  ipvs: {
    syncPeriod: duration(30_000), minSyncPeriod: duration(), scheduler: text(), excludeCIDRs: texts(), strictARP: yes(),
    tcpTimeout: duration(), tcpFinTimeout: duration(), udpTimeout: duration(),
  },
  nftables: { masqueradeBit: number(14), masqueradeAll: yes(), syncPeriod: duration(30_000), minSyncPeriod: duration(1_000) },
  winkernel: { networkName: text(), sourceVip: text(), enableDSR: yes(), rootHnsEndpointName: text(), forwardHealthCheckVip: yes() },
  detectLocalMode: text(),
  detectLocal: { bridgeInterface: text(), interfaceNamePrefix: text() },
  clusterCIDR: text(),
  nodePortAddresses: texts(),
  oomScoreAdj: number(-999),
  conntrack: {
    maxPerCore: number(32 * 1024), min: number(128 * 1024), tcpEstablishedTimeout: duration(24 * 60 * minute), tcpCloseWaitTimeout: duration(60 * minute),
    tcpBeLiberal: yes(), udpTimeout: duration(), udpStreamTimeout: duration(),
  },
  configSyncPeriod: duration(15 * minute),
  portRange: text(),
  windowsRunAsService: yes(),
}

export type ProxyConfiguration = Values<typeof fields>

export const apiVersion = 'kubeproxy.config.k8s.io/v1alpha1'
const kind = 'KubeProxyConfiguration'

/** What a file without fields says. */
export function defaultConfiguration(): ProxyConfiguration {
  return withDefaults(initialOf(fields) as ProxyConfiguration)
}

/**
 * Reads a document. Unknown fields are answered as warnings, as upstream passes over them; a value of the wrong type, or
 * a document of another kind, throws ConfigurationError.
 */
export function readConfiguration(document: unknown): { config: ProxyConfiguration; warnings: string[] } {
  if (!isMap(document)) throw new ConfigurationError('the file must hold an object')
  const { apiVersion: version, kind: found, ...rest } = document
  if (found !== kind) throw new ConfigurationError(found === undefined ? "Object 'Kind' is missing" : `no kind ${JSON.stringify(found)} is registered for version ${JSON.stringify(version)}`)
  if (version !== apiVersion) throw new ConfigurationError(`no kind ${JSON.stringify(found)} is registered for version ${JSON.stringify(version ?? '')}`)
  const warnings: string[] = []
  const config = readTree(fields, rest, '', warnings) as ProxyConfiguration
  return { config: withDefaults(config), warnings }
}

/** The document that reads as this configuration. */
export function writeConfiguration(config: ProxyConfiguration): Record<string, unknown> {
  return { apiVersion, kind, ...writeTree(fields, config) }
}

/** A zero means "not said" where upstream's type is no pointer. */
function withDefaults(config: ProxyConfiguration): ProxyConfiguration {
  const bindAddress = config.bindAddress === '' ? '0.0.0.0' : config.bindAddress
  const v4 = familyOf(bindAddress) === 'IPv4'
  const period = (value: number, initial: number) => (value === 0 ? initial : value)
  return {
    ...config, bindAddress,
    healthzBindAddress: config.healthzBindAddress === '' ? `${v4 ? '0.0.0.0' : '[::]'}:10256` : withPort(config.healthzBindAddress, 10256),
    metricsBindAddress: config.metricsBindAddress === '' ? `${v4 ? '127.0.0.1' : '[::1]'}:10249` : withPort(config.metricsBindAddress, 10249),
    iptables: { ...config.iptables, syncPeriod: period(config.iptables.syncPeriod, 30_000), minSyncPeriod: period(config.iptables.minSyncPeriod, 1_000) },
    ipvs: { ...config.ipvs, syncPeriod: period(config.ipvs.syncPeriod, 30_000) },
    nftables: { ...config.nftables, syncPeriod: period(config.nftables.syncPeriod, 30_000), minSyncPeriod: period(config.nftables.minSyncPeriod, 1_000) },
    configSyncPeriod: period(config.configSyncPeriod, 15 * minute),
  }
}

/** "ADDRESS" with the port that it lacks. */
export function withPort(address: string, port: number): string {
  const family = familyOf(address)
  if (family === undefined || address.includes('/')) return address
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}

const isLeaf = (node: Leaf<unknown> | Tree): node is Leaf<unknown> => typeof (node as Leaf<unknown>).read === 'function'

function initialOf(tree: Tree): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tree).map(([name, node]) => [name, isLeaf(node) ? node.initial : initialOf(node)]))
}

function readTree(tree: Tree, value: unknown, path: string, warnings: string[]): Record<string, unknown> {
  if (!isMap(value)) throw new ConfigurationError(`${path}: expected an object`)
  const out = initialOf(tree)
  for (const [name, item] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`
    const node = Object.hasOwn(tree, name) ? tree[name] : undefined
    if (node === undefined) warnings.push(`unknown field ${JSON.stringify(at)}`)
    else if (item !== null) out[name] = isLeaf(node) ? node.read(item, at) : readTree(node, item, at, warnings)
  }
  return out
}

function writeTree(tree: Tree, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(tree).map(([name, node]) => {
    const value = values[name]
    return [name, isLeaf(node) ? node.write(value) : writeTree(node, value as Record<string, unknown>)]
  }))
}
