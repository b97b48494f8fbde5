import type { StorageVersionMigration } from '../../../api/generated/types/storagemigration-v1beta1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { validateMigration, validateMigrationStatus, validateMigrationUpdate } from './validation.ts'

const states = ['Running', 'Failed', 'Succeeded']

function stateText({ status }: StorageVersionMigration): string {
  return (status?.conditions ?? []).filter((c) => c.status === 'True' && states.includes(c.type)).at(-1)?.type ?? 'Unknown'
}

function resourceText({ spec }: StorageVersionMigration): string {
  const { resource, group } = spec?.resource ?? {}
  return group ? `${resource}.${group}` : resource ?? ''
}

export const storageVersionMigrations = builtin<StorageVersionMigration>({
  group: 'storagemigration.k8s.io', version: 'v1beta1', resource: 'storageversionmigrations',
  generationFields: [],
  prepareForCreate: emptyStatus(),
  featureGate: 'StorageVersionMigrator',
  validate: validateMigration,
  validateUpdate: validateMigrationUpdate,
  subresources: { status: statusSubresource({ keepsMetadata: true, validateUpdate: validateMigrationStatus }) },
  columns: [{ ...nameColumn(), format: undefined }, text('Resource', resourceText), text('Status', stateText)],
})
