import type { ClusterRoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'
import { bindingColumns, defaultBinding, rbacGroup } from './subjects.ts'
import { validateClusterRoleBinding, validateClusterRoleBindingUpdate } from './validation.ts'

export const clusterRoleBindings = builtin<ClusterRoleBinding>({
  group: rbacGroup, version: 'v1', resource: 'clusterrolebindings',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
  generationFields: [],
  validate: validateClusterRoleBinding,
  validateUpdate: validateClusterRoleBindingUpdate,
  default: defaultBinding,
  columns: bindingColumns,
})
