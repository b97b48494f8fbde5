/** Who makes an object depend on another must be allowed to delete the one and to hold up deletion of the other. */
import type { OwnerReference } from '../../../api/meta/object.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import type { Question } from '../../resources/define.ts'
import { isOperation, refuse, same, type PluginContext } from '../context.ts'

const exempt = (a: Attributes): boolean => a.resource.group === '' && a.resource.resource === 'pods' && a.subresource === 'status'

function newlyBlocking(a: Attributes): OwnerReference[] {
  const before = new Map((a.oldObject?.metadata.ownerReferences ?? []).map((ref) => [ref.uid, ref.blockOwnerDeletion === true]))
  return (a.object?.metadata.ownerReferences ?? []).filter((ref) => ref.blockOwnerDeletion === true && before.get(ref.uid) !== true)
}

export function ownerReferencesPermissionEnforcement({ authorize, lister }: PluginContext): AdmissionPlugin {
  function permissions(a: Attributes, ref: OwnerReference): Question[] {
    const resources = lister.resourcesOf(ref.apiVersion, ref.kind)
    if (resources.length === 0) {
      throw refuse(a, `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${ref.apiVersion} Kind ${ref.kind}: no matches for kind ${JSON.stringify(ref.kind)} in version ${JSON.stringify(ref.apiVersion)}`)
    }
    return resources.map(({ group, version, resource, namespaced }) => ({
      verb: 'update', group, version, resource, subresource: 'finalizers', name: ref.name, ...(namespaced ? { namespace: a.namespace } : {}),
    }))
  }

  return {
    name: 'OwnerReferencesPermissionEnforcement',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && !exempt(a),
    async validate(a) {
      const refs = a.object?.metadata?.ownerReferences ?? []
      if (same(refs, a.oldObject?.metadata.ownerReferences ?? [])) return
      if (a.operation !== 'CREATE') {
        const { group, version, resource } = a.resource
        const verdict = await authorize(a.user, { verb: 'delete', group, version, resource, subresource: a.subresource, namespace: a.namespace, name: a.name })
        if (!verdict.allowed) throw refuse(a, `cannot set an ownerRef on a resource you can't delete: ${verdict.reason}, <nil>`)
      }
      const blocking = newlyBlocking(a)
      if (blocking.length === 0) return
      const anything = { verb: 'update', group: '*', version: '*', resource: '*', subresource: 'finalizers', name: '*' }
      if ((await authorize(a.user, anything)).allowed) return
      for (const permission of blocking.flatMap((ref) => permissions(a, ref))) {
        const verdict = await authorize(a.user, permission)
        if (!verdict.allowed) {
          throw refuse(a, `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${verdict.reason}, <nil>`)
        }
      }
    },
  }
}
