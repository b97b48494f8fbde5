import type { ClusterRoleBinding } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'

export const clusterRoleBindings = builtin<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterrolebindings',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
})
