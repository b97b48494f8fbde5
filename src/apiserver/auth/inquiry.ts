/** What kinds may ask of the server that stores them. */
import { registryLister } from '../admission/registry-lister.ts'
import { forbiddenRequest } from '../chain/authorization.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Inquiry } from '../resources/define.ts'
import { type Authorizer, questionAttributes } from './contract.ts'

export function inquiryOf(registry: ResourceRegistry, authorizer: Authorizer): Inquiry {
  const lister = registryLister(registry)
  return {
    async may(user, question) {
      const attributes = questionAttributes(user, question)
      const { decision, reason = '', error } = await authorizer.authorize(attributes)
      const why = error === undefined ? reason : reason === '' ? error : `${error}: ${reason}`
      return {
        allowed: decision === 'allow', ...(error === undefined ? {} : { error }),
        refusal: decision === 'allow' ? undefined : forbiddenRequest(attributes, why).message,
      }
    },
    async read(group, resource, namespace, name) {
      const store = registry.store(group, resource)
      return (await store?.storage.read(store.keyOf(namespace, name)))?.object
    },
    resourceOf: (apiVersion, kind) => lister.resourcesOf(apiVersion, kind)[0]?.resource,
  }
}
