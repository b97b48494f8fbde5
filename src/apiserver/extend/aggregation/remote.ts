/** One aggregated server: where it is, how this server proves to it who it is, and what it says that it serves. */
import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import type { ServedResource } from '../../../api/generated/discovery.ts'
import type { UserInfo } from '../../handler.ts'
import type { ServerLocation, ServiceResolver } from '../../webhooks/location.ts'
import type { Json } from '../openapi-schemas.ts'

export interface ProxyClient {
  readonly cert: string
  readonly key: string
}

export interface RemoteAnswer {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** GETs a path of the server as the aggregator itself. Throws when no answer comes in time. */
export type AskRemote = (location: ServerLocation, path: string, headers: Readonly<Record<string, string | string[]>>) => Promise<RemoteAnswer>

/** Throws an Error for a service without a reference. */
export function locationOfService(service: APIService, client: ProxyClient | undefined, resolve: ServiceResolver): ServerLocation {
  const { service: reference, caBundle = '', insecureSkipTLSVerify } = service.spec ?? {}
  if (reference?.name === undefined || reference.namespace === undefined) throw new Error('the API service names no service')
  const { namespace, name, port = 443 } = reference
  const host = `${name}.${namespace}.svc`
  return {
    scheme: 'https', host, port, showPort: true, path: '',
    tls: {
      serverName: host, ...client, ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64').toString('utf8') }),
      insecure: insecureSkipTLSVerify === true,
    },
    resolve: () => Promise.resolve().then(() => resolve(namespace, name, port)),
  }
}

/** Headers by which the server is told who asks (upstream: client-go/transport SetAuthProxyHeaders). */
export function identityHeaders({ name, uid, groups, extra }: UserInfo): Record<string, string | string[]> {
  return {
    'x-remote-user': name, ...(uid === undefined || uid === '' ? {} : { 'x-remote-uid': uid }),
    ...(groups.length === 0 ? {} : { 'x-remote-group': [...groups] }),
    ...Object.fromEntries(Object.entries(extra ?? {}).map(([key, values]) => [`x-remote-extra-${escapeKey(key)}`, [...values]])),
  }
}

/** Header names cannot carry everything. */
function escapeKey(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9!#$&'*+.^_`|~-]/g, (c) => [...Buffer.from(c)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))
}

export const aggregatorUser: UserInfo = { name: 'system:kube-aggregator', groups: ['system:masters'] }

const aggregatedAccept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,'
  + 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'

/** What the server serves in a group version: by aggregated discovery, or by the old document. Throws when it cannot tell. */
export async function discoverRemote(ask: AskRemote, location: ServerLocation, group: string, version: string): Promise<readonly ServedResource[]> {
  const whole = await ask(location, '/apis', { accept: aggregatedAccept })
  if (whole.code === 200 && String(whole.headers['content-type']).includes('APIGroupDiscoveryList')) {
    const found = aggregatedResources(JSON.parse(whole.body) as AggregatedList, group, version)
    if (found !== undefined) return found
  }
  const path = `/apis/${group}/${version}`
  const list = await ask(location, path, { accept: 'application/json' })
  if (list.code !== 200) throw new Error(`bad status from ${path}: ${list.code}`)
  return listedResources(JSON.parse(list.body) as ResourceList, group, version)
}

interface Kind {
  readonly group?: string
  readonly version?: string
  readonly kind?: string
}

interface AggregatedList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions?: readonly { readonly version: string; readonly resources?: readonly AggregatedResource[] }[]
  }[]
}

interface AggregatedResource {
  readonly resource: string
  readonly responseKind?: Kind
  readonly scope?: string
  readonly singularResource?: string
  readonly verbs?: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly subresources?: readonly { readonly subresource: string; readonly responseKind?: Kind; readonly verbs?: readonly string[] }[]
}

const kindOf = ({ group = '', version = '', kind = '' }: Kind = {}) => ({ group, version, kind })

function aggregatedResources(list: AggregatedList, group: string, version: string): readonly ServedResource[] | undefined {
  const found = list.items?.find(({ metadata }) => metadata?.name === group)?.versions?.find((v) => v.version === version)
  return found?.resources?.map((r) => ({
    resource: r.resource, singular: r.singularResource ?? '', kind: r.responseKind?.kind ?? '', namespaced: r.scope === 'Namespaced', verbs: r.verbs ?? [],
    ...(r.shortNames === undefined ? {} : { shortNames: r.shortNames }), ...(r.categories === undefined ? {} : { categories: r.categories }),
    ...(r.subresources === undefined ? {} : {
      subresources: r.subresources.map((s) => ({ subresource: s.subresource, responseKind: kindOf(s.responseKind), verbs: s.verbs ?? [] })),
    }),
  }))
}

interface ResourceList {
  readonly resources?: readonly (Kind & {
    readonly name: string; readonly singularName?: string; readonly namespaced?: boolean; readonly verbs?: readonly string[]
    readonly shortNames?: readonly string[]; readonly categories?: readonly string[]; readonly storageVersionHash?: string
  })[]
}

function listedResources({ resources = [] }: ResourceList, group: string, version: string): readonly ServedResource[] {
  return resources.filter(({ name }) => !name.includes('/')).map((r) => {
    const subresources = resources.filter(({ name }) => name.startsWith(`${r.name}/`)).map((s) => ({
      subresource: s.name.slice(r.name.length + 1), responseKind: { group: s.group ?? group, version: s.version ?? version, kind: s.kind ?? '' }, verbs: s.verbs ?? [],
    }))
    return {
      resource: r.name, singular: r.singularName ?? '', kind: r.kind ?? '', namespaced: r.namespaced === true, verbs: r.verbs ?? [],
      ...(r.shortNames === undefined ? {} : { shortNames: r.shortNames }), ...(r.categories === undefined ? {} : { categories: r.categories }),
      ...(r.storageVersionHash === undefined ? {} : { storageVersionHash: r.storageVersionHash }),
      ...(subresources.length === 0 ? {} : { subresources }),
    }
  })
}

/** The server's OpenAPI documents: all of version 2, and the index of version 3. */
export interface RemoteOpenApi {
  readonly v2: Json | undefined
  /** "apis/wardle.example.com/v1alpha1" -> the hash that the server gives the document. */
  readonly v3: ReadonlyMap<string, string>
}

export async function openApiOfRemote(ask: AskRemote, location: ServerLocation, group: string, version: string): Promise<RemoteOpenApi> {
  const [two, three] = await Promise.all([
    ask(location, '/openapi/v2', { accept: 'application/json' }), ask(location, '/openapi/v3', { accept: 'application/json' }),
  ])
  const wanted = `apis/${group}/${version}`
  const index = three.code === 200 ? (JSON.parse(three.body) as { paths?: Record<string, { serverRelativeURL?: string }> }).paths ?? {} : {}
  return {
    v2: two.code === 200 ? JSON.parse(two.body) as Json : undefined,
    v3: new Map(Object.entries(index).filter(([path]) => path === wanted)
      .map(([path, { serverRelativeURL = '' }]) => [path, new URLSearchParams(serverRelativeURL.split('?')[1] ?? '').get('hash') ?? ''])),
  }
}
