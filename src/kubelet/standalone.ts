/**
 * The client of a kubelet that has no API server: its own Node is remembered here, so that the rest of it need not know the
 * difference; nothing else exists. Static pods run, whatever they need of others is not there.
 * Upstream: cmd/kubelet/app/server.go (standalone mode).
 */
import type { Node } from '../api/generated/types/core-v1.ts'
import { nodes } from '../api/generated/resources.ts'
import { notFound, serviceUnavailable } from '../api/meta/errors.ts'
import type { KubeList, Resource } from '../api/meta/object.ts'
import { applyStrategicMergePatch } from '../api/patch/strategic-merge-patch.ts'
import { schemaOf } from '../api/schema/builtin.ts'
import type { Client } from '../client/client.ts'

export function createStandaloneClient(): Client & { close(): Promise<void> } {
  let node: Node | undefined
  const alone = () => serviceUnavailable('not supported due to running kubelet in standalone mode')
  const isNode = (resource: Resource) => resource.resource === nodes.resource && resource.group === nodes.group
  const missing = (resource: Resource, name: string) => notFound({ group: resource.group, resource: resource.resource }, name)
  const found = <T>(resource: Resource, name: string): T => {
    if (node === undefined || !isNode(resource as unknown as Resource) || node.metadata.name !== name) throw missing(resource as unknown as Resource, name)
    return node as unknown as T
  }
  return {
    get: async (resource, { name }) => found(resource as unknown as Resource, name),
    list: async <T>(resource: Resource<T>): Promise<KubeList<T>> => ({ apiVersion: 'v1', kind: `${resource.kind}List`, metadata: { resourceVersion: '1' }, items: [] }),
    // Nothing ever happens; it ends when it is told to.
    watch: (_resource, options) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise((resolve) => {
          const end = () => resolve({ done: true, value: undefined })
          if (options?.signal?.aborted === true) end()
          options?.signal?.addEventListener('abort', end, { once: true })
        }),
      }),
    }),
    // Events, leases and mirrors of pods go nowhere.
    async create(resource, object) {
      if (isNode(resource as unknown as Resource)) node = object as unknown as Node
      return object
    },
    createSubresource: async () => Promise.reject(alone()),
    update: async (_resource, object) => object,
    async patch<T>(resource: Resource<T>, { name }: { name: string }, _type: unknown, patch: unknown): Promise<T> {
      node = applyStrategicMergePatch(found(resource as unknown as Resource, name), patch, schemaOf('io.k8s.api.core.v1.Node')) as Node
      return node as unknown as T
    },
    delete: async (resource, { name }) => Promise.reject(missing(resource, name)),
    deleteCollection: async () => undefined,
    raw: async () => Promise.reject(alone()),
    close: async () => undefined,
  }
}
