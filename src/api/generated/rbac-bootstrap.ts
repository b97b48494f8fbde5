import data from './rbac-bootstrap.json' with { type: 'json' }
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from './types/rbac-v1.ts'

export interface RbacBootstrap {
  readonly clusterRoles: readonly ClusterRole[]
  readonly clusterRoleBindings: readonly ClusterRoleBinding[]
  readonly controllerRoles: readonly ClusterRole[]
  readonly controllerRoleBindings: readonly ClusterRoleBinding[]
  readonly namespaceRoles: readonly Role[]
  readonly namespaceRoleBindings: readonly RoleBinding[]
}

export const rbacBootstrap = data as unknown as RbacBootstrap
