import type { DeviceClass } from '../../../api/generated/types/resource-v1.ts'
import { nameIsLongName } from '../../../api/meta/names.ts'
import { builtin } from '../builtin.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import { validateClass } from './claim-validation.ts'

export const deviceClasses = builtin<DeviceClass>({
  group: 'resource.k8s.io', version: 'v1', resource: 'deviceclasses',
  returnDeletedObject: true,
  unconditionalUpdate: true,
  nameFormat: nameIsLongName,
  validate: (one) => validateClass(one),
  validateUpdate: (one, old) => validateClass(one, old),
  columns: [nameColumn(), ageColumn()],
})
