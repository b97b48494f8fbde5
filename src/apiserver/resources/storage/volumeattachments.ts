import type { VolumeAttachment } from '../../../api/generated/types/storage-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'

export const volumeAttachments = builtin<VolumeAttachment>({
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments',
  returnDeletedObject: true,
  subresources: { status: statusSubresource() },
})
