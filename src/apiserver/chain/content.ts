/**
 * The HTTP road's own last filter: settles the format of the answer, then reads and decodes the body. It runs behind
 * authorization, so nobody without the right to write can make the server parse anything.
 */
import { methodNotAllowed } from '../../api/meta/errors.ts'
import type { ApiRequest, Filter, RequestBody, RequestInfo } from '../handler.ts'
import { checkPatchRouted, decodeBody, maxBodyBytes, readBody } from '../http/body.ts'
import { type HttpExchange, exchangeOf } from '../http/exchange.ts'
import { type MediaType, type Offer, checkRouted, jsonType, negotiate, protobufType, yamlType } from '../http/negotiate.ts'
import { deprecationWarning } from '../handlers/deprecation.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import { isStreamSubresource } from '../streams/kinds.ts'

/** Finds the kind that a request is about; the registry is one. */
export interface Kinds {
  get(group: string, version: string, resource: string): { readonly definition: ResourceDefinition } | undefined
}

const customMediaTypes: readonly MediaType[] = [jsonType, yamlType]
const builtinTypes = [jsonType, yamlType, protobufType]
const streamed = [...builtinTypes, `${jsonType};stream=watch`, `${protobufType};stream=watch`]
const bodyVerbs: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

export function contentFilter(kinds: Kinds): Filter {
  return {
    name: 'content',
    wrap: (next) => async (request) => {
      const exchange = exchangeOf(request)
      if (exchange === undefined || !request.info.isResourceRequest || isStreamSubresource(request.info)) return next(request)
      const { info } = request
      const definition = kinds.get(info.apiGroup, info.apiVersion, info.resource)?.definition
      if (definition === undefined) return next(request)
      if (!fitsPath(info)) throw methodNotAllowed()
      const offer = offerFor(definition, request)
      // What upstream's router refuses, its handlers have not warned of.
      checkRouted(exchange.headers.accept, offer)
      if (info.verb === 'patch' && definition.custom !== true) checkPatchRouted(exchange.headers['content-type'])
      warnOfAge(request, definition)
      exchange.negotiated = negotiate(exchange.headers.accept, request.query, request.userAgent, offer)
      if (!bodyVerbs.has(info.verb)) return next(request)
      const body = await bodyOf(exchange, request, definition)
      return next(body === undefined ? request : { ...request, body })
    },
  }
}

/** Told with whatever the answer is, where upstream has a road for the request. */
function warnOfAge({ info, warnings }: ApiRequest, { kind, subresources }: ResourceDefinition): void {
  const { apiGroup, apiVersion, subresource, verb } = info
  if (subresource !== '' && (subresources?.[subresource] === undefined || !['get', 'update', 'patch'].includes(verb))) return
  const text = deprecationWarning(apiGroup === '' ? apiVersion : `${apiGroup}/${apiVersion}`, kind)
  if (text !== undefined) warnings.push(text)
}

/** Collections are not replaced or patched, and objects are not created under a name that is in the path. */
function fitsPath({ verb, name, subresource }: RequestInfo): boolean {
  if (name === '') return verb !== 'update' && verb !== 'patch'
  return verb !== 'create' || subresource !== ''
}

function offerFor(definition: ResourceDefinition, request: ApiRequest): Offer {
  const stored = definition.virtual !== true
  return {
    ...(definition.custom === true ? { mediaTypes: customMediaTypes } : { routed: request.info.verb === 'list' || request.info.verb === 'watch' ? streamed : builtinTypes }),
    table: stored, partial: stored, stream: request.info.verb === 'watch',
  }
}

async function bodyOf(exchange: HttpExchange, request: ApiRequest, definition: ResourceDefinition): Promise<RequestBody | undefined> {
  const bytes = await readBody(exchange.request, maxBodyBytes, exchange.headers['content-length'])
  const validation = request.query.get('fieldValidation')
  return decodeBody(request.info, exchange.headers['content-type'], bytes, {
    builtIn: definition.custom !== true, strict: validation !== 'Ignore', kind: request.info.subresource === 'scale' ? 'Scale' : definition.kind,
  })
}
