/**
 * The resource half of the API: one ApiHandler that serves every verb of every registered kind from its definition.
 * What is not a matter of objects alone (exec, token requests, reviews) is registered by name.
 */
import { handleBinding } from './binding.ts'
import { StatusError, methodNotAllowed, pathNotFound } from '../../api/meta/errors.ts'
import type { ApiHandler, ApiRequest, ApiResponse, RequestInfo } from '../handler.ts'
import { isBuiltinGroup } from '../extend/discovery-model.ts'
import type { Served } from '../registry/resource-registry.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { HandlerDeps, RequestContext } from './context.ts'
import { resourceKey } from './context.ts'
import { handleCreate } from './create.ts'
import { handleDelete, handleDeleteCollection } from './delete.ts'
import { handleEviction } from './eviction.ts'
import { handlePatch } from './patch.ts'
import { handleGet, handleList } from './read.ts'
import { handleScale } from './scale.ts'
import { handleUpdate } from './update.ts'
import { handleWatch } from './watch.ts'

export type { HandlerDeps, SpecialHandler } from './context.ts'

type Handle = (context: RequestContext) => Promise<ApiResponse>

const verbs: Readonly<Record<string, Handle>> = {
  get: handleGet, list: handleList, watch: handleWatch, create: handleCreate, update: handleUpdate,
  patch: handlePatch, delete: handleDelete, deletecollection: handleDeleteCollection,
}

/** Answers resource requests; throws StatusErrors. A path that no kind serves is a 404. */
export function createResourceHandler(deps: HandlerDeps): ApiHandler {
  return async (request) => {
    const { info } = request
    const served = deps.registry.get(info.apiGroup, info.apiVersion, info.resource)
    if (!info.isResourceRequest || served === undefined) return unserved(deps, request)
    checkRoute(served, info)
    const filling = deps.registry.filled(served.store, isWrite(info.verb), request.signal)
    if (filling !== undefined) await filling
    const context: RequestContext = { deps, request, served }
    if (info.subresource !== '') return handleSubresource(context)
    const { definition } = served
    if (definition.virtual === true) {
      const key = resourceKey(info.apiGroup, info.resource)
      if (key === 'bindings' && info.verb === 'create') return handleBinding(context)
      const handler = deps.virtualHandlers?.get(key)
      if (handler === undefined || !serves(definition, info.verb)) throw methodNotAllowed()
      return handler(request, context)
    }
    const handle = verbs[info.verb]
    if (handle === undefined || !serves(definition, info.verb)) throw methodNotAllowed()
    return definition.viewOf === undefined ? handle(context) : handle(context).catch((error: unknown) => { throw inOwnGroup(error, definition) })
  }
}

/** What the stored kind's road refuses, as the group that was asked calls it. */
function inOwnGroup(error: unknown, { group, resource, viewOf }: ResourceDefinition): unknown {
  if (!(error instanceof StatusError)) return error
  const { details, message } = error.status
  if (details?.kind !== viewOf?.resource || details?.group !== undefined) return error
  const own = { ...error.status, details: { ...details, group }, message: message?.replace(`${resource} "`, `${resource}.${group} "`) }
  return new StatusError(own)
}

/** A version of somebody else's group that nobody serves is a path that upstream's router does not know. */
function unserved({ registry }: HandlerDeps, { info: { apiGroup, apiVersion } }: ApiRequest): ApiResponse {
  if (isBuiltinGroup(apiGroup) ? registry.hasGroup(apiGroup) : registry.hasVersion(apiGroup, apiVersion)) throw pathNotFound()
  return {
    type: 'raw', code: 404, body: '404 page not found\n',
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
  }
}

const isWrite = (verb: string): boolean => verb !== 'get' && verb !== 'list' && verb !== 'watch'

const objectVerbs = ['get', 'update', 'patch', 'delete']

/** Which paths there are: throws 404 and 405 as upstream's router does. */
function checkRoute(served: Served, { namespace, name, verb, subresource }: RequestInfo): void {
  const ofObject = objectVerbs.includes(verb) || subresource !== ''
  // A namespace's own path reads as one within it.
  if (!served.namespaced && namespace !== '' && served.resource !== 'namespaces') throw pathNotFound()
  if (served.namespaced && namespace === '') {
    if (name !== '' && (ofObject || verb === 'create')) throw pathNotFound()
    if (verb !== 'list' && verb !== 'watch') throw methodNotAllowed()
  }
  if (subresource === '' && (ofObject ? name === '' : verb === 'create' && name !== '')) throw methodNotAllowed()
}

function serves(definition: ResourceDefinition, verb: string): boolean {
  return definition.verbs === undefined || definition.verbs.includes(verb)
}

/** Subresources with objects of their own that need nothing but the registry. */
const ownKinds: Readonly<Record<string, Handle>> = {
  'pods/binding': handleBinding,
  'pods/eviction': handleEviction,
}

async function handleSubresource(context: RequestContext): Promise<ApiResponse> {
  const { deps, request, served } = context
  const { info } = request
  const key = `${resourceKey(info.apiGroup, info.resource)}/${info.subresource}`
  const special = deps.subresourceHandlers?.get(key)
  if (special !== undefined) return special(request, context)
  const own = ownKinds[key]
  if (own !== undefined) {
    if (info.verb !== 'create') throw methodNotAllowed()
    return own(context)
  }
  const { definition } = served
  if (info.subresource !== '' && definition.versionSubresources?.[info.apiVersion]?.includes(info.subresource) === false) throw pathNotFound()
  if (info.subresource === 'scale' && definition.scale !== undefined) return handleScale(context)
  const subresource = definition.subresources?.[info.subresource]
  if (subresource === undefined) throw pathNotFound()
  if (subresource.verbs?.includes(info.verb) === false) throw methodNotAllowed()
  switch (info.verb) {
    case 'get': return handleGet(context)
    case 'update': return handleUpdate(context)
    case 'patch': return handlePatch(context)
    default: throw methodNotAllowed()
  }
}
