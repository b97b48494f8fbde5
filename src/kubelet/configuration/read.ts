/** A KubeletConfiguration document as options. Pure: files are read by who runs the kubelet. */
import { featuresFrom } from '../../api/helpers/features.ts'
import { parseDuration } from '../../api/meta/time.ts'
import { formatCpuSet, parseCpuSet } from '../topology/cpu-set.ts'
import type { TopologySettings } from '../topology/manager.ts'
import { defaultEvictionHard, type KubeletOptions, type ShutdownPeriod } from '../options.ts'
import { checkFields, checkValues } from './check.ts'
import { ConfigurationError, type Document, at, withDefaults } from './document.ts'

/** Paths of PEM files and what guards the server. */
export interface ServerSettings {
  readonly enabled: boolean
  readonly address: string
  readonly port: number
  readonly readOnlyPort: number
  readonly healthzPort: number
  readonly healthzBindAddress: string
  readonly tlsCertFile: string | undefined
  readonly tlsPrivateKeyFile: string | undefined
  readonly tlsMinVersion: string | undefined
  readonly tlsCipherSuites: readonly string[] | undefined
  readonly clientCAFile: string | undefined
  readonly webhookAuthentication: boolean
  readonly anonymous: boolean
  readonly authorization: 'AlwaysAllow' | 'Webhook'
  readonly cacheTtls: { readonly authentication: number; readonly allowed: number; readonly denied: number }
}

export interface KubeletConfiguration {
  /** With all defaults, as /configz shows it. */
  readonly document: Document
  readonly options: Partial<KubeletOptions>
  readonly server: ServerSettings
  /** About the process rather than its pods. */
  readonly process: {
    readonly rotateCertificates: boolean
    readonly serverTLSBootstrap: boolean
    readonly failSwapOn: boolean
    readonly oomScoreAdj: number
  }
}

/** Fields that become options under the same name. */
const sameName = [
  'podLogsDir', 'containerRuntimeEndpoint', 'imageServiceEndpoint', 'cgroupRoot', 'cgroupsPerQOS', 'cgroupDriver', 'clusterDNS', 'clusterDomain', 'resolvConf', 'staticPodPath',
  'staticPodURL', 'staticPodURLHeader', 'maxPods', 'podsPerCore', 'podPidsLimit', 'cpuCFSQuota', 'seccompDefault', 'serializeImagePulls', 'maxParallelImagePulls', 'nodeLeaseDurationSeconds',
  'nodeStatusMaxImages', 'registerNode', 'registerWithTaints', 'providerID', 'systemReserved', 'kubeReserved', 'allowedUnsafeSysctls', 'evictionHard', 'evictionSoft',
  'evictionSoftGracePeriod', 'evictionMinimumReclaim', 'evictionMaxPodGracePeriod', 'localStorageCapacityIsolation', 'imageGCHighThresholdPercent',
  'imageGCLowThresholdPercent', 'containerLogMaxSize', 'containerLogMaxFiles', 'enforceNodeAllocatable', 'singleProcessOOMKill',
] as const
const durations = [
  'cpuCFSQuotaPeriod', 'syncFrequency', 'fileCheckFrequency', 'httpCheckFrequency', 'nodeStatusUpdateFrequency', 'nodeStatusReportFrequency', 'evictionPressureTransitionPeriod',
  'imageMinimumGCAge', 'imageMaximumGCAge', 'containerLogMonitorInterval', 'volumeStatsAggPeriod',
] as const

/** `given`: what the user said, files and flags merged. Throws ConfigurationError that says all that is wrong. */
export function readConfiguration(given: Document): KubeletConfiguration {
  const mistakes = checkFields(given)
  if (mistakes.length > 0) throw new ConfigurationError(mistakes.join(', '))
  const document = withDefaults(given)
  const wrong = checkValues(document)
  if (wrong.length > 0) throw new ConfigurationError(wrong.length === 1 ? wrong[0]! : `[${wrong.join(', ')}]`)
  const text = (path: string) => (at(document, path) === '' ? undefined : (at(document, path) as string | undefined))
  const ms = (path: string) => parseDuration((at(document, path) ?? '0s') as string) ?? 0
  const options: Record<string, unknown> = {}
  for (const name of sameName) if (at(document, name) !== undefined && at(document, name) !== '') options[name] = at(document, name)
  for (const name of durations) options[name] = ms(name)
  // '' takes the host's resolver away from pods: it is not nothing.
  options['resolvConf'] = at(document, 'resolvConf')
  if (options['podPidsLimit'] === -1) delete options['podPidsLimit']
  if (at(document, 'mergeDefaultEvictionSettings') === true) options['evictionHard'] = { ...defaultEvictionHard, ...(options['evictionHard'] as object | undefined) }
  options['maxContainerRestartPeriod'] = ms('crashLoopBackOff.maxContainerRestartPeriod')
  options['idsPerPod'] = at(document, 'userNamespaces.idsPerPod')
  options['swapBehavior'] = text('memorySwap.swapBehavior') ?? 'NoSwap'
  options['shutdown'] = shutdownPeriods(document, ms)
  options['topology'] = topologySettings(document)
  options['feature'] = featuresOf(document)
  options['cpuManagerReconcilePeriod'] = ms('cpuManagerReconcilePeriod')
  const kept = parseCpuSet((at(document, 'reservedSystemCPUs') ?? '') as string)
  if (kept.length > 0) {
    const { cpu: _cpu, ...others } = (options['kubeReserved'] ?? {}) as Record<string, string>
    options['kubeReserved'] = others
    options['systemReserved'] = { ...(options['systemReserved'] as object | undefined), cpu: String(kept.length) }
  }
  return {
    document, options: options as Partial<KubeletOptions>, server: serverSettings(document, text, ms),
    process: {
      rotateCertificates: at(document, 'rotateCertificates') === true, serverTLSBootstrap: at(document, 'serverTLSBootstrap') === true,
      failSwapOn: at(document, 'failSwapOn') === true, oomScoreAdj: Number(at(document, 'oomScoreAdj')),
    },
  }
}

