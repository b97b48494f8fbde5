import type { CSINode } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, integer, nameColumn } from '../columns.ts'
import { validateCSINode, validateCSINodeUpdate } from './validation.ts'

export const csiNodes = builtin<CSINode>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csinodes',
  returnDeletedObject: true,
  generationFields: [],
  validate: validateCSINode,
  validateUpdate: validateCSINodeUpdate,
  columns: [nameColumn(), integer('Drivers', (o) => o.spec?.drivers?.length ?? 0), ageColumn()],
})
