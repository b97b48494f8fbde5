import type { CSIStorageCapacity } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'
import { validateCapacity, validateCapacityUpdate } from './validation.ts'
import { storageCapacityWarnings } from '../validation/kind-warnings.ts'

export const csiStorageCapacities = builtin<CSIStorageCapacity>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csistoragecapacities',
  generationFields: [],
  validate: validateCapacity,
  validateUpdate: validateCapacityUpdate,
  warnings: storageCapacityWarnings,
})
