import type { RoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'
import { bindingColumns, defaultBinding, rbacGroup } from './subjects.ts'

export const roleBindings = builtin<RoleBinding>({
  group: rbacGroup, version: 'v1', resource: 'rolebindings',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
  generationFields: [],
  default: defaultBinding,
  columns: bindingColumns,
})
