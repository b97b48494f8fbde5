import type { CSINode } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'

export const csiNodes = builtin<CSINode>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csinodes',
  returnDeletedObject: true,
})