function featuresOf(document: Document): (name: string) => boolean {
  const given = (at(document, 'featureGates') ?? {}) as Record<string, boolean>
  try {
    return featuresFrom(Object.fromEntries(Object.entries(given).map(([name, on]) => [name, String(on)])))
  } catch (error) {
    throw new ConfigurationError(`failed to set feature gates from initial flags-based config: ${(error as Error).message}`)
  }
}

function serverSettings(document: Document, text: (path: string) => string | undefined, ms: (path: string) => number): ServerSettings {
  const authorization = at(document, 'authorization.mode')
  if (authorization !== 'AlwaysAllow' && authorization !== 'Webhook') throw new ConfigurationError(`unknown authorization mode ${String(authorization)}`)
  const tlsMinVersion = text('tlsMinVersion')
  if (tlsMinVersion !== undefined && !/^VersionTLS1[0-3]$/.test(tlsMinVersion)) throw new ConfigurationError(`unknown tls version ${JSON.stringify(tlsMinVersion)}`)
  return {
    enabled: at(document, 'enableServer') === true, address: text('address')!, port: at(document, 'port') as number, readOnlyPort: (at(document, 'readOnlyPort') ?? 0) as number,
    healthzPort: at(document, 'healthzPort') as number, healthzBindAddress: text('healthzBindAddress')!,
    tlsCertFile: text('tlsCertFile'), tlsPrivateKeyFile: text('tlsPrivateKeyFile'), tlsMinVersion, tlsCipherSuites: at(document, 'tlsCipherSuites') as string[] | undefined,
    clientCAFile: text('authentication.x509.clientCAFile'), webhookAuthentication: at(document, 'authentication.webhook.enabled') === true,
    anonymous: at(document, 'authentication.anonymous.enabled') === true, authorization,
    cacheTtls: {
      authentication: ms('authentication.webhook.cacheTTL'), allowed: ms('authorization.webhook.cacheAuthorizedTTL'), denied: ms('authorization.webhook.cacheUnauthorizedTTL'),
    },
  }
}

/** How long pods get when the machine goes down, by priority, the lowest first; empty: they are not told. */
function shutdownPeriods(document: Document, ms: (path: string) => number): ShutdownPeriod[] {
  const listed = at(document, 'shutdownGracePeriodByPodPriority') as { priority?: number; shutdownGracePeriodSeconds?: number }[] | undefined
  if (listed !== undefined && listed.length > 0) {
    return listed.map(({ priority = 0, shutdownGracePeriodSeconds = 0 }) => ({ priority, seconds: shutdownGracePeriodSeconds })).sort((a, b) => a.priority - b.priority)
  }
  const [all, critical] = [ms('shutdownGracePeriod'), ms('shutdownGracePeriodCriticalPods')]
  if (all === 0) return []
  return [{ priority: 0, seconds: Math.floor((all - critical) / 1000) }, { priority: 2_000_000_000, seconds: Math.floor(critical / 1000) }]
}

function topologySettings(document: Document): TopologySettings {
  return {
    cpuPolicy: at(document, 'cpuManagerPolicy') as TopologySettings['cpuPolicy'], cpuOptions: (at(document, 'cpuManagerPolicyOptions') ?? {}) as Record<string, string>,
    alphaOptions: at(document, 'featureGates.CPUManagerPolicyAlphaOptions') === true || at(document, 'featureGates.AllAlpha') === true,
    reservedCpus: formatCpuSet(parseCpuSet((at(document, 'reservedSystemCPUs') ?? '') as string)),
    memoryPolicy: at(document, 'memoryManagerPolicy') as TopologySettings['memoryPolicy'],
    reservedMemory: ((at(document, 'reservedMemory') ?? []) as { numaNode?: number; limits?: Record<string, string> }[]).map(({ numaNode = 0, limits = {} }) => ({ numaNode, limits })),
    policy: at(document, 'topologyManagerPolicy') as TopologySettings['policy'], scope: at(document, 'topologyManagerScope') as TopologySettings['scope'],
    policyOptions: (at(document, 'topologyManagerPolicyOptions') ?? {}) as Record<string, string>,
  }
}
