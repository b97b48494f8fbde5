/** Grows a volume that its claim wants bigger, and says so in the claim. Upstream: operationexecutor/node_expander.go, resize_util.go. */
import type { Clock } from '../../../base/env.ts'
import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims } from '../../../api/generated/resources.ts'
import { quantityValue } from '../../../api/meta/quantity.ts'
import { formatTime } from '../../../api/meta/time.ts'
import type { Client } from '../../../client/client.ts'
import { RpcError, rpcCode } from '../../rpc/error.ts'
import type { CsiNode, StringMap } from './contract.ts'
import type { ExpandWish } from './mounter.ts'

export interface ExpanderEnv {
  readonly clock: Clock
  readonly client: Client
  driver(name: string): CsiNode
  secret(ref: { name?: string; namespace?: string }): Promise<StringMap>
  emit(wish: ExpandWish, reason: string, message: string): void
}

const resizeConditions: ReadonlySet<string> = new Set(['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError'])
const pending: ReadonlySet<string | undefined> = new Set([undefined, 'NodeResizePending', 'NodeResizeInProgress'])

/** Whether this node has to grow the volume. */
export function mustExpand({ claimed: { claim, volume } }: Pick<ExpandWish, 'claimed'>): boolean {
  const wanted = volume.spec?.capacity?.storage
  const has = claim.status?.capacity?.storage
  if (wanted === undefined || has === undefined || quantityValue(has) >= quantityValue(wanted)) return false
  return pending.has(claim.status?.allocatedResourceStatuses?.storage)
}

export function createExpander(env: ExpanderEnv): (wish: ExpandWish) => Promise<void> {
  /** Drivers that grow only what nobody uses said no: not asked again until the pod is gone. */
  const refusedInUse = new Set<string>()

  const writeStatus = (claim: PersistentVolumeClaim, status: object): Promise<PersistentVolumeClaim> => {
    const { name = '', namespace = '', resourceVersion } = claim.metadata
    return env.client.patch(persistentVolumeClaims, { name, namespace }, 'merge', { metadata: { resourceVersion }, status }, { subresource: 'status' })
  }

  function withError(claim: PersistentVolumeClaim, error: Error): object[] {
    const others = (claim.status?.conditions ?? []).filter(({ type }) => type !== 'NodeResizeError')
    return [...others, { type: 'NodeResizeError', status: 'True', lastTransitionTime: formatTime(env.clock.now()), message: `failed to expand pvc with ${error.message}` }]
  }

  return async (wish) => {
    const { pod, claimed } = wish
    const source = claimed.volume.spec!.csi!
    const key = `${pod.metadata.uid} ${claimed.volume.metadata.uid}`
    if (!mustExpand(wish) || refusedInUse.has(key)) return
    const node = env.driver(source.driver)
    if (!(await node.capabilities()).has('EXPAND_VOLUME')) return
    const spec = claimed.volume.spec!
    const size = spec.capacity!.storage!
    let claim = await writeStatus(claimed.claim, { allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } })
    try {
      await node.expand({
        volumeId: source.volumeHandle, volumePath: wish.volumePath, stagingPath: wish.stagingPath, bytes: quantityValue(size),
        secrets: source.nodeExpandSecretRef === undefined ? {} : await env.secret(source.nodeExpandSecretRef),
        capability: {
          block: spec.volumeMode === 'Block', fsType: source.fsType ?? '', mountOptions: spec.mountOptions ?? [], group: undefined,
          accessMode: spec.accessModes?.[0] ?? 'ReadWriteOnce',
        },
      })
    } catch (error) {
      const failure = new Error(`Expander.NodeExpand failed to expand the volume : ${(error as Error).message}`, { cause: error })
      const infeasible = error instanceof RpcError && [rpcCode.invalidArgument, rpcCode.outOfRange, rpcCode.notFound].includes(error.code as 3)
      const conditions = withError(claim, failure)
      await writeStatus(claim, infeasible ? { conditions, allocatedResourceStatuses: { storage: 'NodeResizeInfeasible' } } : { conditions })
      if (error instanceof RpcError && error.code === rpcCode.failedPrecondition) return void refusedInUse.add(key)
      throw failure
    }
    claim = await writeStatus(claim, {
      capacity: { storage: size }, allocatedResourceStatuses: { storage: null },
      conditions: (claim.status?.conditions ?? []).filter(({ type }) => !resizeConditions.has(type)),
    })
    env.emit(wish, 'FileSystemResizeSuccessful', `MountVolume.NodeExpandVolume succeeded for volume ${JSON.stringify(claimed.volume.metadata.name)} ${pod.spec!.nodeName ?? ''}`)
  }
}
