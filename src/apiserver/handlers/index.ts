/**
 * The resource half of the API: one ApiHandler that serves every verb of every registered kind from its definition.
 * What is not a matter of objects alone (exec, token requests, reviews) is registered by name.
 */
import { methodNotAllowed, methodNotSupported, pathNotFound } from '../../api/meta/errors.ts'
import type { ApiHandler, ApiResponse } from '../handler.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import type { HandlerDeps, RequestContext } from './context.ts'
import { resourceKey } from './context.ts'
import { handleCreate } from './create.ts'
import { handleDelete, handleDeleteCollection } from './delete.ts'
import { handleGet, handleList } from './read.ts'
import { handleUpdate } from './update.ts'
import { handleWatch } from './watch.ts'

export type { HandlerDeps, RequestContext, SpecialHandler } from './context.ts'

type Handle = (context: RequestContext) => Promise<ApiResponse>

const verbs: Readonly<Record<string, Handle>> = {
  get: handleGet, list: handleList, watch: handleWatch, create: handleCreate, update: handleUpdate,
  delete: handleDelete, deletecollection: handleDeleteCollection,
}

/** Answers resource requests; throws StatusErrors. A path that no kind serves is a 404. */
export function createResourceHandler(deps: HandlerDeps): ApiHandler {
  return async (request) => {
    const { info } = request
    const served = deps.registry.get(info.apiGroup, info.apiVersion, info.resource)
    if (!info.isResourceRequest || served === undefined) throw pathNotFound()
    const context: RequestContext = { deps, request, served }
    if (info.subresource !== '') return handleSubresource(context)
    const { definition } = served
    if (definition.virtual === true) {
      const handler = deps.virtualHandlers?.get(resourceKey(info.apiGroup, info.resource))
      if (handler === undefined || !serves(definition, info.verb)) throw methodNotAllowed()
      return handler(request, context)
    }
    const handle = verbs[info.verb]
    if (handle === undefined || !serves(definition, info.verb)) throw methodNotSupported(served, info.verb)
    return handle(context)
  }
}

function serves(definition: ResourceDefinition, verb: string): boolean {
  return definition.verbs === undefined || definition.verbs.includes(verb)
}

async function handleSubresource(context: RequestContext): Promise<ApiResponse> {
  const { deps, request, served } = context
  const { info } = request
  const special = deps.subresourceHandlers?.get(`${resourceKey(info.apiGroup, info.resource)}/${info.subresource}`)
  if (special !== undefined) return special(request, context)
  if (served.definition.subresources?.[info.subresource] === undefined) throw pathNotFound()
  switch (info.verb) {
    case 'get': return handleGet(context)
    case 'update': return handleUpdate(context)
    default: throw methodNotSupported(served, info.verb)
  }
}
