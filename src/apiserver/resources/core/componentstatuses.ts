import type { ComponentStatus } from '../../../api/generated/types/core-v1.ts'
import { builtin } from '../builtin.ts'

export const componentStatuses = builtin<ComponentStatus>({
  group: '', version: 'v1', resource: 'componentstatuses',
  virtual: true,
})
