import type { DeviceClass } from '../../../api/generated/types/resource-v1.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'

export const deviceClasses = builtin<DeviceClass>({
  group: 'resource.k8s.io', version: 'v1', resource: 'deviceclasses',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  columns: [nameColumn(), ageColumn()],
})
