/** What drivers say of the node, in its Node and CSINode objects. Upstream: pkg/volume/csi/nodeinfomanager. */
import type { Clock } from '../../../base/env.ts'
import type { Node } from '../../../api/generated/types/core-v1.ts'
import type { CSINode, CSINodeDriver } from '../../../api/generated/types/storage-v1.ts'
import { csiNodes, nodes } from '../../../api/generated/resources.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { Client } from '../../../client/client.ts'
import type { DriverNodeInfo } from './contract.ts'

export interface NodeInfoWriter {
  /** Makes the CSINode object when it is not there. */
  initialize(): Promise<void>
  install(driver: string, info: DriverNodeInfo): Promise<void>
  uninstall(driver: string): Promise<void>
}

const idAnnotation = 'csi.volume.kubernetes.io/nodeid'
const migratedAnnotation = 'storage.alpha.kubernetes.io/migrated-plugins'
/** In-tree plugins whose volumes drivers of these names have taken over. */
const migrated = [
  'kubernetes.io/aws-ebs', 'kubernetes.io/azure-disk', 'kubernetes.io/azure-file', 'kubernetes.io/cinder', 'kubernetes.io/gce-pd',
  'kubernetes.io/portworx-volume', 'kubernetes.io/vsphere-volume',
].join()
const tries = 5
const firstWaitMs = 20

export function createNodeInfoWriter(clock: Clock, client: Client, nodeName: string): NodeInfoWriter {
  const key = { name: nodeName }

  async function retried(work: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (attempt >= tries) throw error
        await clock.sleep(firstWaitMs * 6 ** (attempt - 1))
      }
    }
  }

  async function csiNode(): Promise<CSINode> {
    const node = await client.get(nodes, key)
    try {
      const found = await client.get(csiNodes, key)
      if (found.metadata.ownerReferences?.some(({ kind, uid }) => kind === 'Node' && uid === node.metadata.uid) === true) return found
      await client.delete(csiNodes, key)
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error
    }
    return client.create(csiNodes, {
      apiVersion: 'storage.k8s.io/v1', kind: 'CSINode',
      metadata: {
        name: nodeName, annotations: { [migratedAnnotation]: migrated },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node.metadata.uid! }],
      },
      spec: { drivers: [] },
    })
  }

  async function writeDrivers(change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[] | undefined): Promise<void> {
    const current = await csiNode()
    const next = change(current.spec.drivers ?? [])
    const annotated = current.metadata.annotations?.[migratedAnnotation] === migrated
    if (next === undefined && annotated) return
    const metadata = { ...current.metadata, annotations: { ...current.metadata.annotations, [migratedAnnotation]: migrated } }
    await client.update(csiNodes, { ...current, metadata, spec: { drivers: [...(next ?? current.spec.drivers)] } })
  }

  async function writeNode(driver: string, info: DriverNodeInfo | undefined): Promise<void> {
    const patch = nodePatch(await client.get(nodes, key), driver, info)
    if (patch !== undefined) await client.patch(nodes, key, 'merge', patch)
  }

  return {
    initialize: () => retried(() => writeDrivers(() => undefined)),
    async install(driver, info) {
      if (info.nodeId === '') throw new Error('error adding CSI driver node info: driverNodeID must not be empty')
      await retried(() => writeNode(driver, info)).catch((error: Error) => {
        throw new Error(`error updating Node object with CSI driver node info: ${error.message}`, { cause: error })
      })
      await retried(() => writeDrivers((drivers) => withDriver(drivers, driver, info))).catch((error: Error) => {
        throw new Error(`error updating CSINode object with CSI driver node info: ${error.message}`, { cause: error })
      })
    },
    async uninstall(driver) {
      await retried(() => writeDrivers((drivers) => (drivers.some(({ name }) => name === driver) ? drivers.filter(({ name }) => name !== driver) : undefined)))
      await retried(() => writeNode(driver, undefined))
    },
  }
}

/** undefined: the list says so already. */
export function withDriver(drivers: readonly CSINodeDriver[], name: string, { nodeId, maxVolumes, topology }: DriverNodeInfo): readonly CSINodeDriver[] | undefined {
  const topologyKeys = Object.keys(topology).sort()
  const before = drivers.find((driver) => driver.name === name)
  const count = maxVolumes > 0 ? Math.min(maxVolumes, 2 ** 31 - 1) : undefined
  const same = before !== undefined && before.nodeID === nodeId && before.allocatable?.count === count &&
    [...(before.topologyKeys ?? [])].sort().join() === topologyKeys.join()
  if (same) return undefined
  const driver = { name, nodeID: nodeId, topologyKeys, ...(count === undefined ? {} : { allocatable: { count } }) }
  return [...drivers.filter((other) => other.name !== name), driver]
}

/** The node's id in the driver's words as an annotation, the topology as labels. Throws when a label says otherwise. */
export function nodePatch(node: Node, driver: string, info: DriverNodeInfo | undefined): { metadata: object } | undefined {
  const text = node.metadata.annotations?.[idAnnotation] ?? ''
  const ids = (text === '' ? {} : JSON.parse(text)) as Record<string, string>
  const { [driver]: _before, ...others } = ids
  const next = info === undefined ? others : { ...ids, [driver]: info.nodeId }
  const sorted = Object.keys(next).sort()
  const annotation = sorted.length === 0 ? null : JSON.stringify(Object.fromEntries(sorted.map((name) => [name, next[name]])))
  const labels = Object.entries(info?.topology ?? {})
  for (const [key, value] of labels) {
    const current = node.metadata.labels?.[key]
    if (current !== undefined && current !== value) {
      throw new Error(`detected topology value collision: driver reported ${JSON.stringify(key)}:${JSON.stringify(value)} but existing label is ${JSON.stringify(key)}:${JSON.stringify(current)}`)
    }
  }
  const missing = labels.filter(([key]) => node.metadata.labels?.[key] === undefined)
  if ((annotation ?? '') === text && missing.length === 0) return undefined
  return { metadata: { annotations: { [idAnnotation]: annotation }, ...(missing.length === 0 ? {} : { labels: Object.fromEntries(missing) }) } }
}
