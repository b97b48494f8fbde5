/** Roles and bindings out of the server's own informers, indexed as the resolver asks for them. */
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import type { Client } from '../../../client/client.ts'
import type { Informer, Informers } from '../../../client/informer.ts'
import { keyOf } from '../../../client/lister.ts'
import type { PolicyRule } from '../contract.ts'
import type { RbacSource } from './rbac.ts'

export function informedRbacSource(informers: Informers): RbacSource & { readonly synced: Promise<unknown>; caughtUp(client: Client): Promise<unknown> } {
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
    caughtUp: (client) => Promise.all([
      seesStored(client, clusterRoles, clusterRoleCache), seesStored(client, roles, roleCache),
      seesStored(client, clusterRoleBindings, clusterBindingCache), seesStored(client, roleBindings, bindingCache),
    ]),
    clusterRole: (name) => clusterRoleCache.get(name) as { rules?: readonly PolicyRule[] } | undefined,
    role: (namespace, name) => roleCache.get({ namespace, name }) as { rules?: readonly PolicyRule[] } | undefined,
    clusterRoleBindings: () => clusterBindingCache.list(),
    roleBindings: (namespace) => bindingCache.list(namespace),
  }
}

/**
 * Resolves when the cache holds, or has held, everything that is stored now. The roles of a new cluster are written while
 * the server starts: it is not ready before it goes by them.
 */
async function seesStored<T extends KubeObject>(client: Client, resource: Resource<T>, cache: Informer<T>): Promise<void> {
  const { items, metadata } = await client.list(resource)
  const past = () => BigInt(cache.resourceVersion === '' ? 0 : cache.resourceVersion) >= BigInt(metadata.resourceVersion ?? 0)
  return new Promise((resolve) => {
    cache.when(() => past() || (cache.hasSynced && items.every((object) => cache.get(keyOf(object)) !== undefined)), resolve)
  })
}
