/** Nothing is made in a namespace that is not there or is going; some namespaces never go. */
import { namespaces } from '../../../api/generated/resources.ts'
import type { Namespace } from '../../../api/generated/types/core-v1.ts'
import { forbidden, internalError, isStatus } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isOperation, refuse, type PluginContext } from '../context.ts'

const immortal = ['default', 'kube-system', 'kube-public']
/** How long a namespace that this server deleted is looked up in the store, in case its cache is behind. */
const liveLookupMs = 30_000

const isNamespace = (a: Attributes): boolean => a.kind.group === '' && a.kind.kind === 'Namespace'
/** Answers about access must not tell whether a namespace exists. */
const isAccessReview = (a: Attributes): boolean =>
  a.resource.group === 'authorization.k8s.io' && a.resource.resource === 'localsubjectaccessreviews'

export function namespaceLifecycle({ lister, client, clock }: PluginContext): AdmissionPlugin {
  const deleted = new Map<string, number>()

  async function lookUp(name: string): Promise<Namespace> {
    const cached = lister.get(namespaces, '', name)
    const until = deleted.get(name)
    if (until !== undefined && until < clock.monotonic()) deleted.delete(name)
    if (cached !== undefined && !(deleted.has(name) && cached.status?.phase === 'Active')) return cached
    try {
      return await client.get(namespaces, { name })
    } catch (error) {
      throw isStatus(error, 'NotFound') ? error : internalError(String(error))
    }
  }

  return {
    name: 'NamespaceLifecycle',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE', 'DELETE'),
    async admit(a) {
      if (isNamespace(a)) {
        if (a.operation !== 'DELETE') return
        if (immortal.includes(a.name)) throw forbidden(a.resource, a.name, 'this namespace may not be deleted')
        deleted.set(a.name, clock.monotonic() + liveLookupMs)
        return
      }
      if (a.namespace === '' || a.operation === 'DELETE' || isAccessReview(a)) return
      const namespace = await lookUp(a.namespace)
      if (a.operation !== 'CREATE' || namespace.status?.phase !== 'Terminating') return
      const error = refuse(a, `unable to create new content in namespace ${a.namespace} because it is being terminated`)
      const details = (error.status.details ??= {})
      details.causes = [...details.causes ?? [], {
        reason: 'NamespaceTerminating', message: `namespace ${a.namespace} is being terminated`, field: 'metadata.namespace',
      }]
      throw error
    },
  }
}
