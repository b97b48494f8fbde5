/** What a CSIDriver object says of its volumes. Pure. Upstream: csi_mounter.go, csi_util.go. */
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import type { CSIDriver } from '../../../api/generated/types/storage-v1.ts'
import type { StringMap } from './contract.ts'
import type { CsiVolume } from './mounter.ts'

/** "Persistent" or "Ephemeral". undefined: the driver has such volumes. */
export function refuseLifecycle(driver: string, object: CSIDriver | undefined, mode: string): string | undefined {
  if (object === undefined) return mode === 'Persistent' ? undefined : `volume mode ${JSON.stringify(mode)} not supported by driver ${driver} (no CSIDriver object)`
  const modes = object.spec.volumeLifecycleModes ?? ['Persistent']
  if (modes.includes(mode)) return undefined
  return `volume mode ${JSON.stringify(mode)} not supported by driver ${driver} (only supports [${modes.map((m) => JSON.stringify(m)).join(' ')}])`
}

/** Whether the kubelet has to give the files to the pod's group. */
export function givesGroup(volume: CsiVolume, object: CSIDriver | undefined): boolean {
  const policy = object?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType'
  if (policy === 'None' || volume.readOnly) return false
  if (policy === 'File') return true
  if (volume.fsType === '') return false
  const modes = volume.claimed?.volume.spec?.accessModes
  return volume.claimed === undefined || modes?.some((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod') === true
}

/** Whether a controller ties the volume to the node before it can be used here. */
export const needsAttach = (object: CSIDriver | undefined): boolean => object?.spec.attachRequired !== false

export function podAttributes(pod: Pod, mode: string): StringMap {
  const { name = '', namespace = '', uid = '' } = pod.metadata
  return {
    'csi.storage.k8s.io/pod.name': name, 'csi.storage.k8s.io/pod.namespace': namespace, 'csi.storage.k8s.io/pod.uid': uid,
    'csi.storage.k8s.io/serviceAccount.name': pod.spec!.serviceAccountName ?? '', 'csi.storage.k8s.io/ephemeral': String(mode === 'Ephemeral'),
  }
}
