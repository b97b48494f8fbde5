/** What both kinds of policies need: which requests are none of theirs, the namespace, and compiled policies by object. */
import { namespaces } from '../../../api/generated/resources.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { PluginContext } from '../context.ts'
import type { Attributes } from '../contract.ts'

const policyResources = new Set([
  'validatingadmissionpolicies', 'validatingadmissionpolicybindings', 'mutatingadmissionpolicies', 'mutatingadmissionpolicybindings',
])
const reviews = new Set([
  'authentication.k8s.io/selfsubjectreviews', 'authentication.k8s.io/tokenreviews', 'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews', 'authorization.k8s.io/selfsubjectrulesreviews', 'authorization.k8s.io/subjectaccessreviews',
])

/** Policies do not decide on policies, nor on questions that nothing is stored of. */
export function isBeyondPolicies({ resource: { group, resource } }: Attributes): boolean {
  return (group === 'admissionregistration.k8s.io' && policyResources.has(resource)) || reviews.has(`${group}/${resource}`)
}

/** The namespace that the request is in; undefined for cluster-scoped objects. Throws a StatusError when it is not there. */
export async function namespaceOf(context: Pick<PluginContext, 'lister' | 'client'>, { namespace, kind }: Attributes): Promise<KubeObject | undefined> {
  if (namespace === '' || (kind.kind === 'Namespace' && kind.group === '' && kind.version === 'v1')) return undefined
  const found = context.lister.get(namespaces, '', namespace) ?? await context.client.get(namespaces, { name: namespace })
  return found as unknown as KubeObject
}

interface Named {
  readonly metadata?: { readonly name?: string }
}

const nameOf = ({ metadata }: Named): string => metadata?.name ?? ''

/** In order of their names. */
export const byName = <T extends Named>(objects: readonly T[]): T[] => objects.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))

/** Makes something of an object once, as long as the object is the same. */
export function perObject<T extends object, R>(make: (object: T) => R): (object: T) => R {
  const made = new WeakMap<T, R>()
  return (object) => {
    let known = made.get(object)
    if (known === undefined) {
      known = make(object)
      made.set(object, known)
    }
    return known
  }
}
