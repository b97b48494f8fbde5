/** A pod's resolv.conf. Pure. Upstream: pkg/kubelet/network/dns. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { DnsConfig } from '../cri/contract.ts'
import { isHostNetwork } from '../pod.ts'

export interface DnsSettings {
  readonly clusterDns: readonly string[]
  /** "cluster.local"; empty: no cluster search domains. */
  readonly clusterDomain: string
  /** Content of the host's resolv.conf; undefined when the kubelet is to use none. */
  readonly hostResolvConf: string | undefined
}

const maxNameservers = 3
const maxSearchPaths = 32
const maxSearchChars = 2048
const maxDomainLength = 253

/** `warnings` are texts of DNSConfigForming events. */
export function podDns(pod: Pod, settings: DnsSettings): { config: DnsConfig; warnings: string[]; missingClusterDns: boolean } {
  const host = settings.hostResolvConf === undefined ? emptyConfig() : parseResolvConf(settings.hostResolvConf)
  const { config, missingClusterDns } = byPolicy(pod, settings, host)
  const extra = pod.spec!.dnsConfig
  if (extra !== undefined) {
    config.servers = unique([...config.servers, ...(extra.nameservers ?? [])])
    config.searches = unique([...config.searches, ...(extra.searches ?? [])])
    config.options = mergeOptions(config.options, extra.options ?? [])
  }
  return { ...fitLimits(config), missingClusterDns }
}

function byPolicy(pod: Pod, { clusterDns, clusterDomain, hostResolvConf }: DnsSettings, host: DnsConfig): { config: DnsConfig; missingClusterDns: boolean } {
  const policy = pod.spec!.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return { config: emptyConfig(), missingClusterDns: false }
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy !== 'Default' && !isHostNetwork(pod))
  if (cluster && clusterDns.length > 0) {
    const domains = clusterDomain === '' ? [] : [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    return { config: { servers: [...clusterDns], searches: unique([...domains, ...host.searches]), options: ['ndots:5'] }, missingClusterDns: false }
  }
  const config = hostResolvConf === undefined ? { servers: ['127.0.0.1'], searches: ['.'], options: [] } : host
  return { config, missingClusterDns: cluster }
}

function emptyConfig(): DnsConfig {
  return { servers: [], searches: [], options: [] }
}

export function parseResolvConf(text: string): DnsConfig {
  const config = emptyConfig()
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) config.servers.push(values[0])
    else if (keyword === 'search') config.searches = values.filter((domain) => domain !== '.').map((domain) => domain.replace(/\.$/, ''))
    else if (keyword === 'options') config.options = mergeOptions(config.options, values.map(splitOption))
  }
  return config
}

function splitOption(option: string): { name: string; value?: string } {
  const colon = option.indexOf(':')
  return colon < 0 ? { name: option } : { name: option.slice(0, colon), value: option.slice(colon + 1) }
}

function mergeOptions(options: readonly string[], more: readonly { name?: string; value?: string }[]): string[] {
  const merged = new Map<string, string>()
  for (const { name, value } of [...options.map(splitOption), ...more]) if (name !== undefined) merged.set(name, value ?? '')
  return [...merged].map(([name, value]) => (value === '' ? name : `${name}:${value}`))
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)]
}

function fitLimits(config: DnsConfig): { config: DnsConfig; warnings: string[] } {
  const warnings: string[] = []
  const servers = config.servers.slice(0, maxNameservers)
  if (servers.length < config.servers.length) {
    warnings.push(`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`)
  }
  const searches = config.searches.slice(0, maxSearchPaths).filter((domain) => domain.length <= maxDomainLength)
  while (searches.join(' ').length > maxSearchChars) searches.pop()
  if (searches.length < config.searches.length) {
    warnings.push(`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`)
  }
  return { config: { servers, searches, options: config.options }, warnings }
}
