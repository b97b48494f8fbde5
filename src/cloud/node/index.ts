/** Makes nodes of the cloud's machines usable: labels, addresses, provider ID, then the taint goes (upstream: cloud-node-controller). */
import type { Node } from '../../api/generated/types/core-v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { type ControllerContext, type KeyedContext, runController, watch } from '../../client/controller.ts'
import { keyOf } from '../../client/lister.ts'
import { startPeriodic } from '../../client/periodic.ts'
import type { Running } from '../../client/running.ts'
import type { CloudControllerManagerOptions } from '../options.ts'
import type { InstanceMetadata, Instances } from '../provider.ts'
import { addressesToSet, initialized, isUninitialized, labelsToReconcile } from './plan.ts'

export const cloudNodeName = 'cloud-node-controller'

const delayBuckets = [1, 4, 16, 64, 256, 1024]

/** undefined when the cloud has no machines. */
export function startCloudNode(context: ControllerContext, { cloud, nodeStatusPeriodMs = 300_000, nodeStatusWorkers = 1 }: CloudControllerManagerOptions): Running | undefined {
  const { instances } = cloud
  if (instances === undefined) return undefined
  const initial = runController({
    name: cloudNodeName, workers: 1,
    watches: [watch(nodes, (node) => [keyOf(node)], { deleted: false })],
    sync: (key, keyed) => syncNode(key, keyed, instances),
  }, context)
  const status = startPeriodic({
    name: 'cloud-node-status', periodMs: nodeStatusPeriodMs, reads: [nodes as never],
    sweep: (swept, signal) => updateAddresses(swept, signal, instances, nodeStatusWorkers),
  }, context)
  return {
    ready: Promise.all([initial.ready, status.ready]).then(() => undefined),
    async stop() {
      await Promise.all([initial.stop(), status.stop()])
    },
  }
}

async function syncNode(key: string, { client, informers, recorder, env, signal }: KeyedContext, instances: Instances): Promise<void> {
  const node = informers.of(nodes).get(key)
  if (node === undefined) return
  if (!isUninitialized(node)) {
    const labels = labelsToReconcile(node)
    if (Object.keys(labels).length > 0) await client.patch(nodes, { name: key }, 'strategic', { metadata: { labels } }, { signal })
    return
  }
  const metadata = await metadataOf(node, instances, signal)
  if (metadata === undefined) return
  const { node: wanted, discarded } = initialized(node, metadata)
  if (discarded.length > 0) env.log.warn('labels of the cloud were not taken', { node: key, labels: discarded })
  const made = await client.update(nodes, wanted, { signal })
  const age = (): number => (env.clock.now() - Date.parse(node.metadata.creationTimestamp ?? '')) / 1000
  env.metrics.histogram('node_controller_cloud_provider_taint_removal_delay_seconds',
    'Number of seconds after node creation when NodeController removed the cloud-provider taint of a single node.', delayBuckets).observe(age())
  await patchAddresses(made, metadata, { client, env }, signal)
  env.log.info('node initialized', { node: key, providerID: wanted.spec?.providerID })
  recorder(cloudNodeName).event(node, 'Normal', 'Synced', 'Node synced successfully')
  env.metrics.histogram('node_controller_initial_node_sync_delay_seconds',
    'Number of seconds after node creation when NodeController finished the initial synchronization of a single node.', delayBuckets).observe(age())
}

/** The provider ID is there, by the kubelet or by the cloud: it can be set once only, and others wait for it. */
async function metadataOf(node: Node, instances: Instances, signal: AbortSignal): Promise<InstanceMetadata | undefined> {
  const name = node.metadata.name!
  let metadata: InstanceMetadata | undefined
  try {
    metadata = await instances.metadata(node, signal)
  } catch (error) {
    throw new Error(`failed to get instance metadata for node ${name}: ${(error as Error).message}`, { cause: error })
  }
  if (metadata !== undefined && !metadata.providerID && !node.spec?.providerID) {
    throw new Error(`failed to get instance metadata for node ${name}: cloud provider does not set node provider ID for node ${name}`)
  }
  return metadata
}

async function updateAddresses(context: ControllerContext, signal: AbortSignal, instances: Instances, workers: number): Promise<void> {
  const rest = context.informers.of(nodes).list().filter((node) => !isUninitialized(node))
  await Promise.all(Array.from({ length: workers }, async () => {
    for (let node = rest.shift(); node !== undefined && !signal.aborted; node = rest.shift()) {
      try {
        const metadata = await instances.metadata(node, signal)
        if (metadata !== undefined) await patchAddresses(node, metadata, context, signal)
      } catch (error) {
        if (!signal.aborted) context.env.log.warn('the cloud did not tell a node\'s addresses', { node: node.metadata.name, error: String(error) })
      }
    }
  }))
}

async function patchAddresses(node: Node, metadata: InstanceMetadata, { client, env }: Pick<ControllerContext, 'client' | 'env'>, signal: AbortSignal): Promise<void> {
  try {
    const addresses = addressesToSet(node, metadata)
    if (addresses === undefined) return
    // The whole list: two addresses of a type would be merged into one.
    const patch = { metadata: { uid: node.metadata.uid }, status: { addresses: [{ $patch: 'replace' }, ...addresses] } }
    await client.patch(nodes, { name: node.metadata.name! }, 'strategic', patch, { subresource: 'status', signal })
  } catch (error) {
    if (!signal.aborted) env.log.warn('addresses of a node were not set', { node: node.metadata.name, error: String(error) })
  }
}
