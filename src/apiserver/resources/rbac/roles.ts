import type { Role } from '../../../api/generated/types/rbac-v1.ts'
import { builtin } from '../builtin.ts'

export const roles = builtin<Role>({
  group: 'rbac.authorization.k8s.io', version: 'v1', resource: 'roles',
  unconditionalUpdate: true,
  createOnUpdate: true,
  nameFormat: 'path-segment',
})
