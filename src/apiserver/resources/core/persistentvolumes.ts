import type { PersistentVolume } from '../../../api/generated/types/core-v1.ts'
import { formatTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text, wide } from '../columns.ts'
import { defaultResourceList } from './pod-defaults.ts'
import { validatePersistentVolume, validatePersistentVolumeUpdate } from './volume-validation.ts'
import { volumeWarnings } from '../validation/kind-warnings.ts'

const shortModes: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'], ['ReadOnlyMany', 'ROX'], ['ReadWriteMany', 'RWX'], ['ReadWriteOncePod', 'RWOP'],
]

/** Access modes as "RWO,ROX". */
export function accessModesText(modes: readonly string[] | undefined): string {
  return shortModes.filter(([mode]) => modes?.includes(mode)).map(([, short]) => short).join(',')
}

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The class, which old objects carry as an annotation. */
export function storageClassOf(o: { metadata: { annotations?: Record<string, string> }; spec?: { storageClassName?: string } }): string {
  return o.metadata.annotations?.[classAnnotation] ?? o.spec?.storageClassName ?? ''
}

function setDefaults(volume: PersistentVolume): void {
  const status = (volume.status ??= {})
  status.phase ||= 'Pending'
  const { spec } = volume
  if (spec === undefined) return
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  defaultResourceList(spec.capacity)
  if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
  if (spec.iscsi !== undefined) spec.iscsi.iscsiInterface ||= 'default'
  defaultLegacySources(spec)
}

function defaultLegacySources({ rbd, azureDisk, scaleIO }: NonNullable<PersistentVolume['spec']>): void {
  if (rbd !== undefined) {
    rbd.pool ||= 'rbd'
    rbd.user ||= 'admin'
    rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= 'ReadWrite'
    azureDisk.fsType ??= 'ext4'
    azureDisk.readOnly ??= false
    azureDisk.kind ??= 'Shared'
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ||= 'ThinProvisioned'
    scaleIO.fsType ||= 'xfs'
  }
}

/** The time of the last change of phase is the server's, unless the writer moves it. */
function prepareStatus(volume: PersistentVolume, old: PersistentVolume, now: string): void {
  const status = (volume.status ??= {})
  const before = old.status?.lastPhaseTransitionTime
  if (status.phase === old.status?.phase) {
    if (status.lastPhaseTransitionTime === undefined && before !== undefined) status.lastPhaseTransitionTime = before
  } else if (status.lastPhaseTransitionTime === undefined || status.lastPhaseTransitionTime === before) {
    status.lastPhaseTransitionTime = now
  }
}

export const persistentVolumes = builtin<PersistentVolume>({
  group: '', version: 'v1', resource: 'persistentvolumes',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  default: setDefaults,
  prepareForCreate(volume, { now }) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: formatTime(now) }
  },
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  subresources: {
    status: statusSubresource({ prepareForUpdate: (o, old, { now }) => prepareStatus(o, old, formatTime(now)) }),
  },
  warnings: volumeWarnings,
  columns: [
    nameColumn(),
    text('Capacity', (o) => o.spec?.capacity?.storage ?? '0'),
    text('Access Modes', (o) => accessModesText(o.spec?.accessModes)),
    text('Reclaim Policy', (o) => o.spec?.persistentVolumeReclaimPolicy ?? ''),
    text('Status', (o) => (o.metadata.deletionTimestamp ? 'Terminating' : o.status?.phase ?? '')),
    text('Claim', ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '')),
    text('StorageClass', storageClassOf),
    text('VolumeAttributesClass', (o) => o.spec?.volumeAttributesClassName ?? '<unset>'),
    text('Reason', (o) => o.status?.reason ?? ''),
    ageColumn(),
    wide('VolumeMode', (o) => o.spec?.volumeMode ?? '<unset>'),
  ],
})
