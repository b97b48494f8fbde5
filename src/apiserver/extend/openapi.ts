/** /openapi/v2 and /openapi/v3, made when they are first asked for and kept until what is served changes. */
import { createHash } from 'node:crypto'
import { gvkDefinition } from '../../api/schema/builtin.ts'
import type { ApiRequest, ApiResponse } from '../handler.ts'
import { exchangeOf } from '../http/exchange.ts'
import { parseAccept } from '../../api/meta/accept.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import { customDefinitions } from './openapi-custom.ts'
import type { DiscoveredGroup } from './discovery-model.ts'
import type { OpenApiSource } from './endpoints.ts'
import { mergeVersionTwo } from './aggregation/openapi.ts'
import { addPaths } from './openapi-paths.ts'
import { resourceListItem, rootItem, rootsOf } from './openapi-roots.ts'
import { Definitions, type Json } from './openapi-schemas.ts'
import { shareParameters } from './openapi-shared.ts'
import { encodeOpenApiV2 } from './openapi-v2-protobuf.ts'

export interface OpenApi extends OpenApiSource {
  changed(): void
}

export interface OpenApiOptions {
  definitions(): readonly ResourceDefinition[]
  groups(): readonly DiscoveredGroup[]
  /** Whether this server answers for the issuer of its service account tokens. */
  readonly issuesTokens: boolean
  /** Kinds that are neither built in nor custom: makes the definitions of kind and list part of the document, and answers their names. */
  computed?(definitions: Definitions, group: string, version: string, kind: string): { readonly kind: string; readonly list: string } | undefined
  /** Documents of other servers. */
  remotes(): readonly RemoteDocuments[]
}

/** What a remote publishes of a group version. */
export interface RemoteDocuments {
  readonly group: string
  readonly version: string
  readonly v2: Json | undefined
  /** The hash of its version 3 document; undefined without one. */
  readonly v3Hash: string | undefined
  /** The version 3 document. Throws when it cannot be had. */
  v3(): Promise<string>
}

interface Document {
  readonly body: Buffer
  readonly etag: string
}

