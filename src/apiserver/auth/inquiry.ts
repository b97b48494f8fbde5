/** What kinds may ask of the server that stores them. */
import { registryLister } from '../admission/registry-lister.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Inquiry } from '../resources/define.ts'
import type { Authorizer } from './contract.ts'

export function inquiryOf(registry: ResourceRegistry, authorizer: Authorizer): Inquiry {
  const lister = registryLister(registry)
  return {
    authorize: async (attributes) => authorizer.authorize(attributes),
    async read(group, resource, namespace, name) {
      const store = registry.store(group, resource)
      return (await store?.storage.read(store.keyOf(namespace, name)))?.object
    },
    resourceOf: (apiVersion, kind) => lister.resourcesOf(apiVersion, kind)[0]?.resource,
  }
}
