/**
 * Whoever makes a policy or a binding must be able to read the parameters that it refers to (upstream:
 * pkg/registry/admissionregistration/{validating,mutating}admissionpolicy{,binding}/authz.go).
 */
import type { ValidatingAdmissionPolicyBinding } from '../../../api/generated/types/admissionregistration-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden } from '../../../api/meta/field-errors.ts'
import { parseApiVersion, type KubeObject } from '../../../api/meta/object.ts'
import { goUser, isSuperuser } from '../asks.ts'
import type { AskContext, Asks } from '../define.ts'

interface ParamKind { apiVersion?: string; kind?: string }
type Policy = KubeObject & { spec?: { paramKind?: ParamKind | undefined } }
type Binding = KubeObject & { spec?: { policyName?: string | undefined; paramRef?: ValidatingAdmissionPolicyBinding['spec']['paramRef'] } }

const everything = { resource: '*', group: '*', version: '*' }

/** The narrowest resource that a kind of parameters is known by, and what of it could not be found. */
function resourceFor({ apiVersion = '', kind = '' }: ParamKind, { inquiry }: AskContext): typeof everything & { readonly failed?: 'parse' | 'resolve' } {
  if (apiVersion.split('/').length > 2) return { ...everything, failed: 'parse' }
  const { group, version } = parseApiVersion(apiVersion)
  const resource = inquiry.resourceOf(apiVersion, kind)
  return { group, version, ...(resource === undefined ? { resource: '*', failed: 'resolve' } : { resource }) }
}

async function kindErrors({ spec }: Policy, old: Policy | undefined, context: AskContext): Promise<FieldError[]> {
  const kind = spec?.paramKind
  const before = old?.spec?.paramKind
  if (!kind || isSuperuser(context.user)) return []
  if (before && before.kind === kind.kind && before.apiVersion === kind.apiVersion) return []
  const { failed: _, ...resource } = resourceFor(kind, context)
  const { allowed, error } = await context.inquiry.may(context.user, { ...resource, verb: 'get', namespace: '*', name: '*' })
  if (error === undefined && allowed) return []
  return [fieldForbidden('spec.paramKind', error
    ?? `user ${goUser(context.user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind.kind ?? ''}, apiVersion=${kind.apiVersion ?? ''})`)]
}

async function referenceErrors({ spec }: Binding, policies: string, context: AskContext): Promise<FieldError[]> {
  const { paramRef: reference, policyName = '' } = spec ?? {}
  if (!reference || isSuperuser(context.user)) return []
  const policy = await context.inquiry.read('admissionregistration.k8s.io', policies, '', policyName) as Policy | undefined
  const kind = policy?.spec?.paramKind
  const { failed, ...resource } = kind ? resourceFor(kind, context) : everything as ReturnType<typeof resourceFor>
  const verb = reference.name ? 'get' : 'list'
  const { allowed, error } = await context.inquiry.may(context.user, { ...resource, verb, namespace: reference.namespace ?? '', name: reference.name ?? '' })
  const validating = policies === 'validatingadmissionpolicies'
  if (error !== undefined) return [fieldForbidden('spec.paramRef', validating ? `failed to authorize request: ${error}` : error)]
  if (allowed) return []
  const lacks = `user ${goUser(context.user)} does not have "${verb}" permission`
  if (policy === undefined) return [fieldForbidden('spec.paramRef', `unable to get policy ${policyName} to determine minimum required permissions and ${lacks} for all groups, versions and resources`)]
  if (failed !== undefined) {
    return [fieldForbidden('spec.paramRef', `unable to ${failed} paramKind &{${kind!.apiVersion ?? ''} ${kind!.kind ?? ''}} to determine minimum required permissions and ${lacks} for all groups, versions and resources`)]
  }
  // Upstream's sentence for the mutating kind has its two values the wrong way round.
  return [fieldForbidden('spec.paramRef', `${validating ? lacks : `user ${verb} does not have "${goUser(context.user)}" permission`} on the object referenced by paramRef`)]
}

/** Of policies of either kind. */
export const policyAsks: Asks<Policy> = { last: true, errors: kindErrors }

/**
 * Of bindings to the policies of a resource. Upstream compares references by the addresses of their parts, so that every
 * update is asked about.
 */
export const bindingAsks = (policies: string): Asks<Binding> => ({ last: true, errors: (binding, _old, context) => referenceErrors(binding, policies, context) })

