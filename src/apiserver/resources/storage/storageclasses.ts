import type { StorageClass } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateStorageClass, validateStorageClassUpdate } from './validation.ts'
import { storageClassWarnings } from '../validation/kind-warnings.ts'

const defaultAnnotations = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'] as const

/** Whether claims without a class get this one. */
export function isDefaultClass(annotations: Readonly<Record<string, string>> | undefined): boolean {
  return defaultAnnotations.some((key) => annotations?.[key] === 'true')
}

export const storageClasses = builtin<StorageClass>({
  group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  default(o) {
    o.reclaimPolicy ??= 'Delete'
    o.volumeBindingMode ??= 'Immediate'
  },
  warnings: storageClassWarnings,
  columns: [
    nameColumn(({ metadata }) => `${metadata.name}${isDefaultClass(metadata.annotations) ? ' (default)' : ''}`),
    text('Provisioner', (o) => o.provisioner),
    text('ReclaimPolicy', (o) => o.reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', (o) => o.volumeBindingMode ?? 'Immediate'),
    text('AllowVolumeExpansion', (o) => o.allowVolumeExpansion ?? false),
    ageColumn(),
  ],
})
