/** Paths and request meanings of resources (upstream: client-go/rest/request.go). */
import type { Resource } from '../api/meta/object.ts'
import type { RequestInfo, Verb } from '../api/meta/request.ts'
import { exactName } from '../api/meta/request-info.ts'

export interface ResourceTarget {
  readonly namespace?: string
  readonly name?: string
  readonly subresource?: string
}

/** The percent-encoded path of a collection, an object or a subresource. */
export function resourcePath(resource: Resource<unknown>, target: ResourceTarget): string {
  const parts = [resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`]
  if (target.namespace !== undefined && target.namespace !== '') parts.push('namespaces', encodeURIComponent(target.namespace))
  parts.push(resource.resource)
  if (target.name !== undefined && target.name !== '') parts.push(encodeURIComponent(target.name))
  if (target.subresource !== undefined && target.subresource !== '') parts.push(target.subresource)
  return parts.join('/')
}

/** What the server would read from the line, for transports that hand it over as a value. */
export function resourceInfo(
  resource: Resource<unknown>, verb: Verb, target: ResourceTarget, path: string, query: URLSearchParams,
): RequestInfo {
  const name = target.name ?? ''
  const subresource = target.subresource ?? ''
  // A namespace object counts as being in itself, for the authorizer's sake.
  const itself = resource.group === '' && resource.resource === 'namespaces' ? name : ''
  const namespace = target.namespace ?? itself
  const fieldSelector = query.get('fieldSelector')
  const labelSelector = query.get('labelSelector')
  const selecting = verb === 'list' || verb === 'watch' || verb === 'deletecollection'
  return {
    isResourceRequest: true,
    path: path.includes('%') ? decodeURIComponent(path) : path,
    verb,
    apiPrefix: resource.group === '' ? 'api' : 'apis',
    apiGroup: resource.group,
    apiVersion: resource.version,
    namespace,
    resource: resource.resource,
    subresource,
    // As over HTTP: a list that names one object is authorized by that name.
    name: name === '' && (verb === 'list' || verb === 'watch') ? exactName(fieldSelector) : name,
    parts: [resource.resource, name, subresource].filter((part) => part !== ''),
    ...(selecting && fieldSelector !== null ? { fieldSelector } : {}),
    ...(selecting && labelSelector !== null ? { labelSelector } : {}),
  }
}
