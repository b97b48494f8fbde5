/** Keeps the ways to all nodes' pods in the cloud's routing table (upstream: cloud-provider/controllers/route, node-route-controller). */
import { isDeepStrictEqual } from 'node:util'
import type { Node } from '../../api/generated/types/core-v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { parseCIDR } from '../../api/meta/ip.ts'
import { type ControllerContext, type KeyedContext, runController, watch } from '../../client/controller.ts'
import { startPeriodic } from '../../client/periodic.ts'
import type { Running } from '../../client/running.ts'
import { isEnabled } from '../features.ts'
import { type CloudControllerManagerOptions, defaultClusterName } from '../options.ts'
import type { Routes } from '../provider.ts'
import { networkCondition, planRoutes } from './plan.ts'

export const nodeRouteName = 'node-route-controller'
const component = 'route_controller'
/** Upstream's limit of calls to the cloud at the same time. */
const callsAtOnce = 200
/** With the gate, changes of nodes are answered, but not more often than this. */
const minIntervalMs = 10_000
const watchGate = 'CloudControllerManagerWatchBasedRoutesReconciliation'

/** undefined when the cloud has no routes or is to make none. Throws for ranges that are none. */
export function startNodeRoute(context: ControllerContext, options: CloudControllerManagerOptions): Running | undefined {
  const { cloud, clusterName = defaultClusterName, clusterCIDRs = [], routePeriodMs = 10_000 } = options
  const { routes } = cloud
  if (options.configureRoutes === false || routes === undefined || clusterCIDRs.length === 0) return undefined
  const cidrs = clusterCIDRs.map((text) => {
    const cidr = parseCIDR(text)
    if (cidr === undefined) throw new Error(`invalid CIDR address: ${text}`)
    return cidr
  })
  const reconcile = (swept: ControllerContext, signal: AbortSignal) => reconcileRoutes(swept, signal, routes, clusterName, cidrs)
  if (!isEnabled(watchGate, options)) return startPeriodic({ name: nodeRouteName, periodMs: routePeriodMs, reads: [nodes as never], sweep: reconcile }, context)
  let next = -Infinity
  return runController({
    name: nodeRouteName, workers: 1, initialKeys: ['routes'],
    watches: [watch(nodes, () => ['routes'], {
      changed: (node, old) => !isDeepStrictEqual(node.spec?.podCIDRs, old.spec?.podCIDRs) || !isDeepStrictEqual(node.status?.addresses, old.status?.addresses),
    })],
    async sync(_key, keyed: KeyedContext) {
      const wait = next - keyed.env.clock.monotonic()
      if (wait > 0) return { requeueAfterMs: wait }
      next = keyed.env.clock.monotonic() + minIntervalMs
      await reconcile(keyed, keyed.signal)
    },
  }, context)
}

async function reconcileRoutes(
  context: ControllerContext, signal: AbortSignal, routes: Routes, cluster: string, cidrs: Parameters<typeof planRoutes>[2],
): Promise<void> {
  const { env, informers, recorder } = context
  env.metrics.counter('route_controller_route_sync_total', 'A metric counting the amount of times routes have been synced with the cloud provider.').inc()
  let present
  try {
    present = await routes.list(cluster, signal)
  } catch (error) {
    throw new Error(`error listing routes: ${(error as Error).message}`, { cause: error })
  }
  const all = informers.of(nodes).list()
  const plan = planRoutes(all, present, cidrs)
  const removing = inParallel(plan.remove, (route) => routes.delete(cluster, route, signal).catch((error: unknown) => {
    env.log.warn('a route was not deleted', { route: route.name, cidr: route.destinationCIDR, error: String(error) })
  }))
  if (plan.removeFirst) await removing
  const unrouted = new Set<string>()
  await inParallel(plan.add, async ({ node, route }) => {
    const began = env.clock.monotonic()
    const name = node.metadata.name!
    try {
      await routes.create(cluster, node.metadata.uid ?? '', route, signal)
    } catch (error) {
      unrouted.add(name)
      const about = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }
      const took = `${Math.round(env.clock.monotonic() - began)}ms`
      recorder(component).event(about, 'Warning', 'FailedToCreateRoute',
        `Could not create route ${node.metadata.uid} ${route.destinationCIDR} for node ${name} after ${took}: ${(error as Error).message}`)
    }
  })
  await removing
  await inParallel(all, (node) => setCondition(node, (node.spec?.podCIDRs?.length ?? 0) > 0 && !unrouted.has(node.metadata.name!), context, signal))
}

async function setCondition(node: Node, isRouted: boolean, { client, env }: ControllerContext, signal: AbortSignal): Promise<void> {
  const condition = networkCondition(node, isRouted, new Date(env.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'))
  if (condition === undefined) return
  await client.patch(nodes, { name: node.metadata.name! }, 'strategic', { status: { conditions: [condition] } }, { subresource: 'status', signal })
    .catch((error: unknown) => {
      if (!signal.aborted) env.log.warn('a node\'s network condition was not set', { node: node.metadata.name, error: String(error) })
    })
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items.values()
  await Promise.all(Array.from({ length: Math.min(callsAtOnce, items.length) }, async () => {
    for (const item of rest) await work(item)
  }))
}
