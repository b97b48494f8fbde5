/** The objects that parametrize a policy (CollectParams of admission/plugin/policy/generic/policy_dispatcher.go). */
import type { ParamKind, ParamRef } from '../../../api/generated/types/admissionregistration-v1.ts'
import { selectorFromObject } from '../../../api/meta/label-selector.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import { parseApiVersion } from '../../../api/meta/object.ts'
import type { PluginContext } from '../context.ts'
import type { Versions } from '../webhooks/versions.ts'

export interface ParamDeps {
  readonly context: Pick<PluginContext, 'lister'>
  readonly versions: Pick<Versions, 'show'>
}

/**
 * The parameters of a binding: one undefined when it has none, no element when there is nothing to be done without them.
 * Throws an Error for a binding that cannot work.
 */
export async function collectParams(
  deps: ParamDeps, kind: ParamKind | undefined, ref: ParamRef | undefined, namespace: string,
): Promise<readonly (KubeObject | undefined)[]> {
  if (kind === undefined) return [undefined]
  const { lister } = deps.context
  const [resource] = lister.resourcesOf(kind.apiVersion ?? '', kind.kind ?? '')
  // The resource that a policy speaks of has to exist before anything can be said by it.
  if (resource === undefined) {
    throw new PolicyConfigurationError(`failed to find resource referenced by paramKind: '${kindText(kind)}'`)
  }
  if (ref === undefined) return [undefined]
  const found = await find(deps, resource, kind, ref, namespace)
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') {
    throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found
}

/** The policy itself cannot work, whatever the binding. */
export class PolicyConfigurationError extends Error {
  override readonly name = 'PolicyConfigurationError'
}

function kindText({ apiVersion = '', kind = '' }: ParamKind): string {
  const { group, version } = parseApiVersion(apiVersion)
  return `${group}/${version}, Kind=${kind}`
}

type ParamResource = ReturnType<PluginContext['lister']['resourcesOf']>[number]

async function find(deps: ParamDeps, resource: ParamResource, kind: ParamKind, ref: ParamRef, namespace: string): Promise<KubeObject[]> {
  const at = resource.namespaced ? (ref.namespace || namespace) : ''
  if (resource.namespaced && at === '') throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources')
  if (!resource.namespaced && ref.namespace) throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  const { lister } = deps.context
  const of: Resource<KubeObject> = { ...resource, kind: kind.kind ?? '' }
  const show = (object: KubeObject): Promise<KubeObject> =>
    deps.versions.show(object, { resource, kind: { group: resource.group, version: resource.version, kind: kind.kind ?? '' } })
  if (ref.name) {
    if (ref.selector !== undefined) throw new Error('paramRef.name and paramRef.selector are mutually exclusive')
    const object = lister.get(of, at, ref.name)
    return object === undefined ? [] : [await show(object)]
  }
  if (ref.selector === undefined) throw new Error('one of name or selector must be provided')
  const selector = selectorFromObject(ref.selector)
  return Promise.all(lister.list(of, at).filter(({ metadata }) => selector.matches(metadata.labels)).map(show))
}
