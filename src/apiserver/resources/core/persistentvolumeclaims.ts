import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, nameColumn, text, wide } from '../columns.ts'
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './claim-validation.ts'
import { accessModesText, storageClassOf } from './persistentvolumes.ts'
import { defaultClaimSpec, defaultResourceList } from './pod-defaults.ts'
import { claimWarnings } from '../validation/kind-warnings.ts'

function setDefaults(claim: PersistentVolumeClaim): void {
  const status = (claim.status ??= {})
  status.phase ||= 'Pending'
  const spec = (claim.spec ??= {})
  spec.resources ??= {}
  defaultClaimSpec(spec)
  defaultResourceList(status.capacity)
  defaultResourceList(status.allocatedResources)
}

const claimOrSnapshot = ({ dataSource }: PersistentVolumeClaimSpec): boolean =>
  (dataSource?.kind === 'PersistentVolumeClaim' && !dataSource.apiGroup) ||
  (dataSource?.kind === 'VolumeSnapshot' && dataSource.apiGroup === 'snapshot.storage.k8s.io')

/** dataSource and dataSourceRef say the same; a dataSource that never worked is dropped, as upstream always did. */
export function normalizeDataSources(spec: PersistentVolumeClaimSpec, old?: PersistentVolumeClaimSpec): void {
  const inUse = old?.dataSource !== undefined || old?.dataSourceRef !== undefined
  if (!inUse && spec.dataSourceRef === undefined && !claimOrSnapshot(spec)) delete spec.dataSource
  if (spec.dataSource !== undefined && spec.dataSourceRef === undefined) spec.dataSourceRef = { ...spec.dataSource }
  else if (spec.dataSourceRef !== undefined && spec.dataSource === undefined && !spec.dataSourceRef.namespace) {
    const { namespace: _, ...source } = spec.dataSourceRef
    spec.dataSource = source
  }
}

/** A source in another namespace stays only where the feature is on, or was already. */
function dropForeignSource(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined, feature: (name: string) => boolean): void {
  const foreign = Boolean(spec.dataSourceRef?.namespace)
  if (foreign && old?.dataSourceRef === undefined && !feature('CrossNamespaceVolumeDataSource')) delete spec.dataSourceRef
}

const bound = (o: PersistentVolumeClaim): boolean => Boolean(o.spec?.volumeName)

export const persistentVolumeClaims = builtin<PersistentVolumeClaim>({
  group: '', version: 'v1', resource: 'persistentvolumeclaims',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  default: setDefaults,
  prepareForCreate(claim, { feature }) {
    claim.status = { phase: 'Pending' }
    dropForeignSource(claim.spec!, undefined, feature)
    normalizeDataSources(claim.spec!)
  },
  prepareForUpdate(claim, old, { feature }) {
    dropForeignSource(claim.spec!, old.spec, feature)
    normalizeDataSources(claim.spec!, old.spec)
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateClaimStatus }) },
  warnings: claimWarnings,
  columns: [
    nameColumn(),
    text('Status', (o) => (o.metadata.deletionTimestamp ? 'Terminating' : o.status?.phase ?? '')),
    text('Volume', (o) => o.spec?.volumeName ?? ''),
    text('Capacity', (o) => (bound(o) ? o.status?.capacity?.storage ?? '0' : '')),
    text('Access Modes', (o) => (bound(o) ? accessModesText(o.status?.accessModes) : '')),
    text('StorageClass', storageClassOf),
    text('VolumeAttributesClass', (o) => o.spec?.volumeAttributesClassName ?? '<unset>'),
    ageColumn(),
    wide('VolumeMode', (o) => o.spec?.volumeMode ?? '<unset>'),
  ],
})
