/** The plugins' look over the watch caches of the registry. */
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Lister } from './context.ts'

/** Objects in the version in which they are stored; a kind that is not served has none. */
export function registryLister(registry: ResourceRegistry): Lister {
  return {
    get<T>({ group, resource }: Resource<T>, namespace: string, name: string): T | undefined {
      const store = registry.store(group, resource)
      return store?.storage.get(store.keyOf(namespace, name))?.object as T | undefined
    },
    list<T>({ group, resource }: Resource<T>, namespace = ''): readonly T[] {
      const cache = registry.store(group, resource)?.storage.cache
      // Asked for several kinds of each write, most of which a cluster does not have.
      if (cache === undefined || cache.size === 0) return []
      return Array.from(cache.values(namespace), (cached): KubeObject => cached.object) as unknown as T[]
    },
    resourcesOf(apiVersion, kind) {
      const { group, version } = parseApiVersion(apiVersion)
      return registry.definitions()
        .filter((d) => d.group === group && d.kind === kind && registry.get(group, version, d.resource) !== undefined)
        .map((d) => ({ group, version, resource: d.resource, namespaced: d.scope === 'Namespaced' }))
    },
  }
}
