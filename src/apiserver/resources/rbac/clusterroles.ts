import type { ClusterRole } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'
import { rbacGroup } from './subjects.ts'
import { validateClusterRole, validateClusterRoleUpdate } from './validation.ts'

export const clusterRoles = builtin<ClusterRole>({
  group: rbacGroup, version: 'v1', resource: 'clusterroles',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
  generationFields: [],
  validate: validateClusterRole,
  validateUpdate: validateClusterRoleUpdate,
})
