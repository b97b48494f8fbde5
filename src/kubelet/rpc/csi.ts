/** CSI's node service over a driver's socket. Upstream: pkg/volume/csi/csi_client.go. */
import type { CsiNode, VolumeCapability, VolumeUsage } from '../volumes/csi/contract.ts'
import { connectRpc, rpcServices } from './client.ts'
import protocol from './generated/csi.json' with { type: 'json' }

const timeoutMs = 120_000

/** Drivers that tell several writers of one node apart are told which of the two a claim asks for. */
const accessModes: Readonly<Record<string, { plain: string; fine: string }>> = {
  ReadWriteOnce: { plain: 'SINGLE_NODE_WRITER', fine: 'SINGLE_NODE_MULTI_WRITER' },
  ReadWriteOncePod: { plain: 'SINGLE_NODE_WRITER', fine: 'SINGLE_NODE_SINGLE_WRITER' },
  ReadOnlyMany: { plain: 'MULTI_NODE_READER_ONLY', fine: 'MULTI_NODE_READER_ONLY' },
  ReadWriteMany: { plain: 'MULTI_NODE_MULTI_WRITER', fine: 'MULTI_NODE_MULTI_WRITER' },
}

export function connectCsi(socket: string): CsiNode {
  const { Node } = rpcServices(protocol, ['csi', 'v1'])
  const { call, close } = connectRpc(Node!, socket, { timeoutMs })
  let known: Promise<ReadonlySet<string>> | undefined

  const capabilities = (): Promise<ReadonlySet<string>> => {
    known ??= readCapabilities().catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }

  async function readCapabilities(): Promise<ReadonlySet<string>> {
    const answer = await call<{ capabilities: { rpc: { type: string } | null }[] }>('NodeGetCapabilities', {})
    return new Set(answer.capabilities.flatMap(({ rpc }) => rpc?.type ?? []))
  }

  async function wire({ block, fsType, mountOptions, group, accessMode }: VolumeCapability): Promise<object> {
    const fine = (await capabilities()).has('SINGLE_NODE_MULTI_WRITER')
    const mode = accessModes[accessMode]
    return {
      accessMode: { mode: mode === undefined ? 'UNKNOWN' : fine ? mode.fine : mode.plain },
      ...(block ? { block: {} } : { mount: { fsType, mountFlags: [...mountOptions], volumeMountGroup: group === undefined ? '' : String(group) } }),
    }
  }

  return {
    capabilities, close,
    async info() {
      const answer = await call<{ nodeId: string; maxVolumesPerNode: number; accessibleTopology: { segments: Record<string, string> } | null }>('NodeGetInfo', {})
      return { nodeId: answer.nodeId, maxVolumes: answer.maxVolumesPerNode, topology: answer.accessibleTopology?.segments ?? {} }
    },
    async stage({ stagingPath, capability, ...request }) {
      await call('NodeStageVolume', { ...request, stagingTargetPath: stagingPath, volumeCapability: await wire(capability) })
    },
    async unstage(volumeId, stagingTargetPath) {
      await call('NodeUnstageVolume', { volumeId, stagingTargetPath })
    },
    async publish({ stagingPath, readOnly, capability, ...request }) {
      await call('NodePublishVolume', { ...request, readonly: readOnly, stagingTargetPath: stagingPath ?? '', volumeCapability: await wire(capability) })
    },
    async unpublish(volumeId, targetPath) {
      await call('NodeUnpublishVolume', { volumeId, targetPath })
    },
    async expand({ stagingPath, bytes, capability, ...request }) {
      await call('NodeExpandVolume', {
        ...request, stagingTargetPath: stagingPath ?? '', capacityRange: { requiredBytes: bytes }, volumeCapability: await wire(capability),
      })
    },
    async stats(volumeId, volumePath) {
      const answer = await call<{ usage: VolumeUsage[]; volumeCondition: { abnormal: boolean; message: string } | null }>('NodeGetVolumeStats', { volumeId, volumePath })
      return { usage: answer.usage, abnormal: answer.volumeCondition?.abnormal === true ? answer.volumeCondition.message : undefined }
    },
  }
}
