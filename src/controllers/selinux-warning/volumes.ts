/** The volumes that pods mount, their names across the cluster and the SELinux labels that pods want on them. Pure. */
import type { FCVolumeSource, ISCSIPersistentVolumeSource, ISCSIVolumeSource, PersistentVolumeSpec, Pod, SELinuxOptions, Volume } from '../../api/generated/types/core-v1.ts'
import { csiDrivers, persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import type { Informers } from '../../client/informer.ts'

export interface UsedVolume {
  /** The same for all pods that use the same storage. */
  readonly name: string
  readonly driver: string
  /** Whether it can be mounted with a label (-o context). */
  readonly mountsWithLabel: boolean
}

type Source = Pick<PersistentVolumeSpec & Volume, 'hostPath' | 'nfs'> & {
  readonly fc?: FCVolumeSource
  readonly iscsi?: ISCSIPersistentVolumeSource | ISCSIVolumeSource
  readonly csi?: { readonly driver: string; readonly volumeHandle?: string }
}

/** The volume; null: of a kind that takes no part; an error: it is not known yet. */
export function usedVolume(volume: Volume, { metadata }: Pod, informers: Informers): UsedVolume | null | Error {
  const { namespace } = metadata
  const claimName = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral === undefined ? undefined : `${metadata.name}-${volume.name}`)
  if (claimName === undefined) return volume.csi === undefined ? describe(volume, informers) : null
  const claim = informers.of(persistentVolumeClaims).get({ namespace, name: claimName })
  if (claim === undefined) return new Error(`failed to find PVC ${namespace}/${claimName} in PVCInformer cache`)
  const { volumeName = '' } = claim.spec ?? {}
  if (claim.status?.phase !== 'Bound' || volumeName === '') return new Error(`PVC ${namespace}/${claimName} is not bound`)
  const bound = informers.of(persistentVolumes).get(volumeName)
  if (bound?.spec?.claimRef?.uid !== claim.metadata.uid) return new Error(`PV ${JSON.stringify(volumeName)} is not bound to PVC ${namespace}/${claimName}`)
  return describe(bound?.spec as Source, informers)
}

function describe(source: Source, informers: Informers): UsedVolume | null {
  const plain = (plugin: string, id: string, mountsWithLabel: boolean): UsedVolume => ({ name: `kubernetes.io/${plugin}/${id}`, driver: '', mountsWithLabel })
  const { hostPath, nfs, fc, iscsi, csi } = source
  if (hostPath !== undefined) return plain('host-path', hostPath.path, false)
  if (nfs !== undefined) return plain('nfs', `${nfs.server}/${nfs.path}`, false)
  if (iscsi !== undefined) return plain('iscsi', `${iscsi.targetPortal}:${iscsi.iqn}:${iscsi.lun}`, true)
  if (fc !== undefined) {
    const targets = fc.targetWWNs ?? []
    return plain('fc', targets.length > 0 && fc.lun !== undefined ? `[${targets.join(' ')}]:${fc.lun}` : `[${(fc.wwids ?? []).join(' ')}]`, true)
  }
  if (csi === undefined) return null
  const mountsWithLabel = informers.of(csiDrivers).get(csi.driver)?.spec.seLinuxMount === true
  return { name: `kubernetes.io/csi/${csi.driver}^${csi.volumeHandle ?? ''}`, driver: csi.driver, mountsWithLabel }
}

/** The labels that the pod's containers want on each volume that they mount. */
export function labelsByVolume({ spec }: Pod): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>()
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]
  for (const { volumeMounts = [], securityContext } of containers) {
    const options = securityContext?.seLinuxOptions ?? spec?.securityContext?.seLinuxOptions
    for (const { name } of volumeMounts) {
      const known = labels.get(name) ?? new Set<string>()
      labels.set(name, known)
      if (options !== undefined) known.add(labelOf(options))
    }
  }
  return labels
}

/** What is said of the label; what a node's policy would add is not known here. */
function labelOf({ user = '', role = '', type = '', level = '' }: SELinuxOptions): string {
  const label = [user, role, type, level].join(':')
  return label === ':::' ? '' : label
}

/** Whether two labels exclude each other. Parts that are left open fit any, except the level. */
export function labelsConflict(a: string, b: string): boolean {
  const [left, right] = [partsOf(a), partsOf(b)]
  return left.some((part, at) => part !== right[at] && (at === 3 || (part !== '' && right[at] !== '')))
}

function partsOf(label: string): string[] {
  const [user = '', role = '', type = '', ...level] = label.split(':')
  return [user, role, type, level.join(':')]
}
