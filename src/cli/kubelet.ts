import { readFileSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { nodes } from '../api/generated/resources.ts'
import { isLabelValue, isQualifiedName } from '../api/meta/names.ts'
import type { Env } from '../base/env.ts'
import { rotateCertificates } from '../kubelet/certificates/rotation.ts'
import { type StoredPair, createCertificateStore } from '../kubelet/certificates/store.ts'
import type { KubeletConfiguration } from '../kubelet/configuration/read.ts'
import { systemFiles } from '../kubelet/host/files.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import type { KubeletOptions, KubeletServerOptions } from '../kubelet/options.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { systemEnv, untilSignalled } from './component.ts'
import { kubeletFlags } from './flags/kubelet.ts'
import { loadConfiguration } from './kubelet-configuration.ts'
import { type ClosableClient, bootstrapCredentials, nodeClient, nodeSubject, selfSigned } from './kubelet-credentials.ts'

export const command: Command = {
  name: 'kubelet',
  summary: 'The node agent (kubelet), over CRI',
  description: `Runs the pods that are bound to this node on a container runtime that speaks CRI.

Examples:
  coxswain kubelet --kubeconfig node.kubeconfig --config kubelet.yaml --hostname-override node-1
  coxswain kubelet --bootstrap-kubeconfig /etc/kubernetes/bootstrap-kubelet.conf --kubeconfig /etc/kubernetes/kubelet.conf --config /var/lib/kubelet/config.yaml`,
  flags: kubeletFlags,
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { flags } = invocation
  const configuration = loadConfiguration(flags)
  const kubeconfig = flags.string('kubeconfig') ?? ''
  checkLabels(flags.map('node-labels'))
  if (configuration.process.failSwapOn) checkSwap(readFileSync('/proc/swaps', 'utf8'))
  const env = systemEnv(invocation, 'kubelet')
  for (const field of configuration.unknown) env.log.warn('the configuration has an unknown field', { field })
  setOomScore(env, configuration.process.oomScoreAdj)
  const nodeName = nodeNameOf(flags)
  const credentials = {
    kubeconfig, bootstrapKubeconfig: flags.string('bootstrap-kubeconfig'), certDir: flags.string('cert-dir')!, nodeName, rotate: configuration.process.rotateCertificates,
  }
  const stopped = untilSignalled()
  const stopping = new AbortController()
  void stopped.then(() => stopping.abort(new Error('the kubelet was asked to stop')))
  const standalone = kubeconfig === '' && (flags.string('bootstrap-kubeconfig') ?? '') === ''
  if (standalone) checkStandalone(configuration)
  else if (kubeconfig === '') throw new UsageError('--kubeconfig is needed with --bootstrap-kubeconfig: it is where credentials are written')
  try {
    if (!standalone) await bootstrapCredentials(env, credentials, stopping.signal)
  } catch (error) {
    if (stopping.signal.aborted) return 0
    throw error
  }
  if (standalone) env.log.info('no kubeconfig: standalone mode, only static pods run')
  const client = standalone ? (await import('../kubelet/standalone.ts')).createStandaloneClient() : await nodeClient(env, credentials)
  const server = await serverOptions(env, client, flags, configuration)
  const component = createKubelet(env, client, { ...kubeletOptions(flags, configuration), server })
  await component.start()
  env.log.info('started', { component: 'kubelet', node: nodeName })
  await stopped
  await component.stop()
  await env.tasks.stop()
  await client.close()
  return 0
}

/** Who asks an API server about callers has to have one. */
function checkStandalone({ server }: KubeletConfiguration): void {
  if (!server.enabled) return
  if (server.webhookAuthentication) throw new UsageError('no client provided, cannot use webhook authentication')
  if (server.authorization === 'Webhook') throw new UsageError('no client provided, cannot use webhook authorization')
}

/** Everything but the server, whose certificate may have to be asked for. */
export function kubeletOptions(flags: FlagValues, { options, document }: KubeletConfiguration): KubeletOptions {
  return {
    ...options, nodeName: nodeNameOf(flags), nodeIps: nodeIpsOf(flags), rootDir: flags.string('root-dir')!, configuration: document,
    ...(flags.given('node-labels') ? { nodeLabels: flags.map('node-labels') } : {}), ...(flags.given('cloud-provider') ? { cloudProvider: flags.string('cloud-provider')! } : {}),
  }
}

const nodeNameOf = (flags: FlagValues): string => (flags.string('hostname-override') ?? hostname()).trim().toLowerCase()
const nodeIpsOf = (flags: FlagValues): readonly string[] => (flags.list('node-ip').length > 0 ? flags.list('node-ip') : [nodeAddress()])

async function serverOptions(env: Env, client: ClosableClient, flags: FlagValues, { server, process, document }: KubeletConfiguration): Promise<KubeletServerOptions | undefined> {
  if (!server.enabled) return undefined
  const { tlsCertFile, tlsPrivateKeyFile, clientCAFile, enabled: _enabled, ...rest } = server
  if ((tlsCertFile === undefined) !== (tlsPrivateKeyFile === undefined)) throw new UsageError('--tls-cert-file and --tls-private-key-file go together')
  const certDir = flags.string('cert-dir')!
  const [nodeName, nodeIps] = [nodeNameOf(flags), nodeIpsOf(flags)]
  const store = createCertificateStore(systemFiles, certDir, 'kubelet-server')
  const asked = process.serverTLSBootstrap && tlsCertFile === undefined
  // Until the cluster has signed for it the server answers with a certificate of its own.
  const pair = tlsCertFile !== undefined ? { cert: readText(tlsCertFile, 'certificate'), key: readText(tlsPrivateKeyFile!, 'key') } :
    ((asked ? await store.current() : undefined) ?? selfSigned(certDir, nodeName, nodeIps, new Date()))
  const renewals = (use: (pair: StoredPair) => void) => void env.tasks.go('server certificate', async (signal) => {
    const node = await registeredNode(env, client, nodeName, signal)
    const ips = node.filter(({ type }) => type.endsWith('IP')).map(({ address }) => address)
    const names = node.filter(({ type }) => !type.endsWith('IP')).map(({ address }) => address)
    await rotateCertificates({
      ...env, store, onPair: use,
      ask: () => ({ client, clock: env.clock, signer: 'kubernetes.io/kubelet-serving', subject: { ...nodeSubject(nodeName), dnsNames: names.sort(), ipAddresses: ips.sort() }, namePrefix: 'csr-' }),
    }, signal)
  })
  return {
    ...rest, ...pair, ...aboutIt(flags, document), debuggingHandlers: document['enableDebuggingHandlers'] === true, systemLogs: document['enableSystemLogHandler'] === true, ...(asked ? { renewals } : {}),
    ...(clientCAFile === undefined ? {} : { clientCA: readText(clientCAFile, 'client authorities') }),
  }
}

/** Which pages it serves about itself. */
function aboutIt(flags: FlagValues, { featureGates = {} }: { featureGates?: Readonly<Record<string, boolean>> }): Pick<KubeletServerOptions, 'statusz' | 'flags'> {
  return { statusz: featureGates['ComponentStatusz'] !== false, ...(featureGates['ComponentFlagz'] === false ? {} : { flags: () => flags.texts() }) }
}

/** The addresses that the node has in the API: the cluster signs for no others. */
async function registeredNode(env: Env, client: ClosableClient, name: string, signal: AbortSignal) {
  for (;;) {
    const node = await client.get(nodes, { name }, { signal }).catch(() => undefined)
    const addresses = node?.status?.addresses ?? []
    if (addresses.some(({ type }) => type.endsWith('IP'))) return addresses
    await env.clock.sleep(1000, signal)
  }
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read the ${what} ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const ownLabels = [
  'beta.kubernetes.io/arch', 'beta.kubernetes.io/instance-type', 'beta.kubernetes.io/os', 'failure-domain.beta.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch', 'kubernetes.io/hostname', 'kubernetes.io/os', 'node.kubernetes.io/instance-type', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone',
]
const ownNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io']

/** A node may give itself only some of the cluster's own labels. Throws UsageError with upstream's text. */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  const under = (namespace: string, suffix: string) => namespace === suffix || namespace.endsWith(`.${suffix}`)
  const unknown = Object.keys(labels).filter((key) => {
    const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : ''
    return (under(namespace, 'kubernetes.io') || under(namespace, 'k8s.io')) && !ownLabels.includes(key) && !ownNamespaces.some((own) => under(namespace, own))
  })
  if (unknown.length > 0) {
    throw new UsageError(`failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [${unknown.sort().join(' ')}]\n--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (${ownNamespaces.join(', ')}) or be in the specifically allowed set (${ownLabels.join(', ')})`)
  }
  const wrong = Object.entries(labels).flatMap(([key, value]) => [[key, isQualifiedName(key)], [value, isLabelValue(value)]] as const).filter(([, errors]) => errors.length > 0)
  if (wrong.length > 0) throw new UsageError(`failed to validate kubelet flags: invalid node labels: ${wrong.map(([text, errors]) => `'${text}' - ${errors.join(', ')}`).join('; ')}`)
}

/** Throws when the machine swaps. */
export function checkSwap(swaps: string): void {
  const lines = swaps.trim().split('\n')
  if (lines.length <= 1) return
  throw new Error(`running with swap on is not supported, please disable swap or set --fail-swap-on flag to false. /proc/swaps contained: [${lines.join(' ')}]`)
}

function setOomScore(env: Env, score: number): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(score))
  } catch (error) {
    env.log.warn('the kubelet may be ended first when memory runs out', { error })
  }
}

/** The first address that others can reach. */
export function nodeAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []).filter(({ internal }) => !internal)
  return (all.find(({ family }) => family === 'IPv4') ?? all[0])?.address ?? '127.0.0.1'
}
