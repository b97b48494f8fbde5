/** What a configuration may not say, with upstream's paths and texts (pkg/proxy/apis/config/validation/validation.go). Pure. */
import type { FieldError } from '../../api/meta/errors.ts'
import { childPath, fieldInvalid, fieldNotSupported, indexPath } from '../../api/meta/field-errors.ts'
import { parseIP, parseCIDR } from '../../api/meta/ip.ts'
import { formatDuration } from '../../api/meta/time.ts'
import { familyOf } from '../addresses.ts'
import type { ProxyConfiguration } from './configuration.ts'

const root = 'KubeProxyConfiguration'
const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix', '']
const pairText = 'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]'

/** The errors in upstream's order. */
export function* validateConfiguration(config: ProxyConfiguration): Generator<FieldError> {
  const at = (...names: string[]) => childPath(root, ...names)
  yield* masqueradeBit(at('KubeProxyIPTablesConfiguration', 'MasqueradeBit'), config.iptables.masqueradeBit)
  if (config.mode === 'ipvs') yield* ipvs(at('KubeProxyIPVSConfiguration'), config.ipvs)
  if (config.mode === 'nftables') yield* masqueradeBit(at('KubeProxyNFTablesConfiguration', 'MasqueradeBit'), config.nftables.masqueradeBit)
  yield* conntrack(at('KubeProxyLinuxConfiguration', 'KubeProxyConntrackConfiguration'), config.conntrack)
  if (Math.abs(config.oomScoreAdj) > 1000) yield fieldInvalid(at('KubeProxyLinuxConfiguration', 'OOMScoreAdj'), config.oomScoreAdj, 'must be within the range [-1000, 1000]')
  if (!['', 'iptables', 'ipvs', 'nftables'].includes(config.mode)) {
    yield fieldInvalid(at('Mode', 'ProxyMode'), config.mode, 'must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently nftables])')
  }
  yield* atLeastZero(at('ClientConnection', 'Burst'), config.clientConnection.burst)
  yield* periods(config)
  if (parseIP(config.bindAddress) === undefined) yield fieldInvalid(at('BindAddress'), config.bindAddress, 'not a valid textual representation of an IP address')
  if (config.healthzBindAddress !== '') yield* hostAndPort(at('HealthzBindAddress'), config.healthzBindAddress)
  yield* hostAndPort(at('MetricsBindAddress'), config.metricsBindAddress)
  yield* nodePortAddresses(at('NodePortAddresses'), config.nodePortAddresses)
  const hidden = config.showHiddenMetricsForVersion
  if (hidden !== '' && hidden !== '1.35') {
    yield fieldInvalid(at('ShowHiddenMetricsForVersion'), hidden, `invalid showHiddenMetricsForVersion: showHiddenMetricsForVersion: Invalid value: ${JSON.stringify(hidden)}: must be omitted or have the value '1.35'; only the previous minor version is allowed`)
  }
  if (!localModes.includes(config.detectLocalMode)) yield fieldNotSupported(at('DetectLocalMode'), config.detectLocalMode, localModes)
  yield* detectLocal(at('DetectLocalConfiguration'), config)
}

/** The rule periods of the mode that is chosen; the others are not looked at. */
export function periodsOf(config: ProxyConfiguration): { syncPeriod: number; minSyncPeriod: number; masqueradeAll: boolean; masqueradeBit: number } {
  const { iptables, ipvs: { syncPeriod, minSyncPeriod }, nftables } = config
  if (config.mode === 'ipvs') return { syncPeriod, minSyncPeriod, masqueradeAll: iptables.masqueradeAll, masqueradeBit: iptables.masqueradeBit }
  return config.mode === 'iptables' ? iptables : nftables
}

function* periods(config: ProxyConfiguration): Generator<FieldError> {
  const { syncPeriod, minSyncPeriod } = periodsOf(config)
  const at = (name: string) => childPath(root, name)
  if (config.configSyncPeriod <= 0) yield fieldInvalid(at('ConfigSyncPeriod'), formatDuration(config.configSyncPeriod), 'must be greater than 0')
  if (syncPeriod <= 0) yield fieldInvalid(at('SyncPeriod'), formatDuration(syncPeriod), 'must be greater than 0')
  if (minSyncPeriod < 0) yield fieldInvalid(at('MinSyncPeriod'), formatDuration(minSyncPeriod), 'must be greater than or equal to 0')
  if (minSyncPeriod > syncPeriod) yield fieldInvalid(at('SyncPeriod'), formatDuration(minSyncPeriod), `must be greater than or equal to ${at('MinSyncPeriod')}`)
}

