/** RBAC's bootstrap roles and bindings, from the golden files of upstream's own test. */
import { load } from 'js-yaml'
import { moduleText } from './modules.ts'

const FOLDER = 'plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata'

const FILES = {
  clusterRoles: 'cluster-roles.yaml',
  clusterRoleBindings: 'cluster-role-bindings.yaml',
  controllerRoles: 'controller-roles.yaml',
  controllerRoleBindings: 'controller-role-bindings.yaml',
  namespaceRoles: 'namespace-roles.yaml',
  namespaceRoleBindings: 'namespace-role-bindings.yaml',
}

/** JSON with one line per object. */
export function renderRbacBootstrap(): string {
  const parts = Object.entries(FILES).map(([name, file]) => {
    const list = load(moduleText('k8s.io/kubernetes', `${FOLDER}/${file}`)) as { items: unknown[] }
    return `"${name}":[\n${list.items.map((item) => JSON.stringify(item)).join(',\n')}\n]`
  })
  return `{\n${parts.join(',\n')}\n}\n`
}

/** The typed door to rbac-bootstrap.json. */
export const RBAC_BOOTSTRAP_TS = `import data from './rbac-bootstrap.json' with { type: 'json' }
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
`
