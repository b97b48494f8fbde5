import type { CSIDriver } from '../../../api/generated/types/storage-v1.ts'
import { builtin } from '../builtin.ts'

export const csiDrivers = builtin<CSIDriver>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csidrivers',
  returnDeletedObject: true,
})
