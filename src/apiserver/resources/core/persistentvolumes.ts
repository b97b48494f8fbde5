import type { PersistentVolume } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const persistentVolumes = builtin<PersistentVolume>({
  group: '', version: 'v1', resource: 'persistentvolumes',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
