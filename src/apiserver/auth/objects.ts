/** How authenticators and authorizers look at stored objects: through the server's own handler, as the server itself. */
import { StatusError, isStatus } from '../../api/meta/errors.ts'
import type { Resource } from '../../api/meta/object.ts'
import type { Client } from '../../client/client.ts'

export interface Objects {
  /** Undefined when there is none. Throws on any other failure. */
  get<T>(resource: Resource<T>, namespace: string, name: string): Promise<T | undefined>
}

export function objectsOf(client: Client): Objects {
  return {
    async get(resource, namespace, name) {
      try {
        return await client.get(resource, resource.namespaced ? { namespace, name } : { name }, { resourceVersion: '0' })
      } catch (error) {
        if (isStatus(error, 'NotFound')) return undefined
        // A name that no object can have is as good as none.
        if (error instanceof StatusError && error.reason === 'BadRequest') return undefined
        throw error
      }
    },
  }
}
