import type { VolumeAttachment } from '../../../api/generated/types/storage-v1.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, boolean, nameColumn, text } from '../columns.ts'
import { freshStatus } from '../status.ts'
import { validateAttachment, validateAttachmentUpdate } from './validation.ts'

export const volumeAttachments = builtin<VolumeAttachment>({
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattachments',
  returnDeletedObject: true,
  generationFields: [],
  prepareForCreate: freshStatus(() => ({ attached: false })),
  validate: validateAttachment,
  validateUpdate: validateAttachmentUpdate,
  subresources: { status: statusSubresource({ keepsMetadata: true, validateUpdate: validateAttachmentUpdate }) },
  columns: [
    nameColumn(),
    { ...text('Attacher', (o: VolumeAttachment) => o.spec.attacher), format: 'name' },
    text('PV', (o) => o.spec.source.persistentVolumeName ?? ''),
    text('Node', (o) => o.spec.nodeName),
    boolean('Attached', (o) => o.status?.attached ?? false),
    ageColumn(),
  ],
})
