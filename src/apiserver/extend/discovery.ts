/** Answers /api, /apis and below. Documents are made once per change of what is served. */
import { createHash } from 'node:crypto'
import { pathNotFound } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { splitPath } from '../chain/request-info.ts'
import type { ApiRequest, ApiResponse } from '../handler.ts'
import { exchangeOf } from '../http/exchange.ts'
import { type MediaType, allTypes, checkRouted, jsonType, negotiate, protobufType } from '../http/negotiate.ts'
import { encodeObject } from '../http/encode.ts'
import { canEncodeProtobuf } from '../../api/codec/protobuf.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery-documents.ts'
import { type RemoteVersion, withRemotes } from './aggregation/discovery.ts'
import { type DiscoveredGroup, discoveryModel, isBuiltinGroup } from './discovery-model.ts'

export interface Discovery {
  /** Undefined for paths that are not discovery's. */
  answer(request: ApiRequest): ApiResponse | undefined
  /** To be called when what is served has changed. */
  changed(): void
  groups(): readonly DiscoveredGroup[]
}

export interface DiscoveryOptions {
  definitions(): readonly ResourceDefinition[]
  /** What other servers serve. */
  remotes?(): readonly RemoteVersion[]
  /** host:port that /api advertises. */
  serverAddress(): string
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  let model: readonly DiscoveredGroup[] | undefined
  const kept = new Map<string, { body: Buffer; etag: string }>()

  const groups = () => (model ??= withRemotes(discoveryModel(options.definitions()), options.remotes?.() ?? []))

  function document(key: string, make: () => object): { body: Buffer; etag: string } {
    let found = kept.get(key)
    if (found === undefined) {
      const body = Buffer.from(JSON.stringify(make()) + '\n')
      kept.set(key, (found = { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` }))
    }
    return found
  }

  function aggregated(request: ApiRequest, legacy: boolean, version: 'v2' | 'v2beta1'): ApiResponse {
    const { body, etag } = document(`aggregated/${legacy}/${version}`, () =>
      aggregatedDiscovery(groups().filter((g) => (g.group === '') === legacy), version))
    const headers = {
      'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
      etag, vary: 'Accept', 'cache-control': 'public',
    }
    if (exchangeOf(request)?.headers['if-none-match'] === etag) return { type: 'raw', code: 304, headers: { etag }, body: '' }
    return { type: 'raw', code: 200, headers, body }
  }

  function root(request: ApiRequest, legacy: boolean): ApiResponse {
    const accept = exchangeOf(request)?.headers.accept
    if (legacy) checkRouted(accept, { routed: allTypes })
    const { aggregatedDiscovery: version } = negotiate(accept, request.query, request.userAgent, { aggregatedDiscovery: true })
    if (version !== undefined) return aggregated(request, legacy, version)
    if (legacy) return plain(request, 'api', () => apiVersions(options.serverAddress()))
    return plain(request, 'apis', () => apiGroupList(groups()))
  }

  function plain(request: ApiRequest, key: string, make: () => object): ApiResponse {
    const exchange = exchangeOf(request)
    const object = make() as unknown as KubeObject
    if (exchange === undefined) return { type: 'object', code: 200, object }
    const { mediaType, pretty } = negotiate(exchange.headers.accept, request.query, request.userAgent)
    const used: MediaType = mediaType === protobufType && !canEncodeProtobuf(versioned(object)) ? jsonType : mediaType
    const body = used === jsonType && !pretty ? document(key, () => object).body
      : encodeObject(used === protobufType ? versioned(object) : object, used, pretty)
    return { type: 'raw', code: 200, headers: { 'content-type': used }, body }
  }

  const groupAt = (name: string): DiscoveredGroup | undefined => groups().find((g) => g.group === name)

  /** Undefined: nobody knows the path. */
  function resources(request: ApiRequest, group: string, version: string): ApiResponse | undefined {
    const served = groupAt(group)
    const found = served?.versions.find((v) => v.version === version)
    if (served !== undefined && found === undefined && isBuiltinGroup(group)) throw pathNotFound()
    // Other documents than these are not upstream's router's.
    if (found !== undefined && isBuiltinGroup(group)) checkRouted(exchangeOf(request)?.headers.accept, { routed: allTypes })
    return found && plain(request, `${group}/${version}`, () => apiResourceList(group, version, found.resources))
  }

  return {
    groups,
    changed() {
      model = undefined
      kept.clear()
    },
    answer(request) {
      const [prefix, ...rest] = splitPath(request.info.path)
      if (prefix === 'api') {
        if (rest.length === 0) return root(request, true)
        return rest.length === 1 ? resources(request, '', rest[0]!) : undefined
      }
      if (prefix !== 'apis') return undefined
      if (rest.length === 0) return root(request, false)
      if (rest.length === 1) {
        const group = rest[0] === '' ? undefined : groupAt(rest[0]!)
        if (group?.group === 'apiregistration.k8s.io') checkRouted(exchangeOf(request)?.headers.accept, { routed: allTypes })
        return group === undefined ? undefined : plain(request, `group/${group.group}`, () => apiGroup(group))
      }
      return rest.length === 2 ? resources(request, rest[0]!, rest[1]!) : undefined
    },
  }
}

/** The oldest documents carry no apiVersion in JSON; protobuf wants one. */
function versioned(object: KubeObject): KubeObject & { apiVersion: string; kind: string } {
  return { ...object, apiVersion: object.apiVersion ?? 'v1', kind: object.kind ?? '' }
}
