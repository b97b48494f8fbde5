/** Roles and bindings out of the server's own informers, indexed as the resolver asks for them. */
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import type { Informers } from '../../../client/informer.ts'
import type { PolicyRule } from '../contract.ts'
import type { RbacSource } from './rbac.ts'

export function informedRbacSource(informers: Informers): RbacSource & { readonly synced: Promise<unknown> } {
  let generation = 0
  const changed = () => void generation++
  const handler = { add: changed, update: changed, delete: changed }
  const clusterRoleCache = informers.of(clusterRoles)
  const roleCache = informers.of(roles)
  const clusterBindingCache = informers.of(clusterRoleBindings)
  const bindingCache = informers.of(roleBindings)
  clusterRoleCache.addHandler(handler)
  roleCache.addHandler(handler)
  clusterBindingCache.addHandler(handler)
  bindingCache.addHandler(handler)
  return {
    get generation() {
      return generation
    },
    synced: Promise.all([clusterRoleCache.synced, roleCache.synced, clusterBindingCache.synced, bindingCache.synced]),
    clusterRole: (name) => clusterRoleCache.get(name) as { rules?: readonly PolicyRule[] } | undefined,
    role: (namespace, name) => roleCache.get({ namespace, name }) as { rules?: readonly PolicyRule[] } | undefined,
    clusterRoleBindings: () => clusterBindingCache.list(),
    roleBindings: (namespace) => bindingCache.list(namespace),
  }
}
