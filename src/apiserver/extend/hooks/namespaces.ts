import { namespaces } from '../../../api/generated/resources.ts'
import { type PostStartHook, ensureObject } from './hooks.ts'

export const systemNamespaces = ['kube-system', 'kube-public', 'kube-node-lease', 'default']
const checkMs = 60_000

/** The namespaces that every cluster has; they are looked after as long as the server runs. */
export const systemNamespacesHook: PostStartHook = {
  name: 'start-system-namespaces-controller',
  first: true,
  async run({ env, client }) {
    const ensure = () => Promise.all(systemNamespaces.map((name) => ensureObject(client, namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })))
    await ensure()
    env.tasks.go('system namespaces', async (signal) => {
      for (;;) {
        await env.clock.sleep(checkMs, signal)
        await ensure().catch((error: unknown) => env.log.warn('system namespaces could not be ensured', { error }))
      }
    })
  },
}
