import type { StorageVersionMigration } from '../../../api/generated/types/storagemigration-v1beta1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const storageVersionMigrations = builtin<StorageVersionMigration>({
  group: 'storagemigration.k8s.io', version: 'v1beta1', resource: 'storageversionmigrations',
  subresources: { status: statusSubresource() },
})
