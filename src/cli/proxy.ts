import { readFileSync, watch, writeFileSync } from 'node:fs'
import { availableParallelism, hostname, networkInterfaces } from 'node:os'
import { encodeYaml, parseYaml, YamlError } from '../api/codec/yaml.ts'
import { aggregateText } from '../api/meta/field-errors.ts'
import type { Metrics } from '../base/env.ts'
import { type Family, contains, familyOf } from '../proxy/addresses.ts'
import type { RuleBackend } from '../proxy/backend.ts'
import { ConfigurationError, type ProxyConfiguration, defaultConfiguration, readConfiguration, withPort, writeConfiguration } from '../proxy/config/configuration.ts'
import { periodsOf, splitHostPort, validateConfiguration } from '../proxy/config/validation.ts'
import { createConntrack } from '../proxy/conntrack/exec/conntrack.ts'
import { growConntrackHash, setSysctls } from '../proxy/conntrack/exec/sysctls.ts'
import { conntrackSysctls } from '../proxy/conntrack/sysctls.ts'
import { createIptablesBackend } from '../proxy/iptables/backend.ts'
import { createIptables } from '../proxy/iptables/exec/iptables.ts'
import { removalScript } from '../proxy/iptables/leftovers.ts'
import { iptablesMetrics } from '../proxy/metrics.ts'
import { createNftablesBackend } from '../proxy/nftables/backend.ts'
import { createNft } from '../proxy/nftables/exec/nft.ts'
import { deleteTable } from '../proxy/nftables/table.ts'
import { type ProxyOptions, createProxy } from '../proxy/proxy.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { runWithClient } from './component.ts'
import { proxyFlags } from './flags/proxy.ts'

export const command: Command = {
  name: 'proxy',
  summary: 'Service virtual IPs on a node (kube-proxy)',
  description: 'Writes the packet rules that send Service traffic to endpoints.\n\nExample:\n  coxswain proxy --kubeconfig proxy.conf --hostname-override node-1 --cluster-cidr 10.244.0.0/16',
  flags: proxyFlags,
  run,
}

const families = ['IPv4', 'IPv6'] as const

async function run(invocation: Invocation): Promise<number> {
  const { flags, stderr } = invocation
  if (invocation.args.length > 0) throw new UsageError(`"coxswain proxy" does not take any arguments, got ${JSON.stringify(invocation.args)}`)
  const { config, warnings } = proxyConfiguration(flags)
  for (const warning of warnings) stderr(`warning: ${warning}\n`)
  if (flags.string('write-config-to') !== '') {
    writeFileSync(flags.string('write-config-to')!, encodeYaml(writeConfiguration(config)))
    return 0
  }
  if (flags.bool('cleanup')) {
    await Promise.all([removeNftables(), removeIptables()])
    return 0
  }
  const sysctls = conntrackSysctls(config.conntrack, availableParallelism())
  try {
    setSysctls('net/netfilter', sysctls)
    growConntrackHash(sysctls.find(([name]) => name === 'nf_conntrack_max')?.[1] ?? 0)
  } catch (error) {
    // Not ours to set in a network namespace of our own; the rules work without.
    stderr(`warning: could not set conntrack parameters: ${String(error)}\n`)
  }
  routeLocalnet(config)
  if (flags.bool('init-only')) return 0
  try {
    writeFileSync('/proc/self/oom_score_adj', String(config.oomScoreAdj))
  } catch {
    stderr('warning: may not set oom_score_adj\n')
  }
  // Rules of another mode would answer first.
  await (config.mode === 'iptables' ? removeNftables() : removeIptables()).catch((error: unknown) => stderr(`warning: ${String(error)}\n`))
  let fatal: Error | undefined
  const end = (error: Error): void => {
    fatal = error
    stderr(`error: ${error.message}\n`)
    process.kill(process.pid, 'SIGTERM')
  }
  const file = flags.string('config')!
  const watcher = file === '' ? undefined : watch(file, () => end(new Error("content of the proxy server's configuration file was updated")))
  const options = proxyOptions(config)
  const code = await runWithClient(
    invocation, 'kube-proxy', (env, client) => {
      const backends = supportedFamilies().map((family) => backendOf(config, family, env.metrics))
      return createProxy(env, client, { ...options, ...(config.featureGates['ComponentFlagz'] === false ? {} : { flags: () => flags.texts() }), backends, tracking: createConntrack(), onFatal: end })
    },
    { source: { kubeconfig: config.clientConnection.kubeconfig, server: flags.string('master')! } },
  )
  watcher?.close()
  return fatal === undefined ? code : 1
}

