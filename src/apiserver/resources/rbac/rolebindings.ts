import type { RoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'
import { bindingColumns, defaultBinding, rbacGroup } from './subjects.ts'
import { validateRoleBinding, validateRoleBindingUpdate } from './validation.ts'

export const roleBindings = builtin<RoleBinding>({
  group: rbacGroup, version: 'v1', resource: 'rolebindings',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
  generationFields: [],
  validate: validateRoleBinding,
  validateUpdate: validateRoleBindingUpdate,
  default: defaultBinding,
  columns: bindingColumns,
})
