import type { PersistentVolumeClaim } from '../../../api/generated/types/core-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const persistentVolumeClaims = builtin<PersistentVolumeClaim>({
  group: '', version: 'v1', resource: 'persistentvolumeclaims',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  subresources: { status: statusSubresource() },
})