function backendOf(config: ProxyConfiguration, family: Family, metrics: Metrics): RuleBackend {
  if (config.mode === 'iptables') {
    const { masqueradeBit } = config.iptables
    return createIptablesBackend(family, createIptables(family), { masqueradeBit, liberal: conntrackIsLiberal(), onWritten: iptablesMetrics(metrics, family) })
  }
  return createNftablesBackend(family, createNft(), config.nftables.masqueradeBit)
}

/** Node ports by the loopback's address need packets to it to be routed (upstream: NewProxier of pkg/proxy/iptables). */
function routeLocalnet(config: ProxyConfiguration): void {
  const { mode, iptables: { localhostNodePorts }, nodePortAddresses } = config
  const asked = nodePortAddresses.length === 0 || nodePortAddresses.some((range) => contains(range, '127.0.0.1'))
  if (mode === 'iptables' && localhostNodePorts && asked) setSysctls('net/ipv4/conf/all', [['route_localnet', 1]])
}

function conntrackIsLiberal(): boolean {
  try {
    return readFileSync('/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal', 'utf8').trim() !== '0'
  } catch {
    return false
  }
}

async function removeNftables(): Promise<void> {
  await createNft().apply(families.map((family) => deleteTable(family)).join(''))
}

async function removeIptables(): Promise<void> {
  for (const family of families) {
    const programs = createIptables(family)
    const script = removalScript((await programs.save()) ?? '')
    if (script !== '') await programs.restore(script)
  }
}

/** IPv6 only where the kernel has it. */
function supportedFamilies(): readonly Family[] {
  try {
    const disabled = readFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', 'utf8').trim()
    return disabled === '1' ? ['IPv4'] : families
  } catch {
    return ['IPv4']
  }
}

/** Which field each flag is. */
const fieldOf: Readonly<Record<string, string>> = {
  'kubeconfig': 'clientConnection.kubeconfig', 'kube-api-content-type': 'clientConnection.contentType', 'kube-api-qps': 'clientConnection.qps', 'kube-api-burst': 'clientConnection.burst',
  'config-sync-period': 'configSyncPeriod', 'bind-address': 'bindAddress', 'detect-local-mode': 'detectLocalMode', 'cluster-cidr': 'clusterCIDR',
  'pod-bridge-interface': 'detectLocal.bridgeInterface', 'pod-interface-name-prefix': 'detectLocal.interfaceNamePrefix', 'oom-score-adj': 'oomScoreAdj',
  'proxy-mode': 'mode', 'nodeport-addresses': 'nodePortAddresses', 'iptables-masquerade-bit': 'iptables.masqueradeBit', 'iptables-localhost-nodeports': 'iptables.localhostNodePorts',
  'healthz-bind-address': 'healthzBindAddress', 'metrics-bind-address': 'metricsBindAddress', 'bind-address-hard-fail': 'bindAddressHardFail', 'profiling': 'enableProfiling',
  'show-hidden-metrics-for-version': 'showHiddenMetricsForVersion', 'conntrack-max-per-core': 'conntrack.maxPerCore', 'conntrack-min': 'conntrack.min',
  'conntrack-tcp-timeout-established': 'conntrack.tcpEstablishedTimeout', 'conntrack-tcp-timeout-close-wait': 'conntrack.tcpCloseWaitTimeout',
  'conntrack-tcp-be-liberal': 'conntrack.tcpBeLiberal', 'conntrack-udp-timeout': 'conntrack.udpTimeout', 'conntrack-udp-timeout-stream': 'conntrack.udpStreamTimeout', 'v': 'logging.verbosity',
}

/** The configuration of the file, or of the flags without one; UsageError for what upstream refuses and what is not supported. */
export function proxyConfiguration(flags: FlagValues, file = flags.string('config')!): { config: ProxyConfiguration; warnings: string[] } {
  const { config, warnings } = file === '' ? { config: fromFlags(flags), warnings: [] } : fromFile(file)
  if (flags.given('hostname-override') && flags.string('hostname-override') !== '') {
    const name = flags.string('hostname-override')!.trim().toLowerCase()
    if (name === '') throw new UsageError('failed complete: empty hostname-override is invalid')
    config.hostnameOverride = name
  }
  const mode = config.mode === '' ? 'nftables' : config.mode
  const primary = mode === 'nftables' && config.nodePortAddresses.length === 0 ? { nodePortAddresses: ['primary'] } : {}
  const complete = { ...config, mode, ...primary, detectLocalMode: config.detectLocalMode === '' ? 'ClusterCIDR' : config.detectLocalMode }
  // An empty address, which only flags can say, turns the metrics server off.
  const errors = [...validateConfiguration(complete)].filter(({ field }) => complete.metricsBindAddress !== '' || !field.endsWith('.MetricsBindAddress'))
  if (errors.length > 0) throw new UsageError(`failed validate: ${aggregateText(errors)}`)
  if (mode === 'ipvs') throw new UsageError('mode ipvs is not supported: it is deprecated upstream; use nftables or iptables')
  return { config: complete, warnings }
}

