import type { VolumeAttributesClass } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn, text } from '../columns.ts'
import { validateAttributesClass, validateAttributesClassUpdate } from './validation.ts'

export const volumeAttributesClasses = builtin<VolumeAttributesClass>({
  group: 'storage.k8s.io', version: 'v1', resource: 'volumeattributesclasses',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  generationFields: [],
  validate: validateAttributesClass,
  validateUpdate: validateAttributesClassUpdate,
  columns: [nameColumn(), text('DriverName', (o) => o.driverName), ageColumn()],
})
