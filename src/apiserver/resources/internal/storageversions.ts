import type { StorageVersion } from '../../../api/generated/types/internal-v1alpha1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, listWithMore, nameColumn, text } from '../columns.ts'
import { emptyStatus } from '../status.ts'
import { storageVersionName, validateStorageVersionStatus } from './validation.ts'

export const storageVersions = builtin<StorageVersion>({
  group: 'internal.apiserver.k8s.io', version: 'v1alpha1', resource: 'storageversions',
  generationFields: [],
  prepareForCreate: emptyStatus(),
  nameFormat: storageVersionName,
  validate: validateStorageVersionStatus,
  subresources: { status: statusSubresource<StorageVersion>({ keepsMetadata: true, validateUpdate: validateStorageVersionStatus }) },
  columns: [
    nameColumn(),
    text('CommonEncodingVersion', (o) => o.status?.commonEncodingVersion ?? '<unset>'),
    text('StorageVersions', ({ status }) =>
      listWithMore((status?.storageVersions ?? []).map((v) => `${v.apiServerID}=${v.encodingVersion}`), 3, '<unset>')),
    ageColumn(),
  ],
})
