import { versionInfo } from '../api/meta/version.ts'
import { type CloudController, createCloudControllerManager, selectControllers } from '../cloud/manager.ts'
import type { CloudControllerManagerOptions } from '../cloud/options.ts'
import { nodeIpamName, startNodeIpam } from '../controllers/node-ipam/index.ts'
import { accountClients } from './account-clients.ts'
import { cloudNamed } from './cloud.ts'
import { type Command, type Flag, type FlagValues, UsageError } from './command.ts'
import { clientFlags, leaderElectionFlags, runWithClient } from './component.ts'
import { cloudControllerManagerFlags } from './flags/cloud-controller-manager.ts'
import { commonFlags, servingFlags } from './flags/serving.ts'
import { serveComponent } from './serving.ts'

const name = 'cloud-controller-manager'

export const command: Command = {
  name,
  summary: 'Controllers of a cloud (cloud-controller-manager)',
  description: `Tells the cluster what only the cloud knows, and the cloud what the cluster wants: machines, load balancers, routes.

Example:
  coxswain cloud-controller-manager --kubeconfig cloud.conf --cloud-provider local --cloud-config cloud.yaml`,
  flags: [
    ...clientFlags.map((flag): Flag => (flag.name === 'kubeconfig' ? { ...flag, required: false, default: '' } : flag)),
    { name: 'version', type: 'bool', help: 'Prints the version and ends' }, { name: 'master', type: 'string', default: '', help: 'URL of the API server, in the place of the kubeconfig\'s' },
    ...leaderElectionFlags(name), ...servingFlags(10258), ...commonFlags, ...cloudControllerManagerFlags,
  ],
  run(invocation) {
    const { flags } = invocation
    if (flags.bool('version')) {
      invocation.stdout(`Kubernetes ${versionInfo.gitVersion}\n`)
      return Promise.resolve(0)
    }
    const open = cloudNamed(flags.string('cloud-provider')!, flags.string('cloud-config')!)
    const { options, more } = cloudOptions(flags)
    return runWithClient(invocation, name, (env, client, config) => createCloudControllerManager(env, client, open, {
      ...options, ...(flags.bool('use-service-account-credentials') ? { clientFor: accountClients(env, client, config, name) } : {}),
    }, more), {
      source: { kubeconfig: flags.string('kubeconfig')!, server: flags.string('master')! },
      serve: (env) => serveComponent(env, flags, name, { checks: { leaderElection: () => undefined }, statusPages: false }),
    })
  },
}

/** What the flags say; UsageError for what cannot be. */
export function cloudOptions(flags: FlagValues): { options: Omit<CloudControllerManagerOptions, 'cloud'>; more: readonly CloudController[] } {
  const allocator = flags.string('cidr-allocator-type')
  if (allocator !== 'RangeAllocator') throw new UsageError(`--cidr-allocator-type: ${JSON.stringify(allocator)} needs a cloud of its own; use RangeAllocator`)
  for (const flag of ['concurrent-node-syncs', 'concurrent-service-syncs']) {
    if (flags.number(flag)! < 1) throw new UsageError(`${flag} must be greater than 0, got ${flags.number(flag)}`)
  }
  const clusterCIDRs = flags.list('cluster-cidr')
  const mask = (family: string): number | undefined => flags.number(`node-cidr-mask-size-${family}`) || flags.number('node-cidr-mask-size') || undefined
  const ipam = {
    clusterCIDRs, serviceCIDRs: flags.list('service-cluster-ip-range'), allocateNodeCIDRs: flags.bool('allocate-node-cidrs'),
    nodeCIDRMaskSizeIPv4: mask('ipv4'), nodeCIDRMaskSizeIPv6: mask('ipv6'),
  }
  const more: readonly CloudController[] = [{ name: nodeIpamName, account: 'node-controller', start: (context) => startNodeIpam(context, ipam) }]
  try {
    selectControllers(flags.list('controllers'), more)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
  return {
    more,
    options: {
      controllers: flags.list('controllers'), clusterName: flags.string('cluster-name'), clusterCIDRs, configureRoutes: flags.bool('configure-cloud-routes'),
      routePeriodMs: flags.number('route-reconciliation-period'), nodeMonitorPeriodMs: flags.number('node-monitor-period'),
      nodeStatusPeriodMs: flags.number('node-status-update-frequency'),
      nodeStatusWorkers: flags.number('concurrent-node-status-updates') || flags.number('concurrent-node-syncs'),
      tuning: { 'cloud-node-controller': { workers: flags.number('concurrent-node-syncs') }, 'service-lb-controller': { workers: flags.number('concurrent-service-syncs') } },
      startIntervalMs: flags.number('controller-start-interval'),
      featureGates: Object.fromEntries(Object.entries(flags.map('feature-gates')).map(([gate, on]) => [gate, on.toLowerCase() === 'true'])),
    },
  }
}
