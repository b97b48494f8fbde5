/** Load balancers for Services of type LoadBalancer (upstream: cloud-provider/controllers/service, service-lb-controller). */
import type { Service } from '../../api/generated/types/core-v1.ts'
import { nodes, services } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { type ControllerContext, type KeyedContext, runController, type SyncResult, watch } from '../../client/controller.ts'
import { keyOf } from '../../client/lister.ts'
import type { Running } from '../../client/running.ts'
import { type CloudControllerManagerOptions, defaultClusterName } from '../options.ts'
import { ImplementedElsewhere, type LoadBalancers, RetryError } from '../provider.ts'
import { Hosts } from './hosts.ts'
import { balancedNodes, component, finalizerPatch, hasFinalizer, needsCleanup, needsUpdate, nodeConcerns, statusPatch, wantsLoadBalancer } from './plan.ts'

export const serviceLbName = 'service-lb-controller'
/** The key under which changed nodes are looked at; Services' keys have a slash. */
const nodesKey = 'nodes'

/** undefined when the cloud has no load balancers. */
export function startServiceLb(context: ControllerContext, { cloud, clusterName = defaultClusterName }: CloudControllerManagerOptions): Running | undefined {
  const { loadBalancers } = cloud
  if (loadBalancers === undefined) return undefined
  const balancer: Balancer = { cluster: clusterName, loadBalancers, hosts: new Hosts(clusterName, loadBalancers) }
  return runController({
    name: serviceLbName, workers: 1, retry: { baseDelayMs: 5000, maxDelayMs: 300_000 },
    watches: [
      watch(services, (service) => [keyOf(service)], {
        added: (service) => wantsLoadBalancer(service) || needsCleanup(service),
        changed: (service, old) => needsUpdate(old, service) || needsCleanup(service),
      }),
      watch(nodes, () => [nodesKey], { changed: (node, old) => nodeConcerns(old, node) }),
    ],
    async sync(key, keyed) {
      if (key === nodesKey) {
        for (const again of await balancer.hosts.sync(keyed)) keyed.queue.add(again)
        return
      }
      return syncService(key, keyed, balancer)
    },
  }, context)
}

interface Balancer {
  readonly cluster: string
  readonly loadBalancers: LoadBalancers
  readonly hosts: Hosts
}

async function syncService(key: string, context: KeyedContext, balancer: Balancer): Promise<SyncResult | void> {
  const service = context.informers.of(services).get(key)
  const known = balancer.hosts.known(key)
  // Only without the finalizer can a Service go, or be another one, before its load balancer has gone.
  if (known !== undefined && known.metadata.uid !== service?.metadata.uid) {
    if (wantsLoadBalancer(known)) await deleteBalancer(known, context, balancer)
    balancer.hosts.forget(key)
  }
  if (service === undefined) return
  balancer.hosts.remember(key, service)
  try {
    if (!wantsLoadBalancer(service) || needsCleanup(service)) {
      await cleanUp(service, context, balancer)
      balancer.hosts.forget(key)
    } else await ensure(service, context, balancer)
  } catch (error) {
    const { message } = error as Error
    context.recorder(component).event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${message}`)
    if (error instanceof Error && error.cause instanceof RetryError) return { requeueAfterMs: error.cause.afterMs }
    throw error
  }
}

async function ensure(service: Service, context: KeyedContext, { cluster, loadBalancers, hosts }: Balancer): Promise<void> {
  const { recorder, informers, client, signal } = context
  const events = recorder(component)
  events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
  // Before there is anything to clean up.
  if (!hasFinalizer(service)) await doing('add load balancer cleanup finalizer', patchService(service, finalizerPatch(service, true), client, signal))
  const targets = balancedNodes(informers.of(nodes).list())
  if (targets.length === 0) events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer')
  hosts.led(keyOf(service), targets)
  let status
  try {
    status = await loadBalancers.ensure(cluster, service, targets, signal)
  } catch (error) {
    if (error instanceof ImplementedElsewhere) return
    throw failed('ensure load balancer', error)
  }
  events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
  await setStatus(service, status, context)
}

async function cleanUp(service: Service, context: KeyedContext, { cluster, loadBalancers }: Balancer): Promise<void> {
  const { recorder, client, signal } = context
  const events = recorder(component)
  let present
  try {
    present = await loadBalancers.get(cluster, service, signal)
  } catch (error) {
    throw new Error(`failed to check if load balancer exists before cleanup: ${(error as Error).message}`, { cause: error })
  }
  if (present !== undefined) {
    events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
    await loadBalancers.ensureDeleted(cluster, service, signal).catch((error: unknown) => {
      if (!(error instanceof ImplementedElsewhere)) throw failed('delete load balancer', error)
    })
  }
  if (hasFinalizer(service)) await doing('remove load balancer cleanup finalizer', patchService(service, finalizerPatch(service, false), client, signal))
  events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  await setStatus(service, {}, context)
}

async function deleteBalancer(service: Service, { recorder, signal }: KeyedContext, { cluster, loadBalancers }: Balancer): Promise<void> {
  const events = recorder(component)
  events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
  try {
    await loadBalancers.ensureDeleted(cluster, service, signal)
  } catch (error) {
    events.event(service, 'Warning', 'DeleteLoadBalancerFailed', `Error deleting load balancer: ${(error as Error).message}`)
    throw error
  }
  events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
}

async function setStatus(service: Service, wanted: Parameters<typeof statusPatch>[1], { client, signal }: KeyedContext): Promise<void> {
  const patch = statusPatch(service, wanted)
  if (patch === undefined) return
  await doing('update load balancer status', patchService(service, patch, client, signal).catch((error: unknown) => {
    if (!isStatus(error, 'NotFound')) throw error
  }))
}

/** Upstream patches all of it through the status subresource, finalizers too. */
async function patchService({ metadata }: Service, patch: unknown, client: KeyedContext['client'], signal: AbortSignal): Promise<void> {
  await client.patch(services, { namespace: metadata.namespace, name: metadata.name! }, 'strategic', patch, { subresource: 'status', signal })
}

async function doing(what: string, work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    throw failed(what, error)
  }
}

const failed = (what: string, error: unknown): Error => new Error(`failed to ${what}: ${(error as Error).message}`, { cause: error })
