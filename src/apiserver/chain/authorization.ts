/** Asks the authorizer; a refusal is upstream's sentence (upstream: endpoints/filters/authorization.go). */
import { AuthorizationError, forbidden, internalError } from '../../api/meta/errors.ts'
import type { Attributes, Authorizer } from '../auth/contract.ts'
import type { ApiRequest, Filter, RequestInfo, UserInfo } from '../handler.ts'

export function attributesOf(info: RequestInfo, user: UserInfo): Attributes {
  return {
    user, verb: info.verb, isResourceRequest: info.isResourceRequest, namespace: info.namespace,
    apiGroup: info.apiGroup, apiVersion: info.apiVersion, resource: info.resource, subresource: info.subresource,
    name: info.name, path: info.path,
    ...(info.fieldSelector === undefined ? {} : { fieldSelector: info.fieldSelector }),
    ...(info.labelSelector === undefined ? {} : { labelSelector: info.labelSelector }),
  }
}

export function authorizationFilter(authorizer: Authorizer): Filter {
  return {
    name: 'authorization',
    wrap: (next) => async (request: ApiRequest) => {
      const attributes = attributesOf(request.info, request.user)
      const verdict = await authorizer.authorize(attributes)
      request.audit['authorization.k8s.io/decision'] = verdict.decision === 'allow' ? 'allow' : 'forbid'
      request.audit['authorization.k8s.io/reason'] = verdict.reason ?? ''
      if (verdict.decision === 'allow') return next(request)
      if (verdict.error !== undefined && verdict.decision === 'none') throw internalError(verdict.error)
      throw forbiddenRequest(attributes, verdict.reason ?? '')
    },
  }
}

/** The 403 of a request that may not be made. */
export function forbiddenRequest(attributes: Attributes, reason: string): AuthorizationError {
  const sentence = sanitize(forbiddenSentence(attributes))
  const why = reason === '' ? sentence : `${sentence}: ${reason}`
  const { apiGroup: group, resource } = attributes
  return new AuthorizationError(forbidden({ group, resource }, attributes.name, why).status)
}

function forbiddenSentence(attributes: Attributes): string {
  const { verb, apiGroup, namespace, subresource } = attributes
  const user = JSON.stringify(attributes.user.name)
  if (!attributes.isResourceRequest) return `User ${user} cannot ${verb} path ${JSON.stringify(attributes.path)}`
  const resource = subresource === '' ? attributes.resource : `${attributes.resource}/${subresource}`
  const what = `User ${user} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(apiGroup)}`
  return namespace === '' ? `${what} at the cluster scope` : `${what} in the namespace ${JSON.stringify(namespace)}`
}

/** The sentence may be shown by a browser. */
function sanitize(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