function* masqueradeBit(path: string, bit: number): Generator<FieldError> {
  if (bit < 0 || bit > 31) yield fieldInvalid(path, bit, 'must be within the range [0, 31]')
}

function* atLeastZero(path: string, value: number, shown: unknown = value): Generator<FieldError> {
  if (value < 0) yield fieldInvalid(path, shown, 'must be greater than or equal to 0')
}

function* conntrack(path: string, config: ProxyConfiguration['conntrack']): Generator<FieldError> {
  yield* atLeastZero(childPath(path, 'MaxPerCore'), config.maxPerCore)
  yield* atLeastZero(childPath(path, 'Min'), config.min)
  for (const [name, value] of [
    ['TCPEstablishedTimeout', config.tcpEstablishedTimeout], ['TCPCloseWaitTimeout', config.tcpCloseWaitTimeout],
    ['UDPTimeout', config.udpTimeout], ['UDPStreamTimeout', config.udpStreamTimeout],
  ] as const) yield* atLeastZero(childPath(path, name), value, formatDuration(value))
}

function* ipvs(path: string, config: ProxyConfiguration['ipvs']): Generator<FieldError> {
  for (const [name, value] of [['TCPTimeout', config.tcpTimeout], ['TCPFinTimeout', config.tcpFinTimeout], ['UDPTimeout', config.udpTimeout]] as const) {
    yield* atLeastZero(childPath(path, name), value, formatDuration(value))
  }
  for (const [i, range] of config.excludeCIDRs.entries()) {
    if (parseCIDR(range) === undefined) yield fieldInvalid(indexPath(childPath(path, 'ExcludeCidrs'), i), range, 'must be a valid CIDR')
  }
}

/** "ADDRESS:PORT" in its parts; undefined when it is not that. */
export function splitHostPort(text: string): { host: string; port: string } | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text)
  return match === null ? undefined : { host: match[1] ?? match[2]!, port: match[3]! }
}

function* hostAndPort(path: string, value: string): Generator<FieldError> {
  const parts = splitHostPort(value)
  if (parts === undefined) return yield fieldInvalid(path, value, 'must be IP:port')
  if (parseIP(parts.host) === undefined) yield fieldInvalid(path, parts.host, 'must be a valid IP')
  const port = /^[+-]?\d+$/.test(parts.port) ? Number(parts.port) : 0
  if (port < 1 || port > 65_535) yield fieldInvalid(path, parts.port, 'must be a valid port')
}

function* nodePortAddresses(path: string, values: readonly string[]): Generator<FieldError> {
  for (const [i, value] of values.entries()) {
    if (value === 'primary') {
      if (values.length !== 1) yield fieldInvalid(indexPath(path, i), value, "can't use both 'primary' and CIDRs")
      return
    }
    if (parseCIDR(value) === undefined) yield fieldInvalid(indexPath(path, i), value, 'must be a valid CIDR')
  }
}

function* detectLocal(path: string, config: ProxyConfiguration): Generator<FieldError> {
  const { detectLocal: { bridgeInterface, interfaceNamePrefix } } = config
  if (config.detectLocalMode === 'BridgeInterface' && bridgeInterface === '') yield fieldInvalid(childPath(path, 'InterfaceName'), '', 'must not be empty')
  if (config.detectLocalMode === 'InterfaceNamePrefix' && interfaceNamePrefix === '') yield fieldInvalid(childPath(path, 'InterfacePrefix'), '', 'must not be empty')
  const cidrs = config.clusterCIDR === '' ? [] : config.clusterCIDR.split(',')
  if (cidrs.length === 0 || (config.detectLocalMode !== 'ClusterCIDR' && config.detectLocalMode !== '')) return
  const at = childPath(path, 'ClusterCIDRs')
  if (cidrs.length > 2) return yield fieldInvalid(at, cidrs, pairText)
  for (const [i, cidr] of cidrs.entries()) {
    if (parseCIDR(cidr) === undefined) yield fieldInvalid(indexPath(at, i), cidr, 'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)')
  }
  if (cidrs.length === 2 && cidrs.every((cidr) => parseCIDR(cidr) !== undefined) && familyOf(cidrs[0]!) === familyOf(cidrs[1]!)) yield fieldInvalid(at, cidrs, pairText)
}
