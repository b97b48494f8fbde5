import type { CSIStorageCapacity } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'

export const csiStorageCapacities = builtin<CSIStorageCapacity>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csistoragecapacities',
})
