import type { RoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'

export const roleBindings = builtin<RoleBinding>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'rolebindings',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
})
