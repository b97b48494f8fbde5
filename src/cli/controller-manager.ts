import { readFileSync } from 'node:fs'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { parseYaml } from '../api/codec/yaml.ts'
import { versionInfo } from '../api/meta/version.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import type { Tuning } from '../client/controller.ts'
import { explainControllers } from '../controllers/explain.ts'
import { createControllerManager, selectControllers } from '../controllers/manager.ts'
import type { ControllerManagerOptions } from '../controllers/options.ts'
import { accountClients } from './account-clients.ts'
import { type Command, type Flag, type FlagValues, type Invocation, UsageError } from './command.ts'
import { clientFlags, clientFrom, leaderElectionFlags, runWithClient } from './component.ts'
import { explanationsText } from './controller-explain.ts'
import { batching, concurrency, controllerManagerFlags, signers } from './flags/controller-manager.ts'
import { commonFlags, servingFlags } from './flags/serving.ts'
import { legacyTokens } from './legacy-tokens.ts'
import { serveComponent } from './serving.ts'

const name = 'kube-controller-manager'

export const command: Command = {
  name: 'controller-manager',
  summary: 'All controllers (kube-controller-manager)',
  description: 'Runs controllers against the API server that the kubeconfig names.\n\nExample:\n  coxswain controller-manager --kubeconfig controllers.conf --controllers "*,-node-ipam-controller"\n\nWhat the controllers see of a key, what they would do and why, without doing it:\n  coxswain controller-manager --kubeconfig admin.conf --controllers deployment-controller --explain default/web',
  flags: [
    ...clientFlags.map((flag): Flag => (flag.name === 'kubeconfig' ? { ...flag, required: false, default: '' } : flag)),
    { name: 'version', type: 'bool', help: 'Prints the version and ends' }, { name: 'master', type: 'string', default: '', help: 'URL of the API server, in the place of the kubeconfig\'s' },
    { name: 'explain', type: 'string', default: '', help: 'Prints what controllers see, plan and why for a key ("namespace/name"), does nothing of it and ends' },
    ...leaderElectionFlags(name), ...servingFlags(10257), ...commonFlags, ...controllerManagerFlags,
  ],
  run(invocation) {
    const { flags } = invocation
    if (flags.bool('version')) {
      invocation.stdout(`Kubernetes ${versionInfo.gitVersion}\n`)
      return Promise.resolve(0)
    }
    const options = controllerManagerOptions(flags)
    const explained = flags.string('explain')!
    if (explained !== '') return explain(invocation, options, explained)
    return runWithClient(invocation, name, (env, client, config) => createControllerManager(env, client, {
      ...options, ...(flags.bool('use-service-account-credentials') ? { clientFor: accountClients(env, client, config, name) } : {}),
    }), {
      source: { kubeconfig: flags.string('kubeconfig')!, server: flags.string('master')! },
      shutdownMs: flags.number('controller-shutdown-timeout'),
      serve: (env) => serveComponent(env, flags, name, { checks: { leaderElection: () => undefined } }),
    })
  },
}

/** Prints what the controllers would do for the key; nothing is changed and nobody else's lead matters. */
async function explain({ flags, stdout }: Invocation, options: ControllerManagerOptions, key: string): Promise<number> {
  const env = createSystemEnv({ log: createLogger({ level: (flags.number('v') ?? 0) >= 4 ? 'debug' : 'error', name }) })
  const client = await clientFrom({ kubeconfig: flags.string('kubeconfig')!, server: flags.string('master')! }, env, name)
  try {
    const explanations = await explainControllers(env, client, options, key)
    stdout(explanationsText(key, explanations))
    return explanations.length > 0 ? 0 : 1
  } finally {
    await env.tasks.stop()
    await client.close()
  }
}