function fromFile(file: string): { config: ProxyConfiguration; warnings: string[] } {
  try {
    return readConfiguration(parseYaml(readFileSync(file, 'utf8')))
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof YamlError) throw new UsageError(`failed complete: failed to decode: ${file}: ${error.message}`)
    throw new UsageError(`failed complete: cannot read the configuration ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function fromFlags(flags: FlagValues): ProxyConfiguration {
  const config = defaultConfiguration()
  const values: Record<string, unknown> = config
  const set = (path: string, value: unknown): void => {
    const [head, tail] = path.split('.') as [string, string | undefined]
    if (tail === undefined) values[head] = value
    else (values[head] as Record<string, unknown>)[tail] = value
  }
  const value = (name: string): unknown => {
    const { type } = proxyFlags.find((flag) => flag.name === name)!
    return type === 'list' ? flags.list(name) : type === 'bool' ? flags.bool(name) : type === 'string' ? flags.string(name) : flags.number(name)
  }
  for (const [name, path] of Object.entries(fieldOf)) if (flags.given(name)) set(path, value(name))
  const { mode } = config
  const own = mode === 'iptables' ? config.iptables : config.nftables
  if (flags.given('iptables-sync-period')) own.syncPeriod = flags.number('iptables-sync-period')!
  if (flags.given('iptables-min-sync-period')) own.minSyncPeriod = flags.number('iptables-min-sync-period')!
  own.masqueradeAll = flags.bool('masquerade-all')
  config.healthzBindAddress = addressOf(flags, 'healthz', config.healthzBindAddress)
  config.metricsBindAddress = addressOf(flags, 'metrics', config.metricsBindAddress)
  return config
}

function addressOf(flags: FlagValues, name: 'healthz' | 'metrics', address: string): string {
  const port = flags.number(`${name}-port`)!
  if (port === 0 || address === '') return ''
  const complete = withPort(address, port)
  if (splitHostPort(complete) === undefined) throw new UsageError(`invalid argument ${JSON.stringify(address)} for "--${name}-bind-address" flag: ${JSON.stringify(address)} is not in a valid format (ip or ip:port)`)
  return complete
}

/** What the configuration means for the component. */
export function proxyOptions(config: ProxyConfiguration): Omit<ProxyOptions, 'backends'> {
  const { syncPeriod, minSyncPeriod, masqueradeAll } = periodsOf(config)
  const { nodePortAddresses } = config
  return {
    nodeName: config.hostnameOverride || hostname().toLowerCase(),
    bindAddress: config.bindAddress,
    ...detectLocal(config),
    nodePortAddresses: nodePortAddresses[0] === 'primary' ? 'primary' : nodePortAddresses,
    interfaceAddresses: () => Object.values(networkInterfaces()).flatMap((list) => list ?? []).map(({ address }) => address),
    masqueradeAll, localhostNodePorts: config.iptables.localhostNodePorts, syncPeriodMs: syncPeriod, minSyncPeriodMs: minSyncPeriod,
    bindHardFail: config.bindAddressHardFail,
    ...endpoint('healthz', config.healthzBindAddress), ...endpoint('metrics', config.metricsBindAddress),
    pages: { '/configz': () => ({ code: 200, body: JSON.stringify({ 'kubeproxy.config.k8s.io': writeConfiguration(config) }) }) },
    statusz: config.featureGates['ComponentStatusz'] !== false,
  }
}

function detectLocal(config: ProxyConfiguration): Pick<ProxyOptions, 'detectLocal'> {
  switch (config.detectLocalMode) {
    case 'NodeCIDR': return { detectLocal: 'node' }
    case 'BridgeInterface': return { detectLocal: { interface: config.detectLocal.bridgeInterface } }
    case 'InterfaceNamePrefix': return { detectLocal: { interface: `${config.detectLocal.interfaceNamePrefix}*` } }
    default: return { detectLocal: { cidrs: config.clusterCIDR.split(',').filter((range) => familyOf(range) !== undefined) } }
  }
}

function endpoint<Name extends 'healthz' | 'metrics'>(name: Name, text: string): { [N in Name]?: { address: string; port: number } } {
  const parts = splitHostPort(text)
  return parts === undefined ? {} : { [name]: { address: parts.host, port: Number(parts.port) } } as { [N in Name]?: { address: string; port: number } }
}
