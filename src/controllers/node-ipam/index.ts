/** Gives every node its range of pod addresses (upstream: pkg/controller/nodeipam/ipam range_allocator.go). */
import type { Metrics } from '../../base/env.ts'
import type { Node } from '../../api/generated/types/core-v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { ControllerContext } from '../../client/controller.ts'
import { type KeyedContext, runController, watch } from '../../client/controller.ts'
import type { ControllerManagerOptions } from '../options.ts'
import type { Running } from '../../client/running.ts'
import { ownKey } from '../shared/owners.ts'
import { CidrSet } from './cidr-set.ts'

export const nodeIpamName = 'node-ipam-controller'
const component = 'cidrAllocator'

/** undefined when no cluster CIDR is given or allocation is off. Throws for ranges that cannot be divided. */
export function startNodeIpam(context: ControllerContext, options: ControllerManagerOptions): Running | undefined {
  const { clusterCIDRs = [], serviceCIDRs = [] } = options
  if (clusterCIDRs.length === 0 || options.allocateNodeCIDRs === false) return undefined
  const sets = clusterCIDRs.map((cidr) =>
    new CidrSet(cidr, cidr.includes(':') ? (options.nodeCIDRMaskSizeIPv6 ?? 64) : (options.nodeCIDRMaskSizeIPv4 ?? 24)))
  for (const set of sets) for (const cidr of serviceCIDRs) set.occupy(cidr)
  tellRanges(context.env.metrics, new Map(clusterCIDRs.map((cidr, at) => [cidr, sets[at]!])))

  // What nodes have is taken before anything is given out: initial adds run before the workers do.
  const stop = context.informers.of(nodes).addHandler({
    add: (node) => occupy(sets, node),
    update: (node) => occupy(sets, node),
    delete: (node) => podCIDRs(node).forEach((cidr, at) => sets[at]?.release(cidr)),
  })
  const running = runController({
    name: nodeIpamName,
    // One after the other: two nodes must not be given the same range.
    workers: 1,
    watches: [watch(nodes, ownKey, { deleted: false, changed: (node, old) => podCIDRs(node).length !== podCIDRs(old).length })],
    sync: (key, keyed) => syncNode(key, keyed, sets),
  }, context)
  return {
    ready: running.ready,
    async stop() {
      stop()
      await running.stop()
    },
  }
}

function podCIDRs({ spec }: Node): readonly string[] {
  if (spec?.podCIDRs !== undefined && spec.podCIDRs.length > 0) return spec.podCIDRs
  return spec?.podCIDR === undefined || spec.podCIDR === '' ? [] : [spec.podCIDR]
}

function occupy(sets: readonly CidrSet[], node: Node): void {
  podCIDRs(node).forEach((cidr, at) => sets[at]?.occupy(cidr))
}

/** Metrics under upstream's names, its slip of the pen in one of them included (nodeipam/ipam/cidrset/metrics.go). */
function tellRanges(metrics: Metrics, sets: ReadonlyMap<string, CidrSet>): void {
  const tell = (name: string, help: string, type: 'counter' | 'gauge', value: (set: CidrSet) => number): void =>
    metrics.collect(`node_ipam_controller_${name}`, help, type, ['clusterCIDR'], () => [...sets].map(([clusterCIDR, set]) => [{ clusterCIDR }, value(set)] as const))
  tell('cidrset_cidrs_allocations_total', 'Counter measuring total number of CIDR allocations.', 'counter', (set) => set.allocations)
  tell('cidrset_cidrs_releases_total', 'Counter measuring total number of CIDR releases.', 'counter', (set) => set.releases)
  tell('cirdset_max_cidrs', 'Maximum number of CIDRs that can be allocated.', 'gauge', (set) => set.size)
  // Its help text is upstream's, which is another metric's.
  const tries = metrics.histogram('node_ipam_controller_cidrset_allocation_tries_per_request', 'Number of endpoints added on each Service sync', [1, 5, 25, 125, 625], ['clusterCIDR'])
  for (const [clusterCIDR, set] of sets) set.onTries = (count) => tries.observe(count, { clusterCIDR })
  tell('cidrset_usage_cidrs', 'Gauge measuring percentage of allocated CIDRs.', 'gauge', (set) => set.used / set.size)
}

async function syncNode(key: string, { client, informers, recorder, signal }: KeyedContext, sets: readonly CidrSet[]): Promise<void> {
  const cached = informers.of(nodes).get(key)
  if (cached === undefined || podCIDRs(cached).length > 0) return
  const node = await client.get(nodes, { name: key }, { signal })
  if (podCIDRs(node).length > 0) return occupy(sets, node)
  const given: string[] = []
  try {
    for (const set of sets) {
      const cidr = set.allocate()
      if (cidr === undefined) {
        const about = { apiVersion: 'v1', kind: 'Node', name: key, uid: node.metadata.uid }
        recorder(component).event(about, 'Normal', 'CIDRNotAvailable', `Node ${key} status is now: CIDRNotAvailable`)
        throw new Error(`failed to allocate cidr from cluster cidr at idx:${given.length}: CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range`)
      }
      given.push(cidr)
    }
    await client.patch(nodes, { name: key }, 'strategic', {
      metadata: { uid: node.metadata.uid }, spec: { podCIDR: given[0], podCIDRs: given },
    }, { signal })
  } catch (error) {
    given.forEach((cidr, at) => sets[at]?.release(cidr))
    throw error
  }
}
