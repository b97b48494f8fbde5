/** NamespaceExists refuses what is for a namespace that is not there, NamespaceAutoProvision makes it. */
import { namespaces } from '../../../api/generated/resources.ts'
import type { Namespace } from '../../../api/generated/types/core-v1.ts'
import { isStatus, notFound } from '../../../api/meta/errors.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isOperation, refuse, type PluginContext } from '../context.ts'

const concerns = (a: Attributes): boolean => a.namespace !== '' && a.kind.kind !== 'Namespace'

/** The namespace of the request: as the cache knows it, else as the store does. Throws 404 when there is none. */
export async function namespaceOf({ lister, client }: PluginContext, a: Attributes): Promise<Namespace> {
  const known = lister.get(namespaces, '', a.namespace)
  if (known !== undefined) return known
  try {
    return await client.get(namespaces, { name: a.namespace })
  } catch (error) {
    if (isStatus(error, 'NotFound')) throw notFound({ resource: 'namespaces' }, a.namespace)
    throw error
  }
}

export function namespaceExists(context: PluginContext): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE', 'DELETE') && concerns(a),
    async validate(a) {
      await namespaceOf(context, a)
    },
  }
}

export function namespaceAutoProvision({ lister, client }: PluginContext): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    handles: (a) => a.operation === 'CREATE' && concerns(a) && !a.dryRun,
    async admit(a) {
      if (lister.get(namespaces, '', a.namespace) !== undefined) return
      try {
        await client.create(namespaces, { metadata: { name: a.namespace } })
      } catch (error) {
        if (!isStatus(error, 'AlreadyExists')) throw refuse(a, error instanceof Error ? error.message : String(error))
      }
    },
  }
}
