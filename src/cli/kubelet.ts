import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { parseYaml } from '../api/codec/yaml.ts'
import { issueCertificate } from '../apiserver/auth/certificates.ts'
import { createAuthorities } from '../cluster/pki/memory.ts'
import { ConfigurationError, type KubeletConfiguration, type ServerSettings, readConfiguration } from '../kubelet/configuration.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import type { KubeletOptions, KubeletServerOptions } from '../kubelet/options.ts'
import { type Command, type FlagValues, UsageError } from './command.ts'
import { runWithClient } from './component.ts'
import { kubeletFlags } from './flags/kubelet.ts'

export const command: Command = {
  name: 'kubelet',
  summary: 'The node agent (kubelet), over CRI',
  description: 'Runs the pods that are bound to this node on a container runtime that speaks CRI.\n\nExample:\n  coxswain kubelet --kubeconfig node.kubeconfig --config kubelet.yaml --hostname-override node-1',
  flags: kubeletFlags,
  run(invocation) {
    const { flags } = invocation
    const options = kubeletOptions(flags, configurationOf(flags.string('config')))
    return runWithClient(invocation, 'kubelet', (env, client) => createKubelet(env, client, options))
  },
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the ${what} ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function configurationOf(file: string | undefined): KubeletConfiguration {
  if (file === undefined) return { options: {}, server: {} }
  const text = readText(file, 'kubelet configuration')
  try {
    return readConfiguration(parseYaml(text))
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(`kubelet configuration ${file}: ${error.message}`)
    throw error
  }
}

/** Flags that were given win over the file. */
export function kubeletOptions(flags: FlagValues, { options, server }: KubeletConfiguration): KubeletOptions {
  if (flags.string('cgroup-driver') !== 'cgroupfs') throw new UsageError('--cgroup-driver: cgroupfs is the one supported')
  const given = <T>(name: string, read: (name: string) => T): T | undefined => (flags.given(name) ? read(name) : undefined)
  const text = (name: string) => given(name, (n) => flags.string(n))
  const number = (name: string) => given(name, (n) => flags.number(n))
  const bool = (name: string) => given(name, (n) => flags.bool(n))
  const list = (name: string) => given(name, (n) => flags.list(n))
  const map = (name: string) => given(name, (n) => flags.map(n))
  const nodeName = (text('hostname-override') ?? hostname()).toLowerCase()
  const nodeIps = list('node-ip') ?? [nodeAddress()]
  const fromFlags: Partial<KubeletOptions> = {
    rootDir: flags.string('root-dir'), podLogsDir: text('pod-logs-dir'), staticPodPath: text('pod-manifest-path'),
    nodeLabels: map('node-labels'), registerNode: bool('register-node'), registerWithTaints: list('register-with-taints')?.map(parseTaint),
    providerID: text('provider-id'), nodeStatusUpdateFrequency: number('node-status-update-frequency'), maxPods: number('max-pods'),
    systemReserved: map('system-reserved'), kubeReserved: map('kube-reserved'), clusterDNS: list('cluster-dns'), clusterDomain: text('cluster-domain'),
    resolvConf: text('resolv-conf'), syncFrequency: number('sync-frequency'), fileCheckFrequency: number('file-check-frequency'),
    cpuCFSQuota: bool('cpu-cfs-quota'), seccompDefault: bool('seccomp-default'), containerRuntimeEndpoint: text('container-runtime-endpoint'),
    cgroupRoot: text('cgroup-root'), cgroupsPerQOS: bool('cgroups-per-qos'), serializeImagePulls: bool('serialize-image-pulls'),
  }
  const merged = { ...options, ...Object.fromEntries(Object.entries(fromFlags).filter(([, value]) => value !== undefined)) }
  const authorization = text('authorization-mode') ?? server.authorization
  if (authorization !== undefined && authorization !== 'AlwaysAllow' && authorization !== 'Webhook') {
    throw new UsageError(`--authorization-mode: ${authorization} is not AlwaysAllow or Webhook`)
  }
  return {
    ...merged, nodeName, nodeIps,
    server: serverOptions({
      address: text('address') ?? server.address, port: number('port') ?? server.port, authorization,
      tlsCertFile: text('tls-cert-file') ?? server.tlsCertFile, tlsPrivateKeyFile: text('tls-private-key-file') ?? server.tlsPrivateKeyFile,
      clientCAFile: text('client-ca-file') ?? server.clientCAFile, anonymous: bool('anonymous-auth') ?? server.anonymous,
      webhookAuthentication: bool('authentication-token-webhook') ?? server.webhookAuthentication,
    }, nodeName, nodeIps),
  }
}

/** A server without a certificate signs one itself, as upstream's does. */
function serverOptions(settings: ServerSettings, nodeName: string, nodeIps: readonly string[]): KubeletServerOptions {
  const { tlsCertFile, tlsPrivateKeyFile, clientCAFile, ...rest } = settings
  if ((tlsCertFile === undefined) !== (tlsPrivateKeyFile === undefined)) throw new UsageError('--tls-cert-file and --tls-private-key-file go together')
  const now = new Date()
  const pair = tlsCertFile === undefined ? selfSigned(nodeName, nodeIps, now) :
    { cert: readText(tlsCertFile, 'certificate'), key: readText(tlsPrivateKeyFile!, 'key') }
  return {
    cert: pair.cert, key: pair.key, webhookAuthentication: true, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
    ...(clientCAFile === undefined ? {} : { clientCA: readText(clientCAFile, 'client authorities') }),
  }
}

function selfSigned(nodeName: string, ipAddresses: readonly string[], now: Date): { cert: string; key: string } {
  const identity = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] }
  return issueCertificate(createAuthorities(now).ca, { ...identity, dnsNames: [nodeName], ipAddresses: [...ipAddresses], usages: ['server'], now, days: 365 })
}

function parseTaint(text: string): { key: string; value?: string; effect: string } {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text)
  if (match === null) throw new UsageError(`--register-with-taints: invalid taint spec: ${text}`)
  return { key: match[1]!, ...(match[2] === undefined ? {} : { value: match[2] }), effect: match[3]! }
}

/** The first address that others can reach. */
export function nodeAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter(({ internal }) => !internal)
  return (all.find(({ family }) => family === 'IPv4') ?? all[0])?.address ?? '127.0.0.1'
}
