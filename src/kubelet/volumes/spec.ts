/** From a pod's volume to what is to be mounted: claims are followed to their persistent volume. Upstream: volumemanager/populator. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { compileNodeSelector } from '../../api/helpers/node-affinity.ts'
import type { Client } from '../../client/client.ts'
import { allContainers } from '../pod.ts'

/** A persistent volume as one pod uses it. */
export interface ClaimedVolume {
  readonly claim: PersistentVolumeClaim
  readonly volume: PersistentVolume
  readonly readOnly: boolean
}

/** A volume that could not be followed to what it stands for; the message is upstream's. */
export class SpecError extends Error {}

/** Reads claims and volumes. Pods that name no claim cause no request. */
export type FollowClaim = (pod: Pod, volume: Volume) => Promise<ClaimedVolume | undefined>

export function createClaimReader(client: Client): FollowClaim {
  return async (pod, volume) => {
    const name = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`)
    if (name === undefined) return undefined
    const { namespace = '' } = pod.metadata
    const frame = `error processing PVC ${namespace}/${name}: `
    const claim = await client.get(persistentVolumeClaims, { namespace, name }).catch((error: Error): never => {
      throw new SpecError(`${frame}failed to fetch PVC from API server: ${error.message}`)
    })
    const why = refuseClaim(claim)
    if (why !== undefined) throw new SpecError(frame + why)
    if (volume.ephemeral !== undefined && !isOwnedBy(claim, pod)) {
      throw new SpecError(`PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`)
    }
    const bound = claim.spec!.volumeName!
    const found = await client.get(persistentVolumes, { name: bound }).catch((error: Error): never => {
      throw new SpecError(`${frame}failed to fetch PV ${bound} from API server: ${error.message}`)
    })
    const mismatch = refuseBinding(found, claim)
    if (mismatch !== undefined) throw new SpecError(frame + mismatch)
    const wrongUse = refuseMode(pod, volume.name, found.spec?.volumeMode ?? 'Filesystem')
    if (wrongUse !== undefined) throw new SpecError(wrongUse)
    return { claim, volume: found, readOnly: volume.persistentVolumeClaim?.readOnly === true }
  }
}

function isOwnedBy(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return claim.metadata.ownerReferences?.some(({ controller, uid }) => controller === true && uid === pod.metadata.uid) === true
}

export function refuseClaim({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  const isProtected = metadata.finalizers?.includes('kubernetes.io/pvc-protection') === true
  if (metadata.deletionTimestamp !== undefined && !isProtected) return 'PVC is being deleted'
  if (status?.phase !== 'Bound') return 'PVC is not bound'
  return (spec?.volumeName ?? '') === '' ? 'PVC has empty pvc.Spec.VolumeName' : undefined
}

export function refuseBinding({ metadata, spec }: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const uid = spec?.claimRef?.uid
  if (spec?.claimRef === undefined) return `found PV object ${metadata.name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`
  if (uid === claim.metadata.uid) return undefined
  return `found PV object ${metadata.name} but its pv.Spec.ClaimRef.UID ${uid} does not point to claim.UID ${claim.metadata.uid}`
}

/** A block device cannot be mounted, a file system not be given as a device. */
export function refuseMode(pod: Pod, name: string, mode: string): string | undefined {
  for (const { container } of allContainers(pod)) {
    if (mode !== 'Filesystem' && container.volumeMounts?.some((mount) => mount.name === name) === true) {
      return `volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`
    }
    if (mode !== 'Block' && container.volumeDevices?.some((device) => device.name === name) === true) {
      return `volume ${name} has volumeMode ${mode}, but is specified in volumeDevices`
    }
  }
  return undefined
}

/** Whether the volume can be reached from the node. */
export function volumeFitsNode({ spec }: PersistentVolume, node: Node | undefined): boolean {
  const required = spec?.nodeAffinity?.required
  return required === undefined || node === undefined || compileNodeSelector(required)(node)
}
