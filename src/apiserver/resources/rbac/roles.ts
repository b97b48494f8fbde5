import type { Role } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'
import { rbacGroup } from './subjects.ts'
import { validateRole } from './validation.ts'

export const roles = builtin<Role>({
  group: rbacGroup, version: 'v1', resource: 'roles',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
  generationFields: [],
  validate: validateRole,
  validateUpdate: validateRole,
})
