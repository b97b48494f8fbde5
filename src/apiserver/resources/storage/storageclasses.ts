import type { StorageClass } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'

export const storageClasses = builtin<StorageClass>({
  group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses',
  returnDeletedObject: true,
  unconditionalUpdate: true,
})