const info = { title: 'Kubernetes', version: '1.36' }
/** Of the documents of custom kinds. */
const customInfo = { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' }
const security = { BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' } }
/** What clients ask for; the old name is no well-formed media type, so the answer never carries it. */
const protobufV2Names = ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf']

export function createOpenApi(options: OpenApiOptions): OpenApi {
  const kept = new Map<string, Document>()
  let index: { body: Buffer; hashes: ReadonlyMap<string, string> } | undefined

  function document(key: string, make: () => Buffer): Document {
    let found = kept.get(key)
    if (found === undefined) {
      const body = make()
      kept.set(key, (found = { body, etag: `"${hashOf(body)}"` }))
    }
    return found
  }

  let customs: ReadonlyMap<string, ResourceDefinition> | undefined
  function customOf(group: string, version: string, kind: string): ResourceDefinition | undefined {
    customs ??= new Map(options.definitions().filter((d) => d.custom === true).map((d) => [`${d.group}/${d.kind}`, d]))
    const found = customs.get(`${group}/${kind}`)
    return found !== undefined && (found.version === version || found.versions?.[version] !== undefined) ? found : undefined
  }

  /** Whether a group version is of custom kinds alone. */
  const isCustom = (group: string, version: string): boolean => options.groups().find((g) => g.group === group)?.versions
    .find((v) => v.version === version)?.resources.every(({ kind }) => customOf(group, version, kind) !== undefined) === true

  const definitionOf = (group: string, resource: string) => options.definitions().find((d) => d.group === group && d.resource === resource)
  const remoteOf = (group: string, version: string) => options.remotes().find((remote) => remote.group === group && remote.version === version)

  /** "api/v1" or "apis/apps/v1" -> the group version, for all that this server serves itself. */
  function groupVersions(): Map<string, { group: string; version: string }> {
    return new Map(options.groups().flatMap(({ group, versions }) => versions.filter(({ version }) => remoteOf(group, version) === undefined)
      .map(({ version }) => [group === '' ? `api/${version}` : `apis/${group}/${version}`, { group, version }] as const)))
  }

  function addGroupVersion(paths: Json, definitions: Definitions, group: string, version: string): void {
    const resources = options.groups().find((g) => g.group === group)?.versions.find((v) => v.version === version)?.resources ?? []
    const rootPath = group === '' ? `/api/${version}/` : `/apis/${group}/${version}/`
    if (!isCustom(group, version)) paths[rootPath] = resourceListItem(rootPath, definitions)
    for (const resource of resources) {
      const custom = customOf(group, version, resource.kind)
      const names = custom === undefined ? options.computed?.(definitions, group, version, resource.kind) : customDefinitions(custom, version, definitions)
      const builtIn = (kind: string) => gvkDefinition(group, version, kind)
      addPaths(paths, {
        group, version, resource, custom: custom !== undefined, returnsDeleted: returnsDeleted(definitionOf(group, resource.resource)),
        schema: names?.kind ?? builtIn(resource.kind), list: names?.list ?? builtIn(`${resource.kind}List`),
        schemaOfKind: (kind) => gvkDefinition(kind.group, kind.version, kind.kind),
      }, definitions)
    }
  }

  /** The other paths that have a document of their own. */
  const roots = () => rootsOf(options.groups().filter(({ group, versions }) => group !== '' && versions.some(({ version, resources }) =>
    remoteOf(group, version) === undefined && resources.some(({ kind }) => customOf(group, version, kind) === undefined))).map(({ group }) => group), options.issuesTokens)

  function versionThree(key: string): Document | undefined {
    const found = groupVersions().get(key)
    const root = roots()[key]
    if (found === undefined && root === undefined) return undefined
    return document(`v3/${key}`, () => {
      const custom = found !== undefined && isCustom(found.group, found.version)
      const definitions = new Definitions(3, custom ? 'custom' : found)
      const paths: Json = {}
      if (found !== undefined) addGroupVersion(paths, definitions, found.group, found.version)
      else paths[root![0]] = rootItem(root!, definitions)
      const schemas = definitions.all()
      return Buffer.from(JSON.stringify({
        openapi: '3.0.0', info: custom ? customInfo : info, paths: sorted(paths),
        components: { ...(Object.keys(schemas).length === 0 ? {} : { schemas }), ...(custom ? {} : { securitySchemes: security }) },
      }))
    })
  }

  function versionTwo(): Json {
    const definitions = new Definitions(2)
    const paths: Json = {}
    for (const { group, version } of groupVersions().values()) addGroupVersion(paths, definitions, group, version)
    for (const root of Object.values(roots())) paths[root[0]] = rootItem(root, definitions)
    const parameters = shareParameters(paths)
    const whole: Json = {
      swagger: '2.0', info, paths, definitions: definitions.all(), parameters, securityDefinitions: security, security: [{ BearerToken: [] }],
    }
    for (const { group, version, v2 } of options.remotes()) if (v2 !== undefined) mergeVersionTwo(whole, v2, `/apis/${group}/${version}`)
    return { ...whole, paths: sorted(paths), definitions: sorted(whole['definitions'] as Json) }
  }

  /** Hashes of what documents are made of stand for the documents, which nobody may ever ask for. */
  function versionThreeIndex() {
    if (index !== undefined) return index
    const paths: Json = {}
    const hashes = new Map<string, string>()
    for (const [key, { group, version }] of groupVersions()) {
      const resources = options.groups().find((g) => g.group === group)?.versions.find((v) => v.version === version)?.resources
      const schemas = options.definitions().filter((d) => d.custom === true && d.group === group)
        .map((d) => (d.version === version ? d.schema : d.versions?.[version]?.schema))
      const hash = hashOf(Buffer.from(JSON.stringify([info, resources, schemas])))
      hashes.set(key, hash)
      paths[key] = { serverRelativeURL: `/openapi/v3/${key}?hash=${hash}` }
    }
    for (const key of Object.keys(roots())) {
      const hash = hashOf(Buffer.from(JSON.stringify([info, key])))
      hashes.set(key, hash)
      paths[key] = { serverRelativeURL: `/openapi/v3/${key}?hash=${hash}` }
    }
    for (const { group, version, v3Hash } of options.remotes()) {
      if (v3Hash === undefined) continue
      const key = `apis/${group}/${version}`
      hashes.set(key, v3Hash)
      paths[key] = { serverRelativeURL: `/openapi/v3/${key}?hash=${v3Hash}` }
    }
    return (index = { body: Buffer.from(JSON.stringify({ paths: sorted(paths) })), hashes })
  }

  function answerVersionTwo(request: ApiRequest): ApiResponse {
    const form = formOf(exchangeOf(request)?.headers.accept ?? '')
    if (form === undefined) return { type: 'raw', code: 406, headers: { vary: 'Accept' }, body: '' }
    if (form !== v2Forms[0]) {
      return conditional(request, document('v2/protobuf', () => encodeOpenApiV2(versionTwo())), protobufV2Names[1]!)
    }
    return conditional(request, document('v2/json', () => Buffer.from(JSON.stringify(versionTwo()))), 'application/json')
  }

  async function remoteVersionThree(key: string): Promise<Document | undefined> {
    const [, group = '', version = ''] = /^apis\/([^/]+)\/([^/]+)$/.exec(key) ?? []
    const remote = remoteOf(group, version)
    if (remote?.v3Hash === undefined) return undefined
    const body = Buffer.from(await remote.v3())
    return { body, etag: `"${hashOf(body)}"` }
  }

  async function answerVersionThree(request: ApiRequest, key: string): Promise<ApiResponse | undefined> {
    const found = versionThree(key) ?? await remoteVersionThree(key)
    if (found === undefined) return undefined
    const hash = request.query.get('hash')
    const current = versionThreeIndex().hashes.get(key)
    if (hash !== null && hash !== current) {
      return { type: 'raw', code: 301, headers: { location: `/openapi/v3/${key}?hash=${current}` }, body: '' }
    }
    // A URL with a hash never means another document, so clients may keep it for a year.
    const caching: Record<string, string> = hash === null ? {} : {
      'cache-control': 'public, immutable', expires: new Date(farFuture).toUTCString(),
    }
    return conditional(request, found, 'application/json', caching)
  }

  return {
    answer(request) {
      const path = request.info.path.replace(/\/+$/, '')
      if (path === '/openapi/v2') return Promise.resolve(answerVersionTwo(request))
      if (path === '/openapi/v3') {
        const { body } = versionThreeIndex()
        return Promise.resolve(conditional(request, { body, etag: `"${hashOf(body)}"` }, 'application/json'))
      }
      if (!path.startsWith('/openapi/v3/')) return Promise.resolve(undefined)
      return answerVersionThree(request, path.slice('/openapi/v3/'.length))
    },
    changed() {
      kept.clear()
      index = undefined
      customs = undefined
    },
  }
}

/** Kinds that are marked first answer with themselves until they are gone, which upstream's documents do not tell. */
const returnsDeleted = (definition: ResourceDefinition | undefined): boolean => definition?.returnDeletedObject === true && definition.prepareForDelete === undefined

/** 2100: any date that clients take for "never". */
const farFuture = 4_102_444_800_000

function conditional(request: ApiRequest, { body, etag }: Document, contentType: string, more: Readonly<Record<string, string>> = {}): ApiResponse {
  const headers = { 'content-type': contentType, etag, vary: 'Accept', ...more }
  const known = exchangeOf(request)?.headers['if-none-match']
  if (known !== undefined && known.split(',').some((tag) => tag.trim() === etag)) return { type: 'raw', code: 304, headers, body: '' }
  return { type: 'raw', code: 200, headers, body }
}

const v2Forms = ['application/json', ...protobufV2Names]

/** Which form of version 2 a client takes; undefined: none. */
function formOf(accept: string): string | undefined {
  for (const { type, subtype } of parseAccept(accept === '' ? '*/*' : accept)) {
    const found = v2Forms.find((form) => (type === '*' || type === 'application') && (subtype === '*' || form === `application/${subtype}`))
    if (found !== undefined) return found
  }
  return undefined
}

const hashOf = (bytes: Buffer): string => createHash('sha512').update(bytes).digest('hex').toUpperCase()
const sorted = (paths: Json): Json => Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)))
