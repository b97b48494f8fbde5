/** Deletes nodes whose machines are gone and marks those whose machines are shut down (upstream: cloud-node-lifecycle-controller). */
import type { Node, Taint } from '../api/generated/types/core-v1.ts'
import { nodes } from '../api/generated/resources.ts'
import type { ControllerContext } from '../client/controller.ts'
import { startPeriodic } from '../client/periodic.ts'
import type { Running } from '../client/running.ts'
import type { CloudControllerManagerOptions } from './options.ts'
import type { Instances } from './provider.ts'

export const cloudNodeLifecycleName = 'cloud-node-lifecycle-controller'
/** On nodes whose machines are shut down. */
export const shutdownTaint: Taint = { key: 'node.cloudprovider.kubernetes.io/shutdown', effect: 'NoSchedule' }

/** undefined when the cloud has no machines. */
export function startCloudNodeLifecycle(context: ControllerContext, { cloud, nodeMonitorPeriodMs = 5000 }: CloudControllerManagerOptions): Running | undefined {
  const { instances } = cloud
  if (instances === undefined) return undefined
  return startPeriodic({
    name: cloudNodeLifecycleName, periodMs: nodeMonitorPeriodMs, reads: [nodes as never],
    async sweep(swept, signal) {
      for (const node of swept.informers.of(nodes).list()) {
        if (signal.aborted) return
        await look(node, instances, swept, signal).catch((error: unknown) => {
          if (!signal.aborted) swept.env.log.warn('a node was not compared with its machine', { node: node.metadata.name, error: String(error) })
        })
      }
    },
  }, context)
}

async function look(node: Node, instances: Instances, { client, recorder }: ControllerContext, signal: AbortSignal): Promise<void> {
  const name = node.metadata.name!
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  const isMarked = node.spec?.taints?.some(isShutdownTaint) ?? false
  const setTaints = (taints: readonly Taint[]) =>
    client.patch(nodes, { name }, 'strategic', { metadata: { resourceVersion: node.metadata.resourceVersion }, spec: { taints } }, { signal })
  if (ready) {
    if (isMarked) await setTaints(node.spec!.taints!.filter((taint) => !isShutdownTaint(taint)))
    return
  }
  if (await instances.exists(node, signal)) {
    if (!isMarked && (await instances.isShutdown(node, signal))) await setTaints([...(node.spec?.taints ?? []), shutdownTaint])
    return
  }
  const about = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid }
  const events = recorder(cloudNodeLifecycleName)
  events.event(about, 'Normal', 'DeletingNode', `Deleting node ${name} because it does not exist in the cloud provider`)
  try {
    await client.delete(nodes, { name }, { preconditions: { uid: node.metadata.uid }, signal })
  } catch (error) {
    events.event(about, 'Warning', 'DeletingNodeFailed', `Failed deleting node ${name}: ${(error as Error).message}`)
    throw error
  }
}

function isShutdownTaint({ key, effect }: Taint): boolean {
  return key === shutdownTaint.key && effect === shutdownTaint.effect
}
