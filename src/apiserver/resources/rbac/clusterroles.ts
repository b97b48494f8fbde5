import type { ClusterRole } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'

export const clusterRoles = builtin<ClusterRole>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'clusterroles',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
})
