/**
 * The HTTP road's own last filter: settles the format of the answer, then reads and decodes the body. It runs behind
 * authorization, so nobody without the right to write can make the server parse anything.
 */
import { Buffer } from 'node:buffer'
import type { Catalog, ServedKind } from '../extend/catalog.ts'
import type { ApiRequest, Filter, RequestBody } from '../handler.ts'
import { decodeBody, maxBodyBytes, readBody } from '../http/body.ts'
import { type HttpExchange, exchangeOf } from '../http/exchange.ts'
import { type MediaType, type Offer, jsonType, negotiate, yamlType } from '../http/negotiate.ts'
import { isStreamSubresource } from '../streams/kinds.ts'

const customMediaTypes: readonly MediaType[] = [jsonType, yamlType]
const bodyVerbs: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection'])

export function contentFilter(catalog: Catalog): Filter {
  return {
    name: 'content',
    wrap: (next) => async (request) => {
      const exchange = exchangeOf(request)
      if (exchange === undefined || !request.info.isResourceRequest || isStreamSubresource(request.info)) return next(request)
      const { info } = request
      const kind = catalog.find(info.apiGroup, info.apiVersion, info.resource)
      if (kind === undefined) return next(request)
      exchange.negotiated = negotiate(exchange.headers.accept, request.query, request.userAgent, offerFor(kind, request))
      if (!bodyVerbs.has(info.verb)) return next(request)
      const body = await bodyOf(exchange, request, kind)
      return next(body === undefined ? request : { ...request, body })
    },
  }
}

function offerFor(kind: ServedKind, request: ApiRequest): Offer {
  const stored = kind.definition.virtual !== true
  return {
    ...(kind.custom ? { mediaTypes: customMediaTypes } : {}),
    table: stored, partial: stored, stream: request.info.verb === 'watch',
  }
}

async function bodyOf(exchange: HttpExchange, request: ApiRequest, kind: ServedKind): Promise<RequestBody | undefined> {
  const bytes = await readBody(exchange.request, maxBodyBytes, exchange.headers['content-length'])
  const validation = request.query.get('fieldValidation')
  return decodeBody(request.info, exchange.headers['content-type'], Buffer.from(bytes), {
    builtIn: !kind.custom, strict: validation !== 'Ignore', kind: kind.definition.kind,
  })
}