/** What the flags say; UsageError for what cannot be. */
export function controllerManagerOptions(flags: FlagValues): ControllerManagerOptions {
  const file = (flag: string): string | undefined => {
    const path = flags.string(flag) ?? ''
    return path === '' ? undefined : readFileSync(path, 'utf8')
  }
  const pair = (flag: string) => {
    const [certificate, key] = [file(`${flag}-cert-file`), file(`${flag}-key-file`)]
    return certificate === undefined || key === undefined ? undefined : { certificate, key }
  }
  const recycler = (kind: string, minimum: string, increment: string) => {
    const template = file(`pv-recycler-pod-template-filepath-${kind}`)
    return {
      minimumSeconds: flags.number(minimum)!, secondsPerGi: flags.number(increment)!, ...(template === undefined ? {} : { template: parseYaml(template) as Pod }),
    }
  }
  check(flags)
  const privateKey = file('service-account-private-key-file')
  const common = pair('cluster-signing')
  const mask = (family: string): number | undefined => flags.number(`node-cidr-mask-size-${family}`) || flags.number('node-cidr-mask-size') || undefined
  return {
    controllers: flags.list('controllers'), tuning: tuningFrom(flags),
    featureGates: Object.fromEntries(Object.entries(flags.map('feature-gates')).map(([gate, on]) => [gate, on.toLowerCase() === 'true'])),
    startIntervalMs: flags.number('controller-start-interval'),
    rootCA: file('root-ca-file'), ...(privateKey === undefined ? {} : { signServiceAccountToken: legacyTokens(privateKey) }),
    legacyTokenUnusedMs: flags.number('legacy-service-account-token-clean-up-period'),
    clusterSigningCert: common?.certificate, clusterSigningKey: common?.key, clusterSigningDurationMs: flags.number('cluster-signing-duration'),
    signers: Object.fromEntries(Object.entries(signers).map(([flag, option]) => [option, pair(`cluster-signing-${flag}`)])),
    clusterCIDRs: flags.list('cluster-cidr'), serviceCIDRs: flags.list('service-cluster-ip-range'), allocateNodeCIDRs: flags.bool('allocate-node-cidrs'),
    nodeCIDRMaskSizeIPv4: mask('ipv4'), nodeCIDRMaskSizeIPv6: mask('ipv6'),
    nodeMonitorGracePeriodMs: flags.number('node-monitor-grace-period'), nodeMonitorPeriodMs: flags.number('node-monitor-period'),
    nodeStartupGracePeriodMs: flags.number('node-startup-grace-period'), nodeEvictionRate: flags.number('node-eviction-rate'),
    secondaryNodeEvictionRate: flags.number('secondary-node-eviction-rate'), largeClusterSizeThreshold: flags.number('large-cluster-size-threshold'),
    unhealthyZoneThreshold: flags.number('unhealthy-zone-threshold'),
    autoscalerSyncPeriodMs: flags.number('horizontal-pod-autoscaler-sync-period'), autoscalerTolerance: flags.number('horizontal-pod-autoscaler-tolerance'),
    autoscalerDownscaleStabilizationMs: flags.number('horizontal-pod-autoscaler-downscale-stabilization'),
    autoscalerCPUInitializationMs: flags.number('horizontal-pod-autoscaler-cpu-initialization-period'),
    autoscalerInitialReadinessMs: flags.number('horizontal-pod-autoscaler-initial-readiness-delay'),
    terminatedPodGCThreshold: flags.number('terminated-pod-gc-threshold'), garbageCollector: flags.bool('enable-garbage-collector'),
    quotaResyncMs: flags.number('resource-quota-sync-period'), maxEndpointsPerSlice: flags.number('max-endpoints-per-slice'),
    maxMirroredPerSubset: flags.number('mirroring-max-endpoints-per-subset'), neverForceDetach: flags.bool('disable-force-detach-on-timeout'),
    dynamicProvisioning: flags.bool('enable-dynamic-provisioning'),
    recyclers: {
      hostPath: recycler('hostpath', 'pv-recycler-minimum-timeout-hostpath', 'pv-recycler-timeout-increment-hostpath'),
      nfs: recycler('nfs', 'pv-recycler-minimum-timeout-nfs', 'pv-recycler-increment-timeout-nfs'),
    },
  }
}

function tuningFrom(flags: FlagValues): ControllerManagerOptions['tuning'] {
  const tuning: Record<string, Tuning> = {}
  for (const { flag, controller } of concurrency) {
    if (flags.given(flag)) tuning[controller] = { workers: flags.number(flag) }
  }
  for (const { flag, controller } of batching) {
    if (flags.given(flag)) tuning[controller] = { ...tuning[controller], batchMs: flags.number(flag) }
  }
  return tuning
}

function check(flags: FlagValues): void {
  try {
    selectControllers(flags.list('controllers'))
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  const cloud = flags.string('cloud-provider')
  if (cloud !== '' && cloud !== 'external') throw new UsageError(`unsupported cloud provider ${JSON.stringify(cloud)}: it may be "" or external`)
  const allocator = flags.string('cidr-allocator-type')
  if (allocator !== 'RangeAllocator') throw new UsageError(`--cidr-allocator-type: ${JSON.stringify(allocator)} needs a cloud; use RangeAllocator`)
  for (const { flag } of concurrency) {
    if (flags.given(flag) && flags.number(flag)! < 1) throw new UsageError(`${flag} must be greater than 0, got ${flags.number(flag)}`)
  }
}
