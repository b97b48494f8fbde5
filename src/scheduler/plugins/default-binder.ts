import { pods } from '../../api/generated/resources.ts'
import type { PluginDefinition } from '../framework.ts'

/** Writes the binding. */
export const defaultBinder: PluginDefinition = {
  name: 'DefaultBinder',
  create: (_args, handle) => ({
    name: 'DefaultBinder',
    async bind(_state, { pod }, nodeName, signal) {
      if (handle.client === undefined) return false
      const { namespace, name, uid } = pod.metadata
      await handle.client.createSubresource(pods, { namespace, name: name! }, 'binding', {
        apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { kind: 'Node', name: nodeName },
      }, { signal })
      return true
    },
  }),
}
