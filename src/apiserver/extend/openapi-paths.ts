/**
 * The paths of OpenAPI documents: which operations a kind has. Clients read from them whether a kind knows dryRun and
 * fieldValidation, which kind a path is about, and generate code.
 */
import type { ServedResource } from '../../api/generated/discovery.ts'
import type { Definitions, Json } from './openapi-schemas.ts'

const objectTypes = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml']
const customTypes = ['application/json', 'application/yaml']
const watchTypes = ['application/json', 'application/json;stream=watch', 'application/vnd.kubernetes.protobuf', 'application/vnd.kubernetes.protobuf;stream=watch', 'application/yaml']
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml']
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

interface Parameter {
  readonly name: string
  readonly type: 'string' | 'integer' | 'boolean'
}
const parameter = (name: string, type: Parameter['type'] = 'string'): Parameter => ({ name, type })

const listParameters = [
  parameter('allowWatchBookmarks', 'boolean'), parameter('continue'), parameter('fieldSelector'), parameter('labelSelector'),
  parameter('limit', 'integer'), parameter('resourceVersion'), parameter('resourceVersionMatch'),
  parameter('sendInitialEvents', 'boolean'), parameter('timeoutSeconds', 'integer'), parameter('watch', 'boolean'),
]
const writeParameters = [parameter('dryRun'), parameter('fieldManager'), parameter('fieldValidation')]
const patchParameters = [...writeParameters, parameter('force', 'boolean')]
const deleteParameters = [
  parameter('dryRun'), parameter('gracePeriodSeconds', 'integer'), parameter('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  parameter('orphanDependents', 'boolean'), parameter('propagationPolicy'),
]
const deleteCollectionParameters = [...deleteParameters, ...listParameters.filter(({ name }) => name !== 'allowWatchBookmarks' && name !== 'watch')]
  .sort((a, b) => (a.name < b.name ? -1 : 1))

export interface PathKind {
  readonly group: string
  readonly version: string
  readonly resource: ServedResource
  readonly custom: boolean
  /** Definition names; undefined where the kind has none. */
  readonly schema: string | undefined
  readonly list: string | undefined
  schemaOfKind(kind: { group: string; version: string; kind: string }): string | undefined
}

interface Operation {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete'
  readonly action: string
  readonly id: string
  readonly parameters: readonly Parameter[]
  readonly body?: string
  readonly answer: string | undefined
  readonly codes: readonly number[]
  readonly types: readonly string[]
  readonly kind: { group: string; version: string; kind: string }
}

/** All paths of one kind, added to `into`. */
export function addPaths(into: Json, kind: PathKind, definitions: Definitions): void {
  const { group, version, resource } = kind
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = resource.namespaced ? '/namespaces/{namespace}' : ''
  const collection = `${root}${scope}/${resource.resource}`
  const item = `${collection}/{name}`
  const render = (path: string, operations: readonly Operation[]) => {
    if (operations.length > 0) into[path] = pathItem(path, operations, kind, definitions)
  }
  render(collection, collectionOperations(kind))
  if (resource.namespaced && resource.verbs.includes('list')) {
    render(`${root}/${resource.resource}`, collectionOperations(kind).filter(({ action }) => action === 'list')
      .map((operation) => ({ ...operation, id: operation.id.replace(`Namespaced${resource.kind}`, `${resource.kind}ForAllNamespaces`) })))
  }
  render(item, itemOperations(kind))
  for (const subresource of resource.subresources ?? []) render(`${item}/${subresource.subresource}`, subresourceOperations(kind, subresource))
}

function nameOf({ group, version, resource }: PathKind, verb: string, suffix = ''): string {
  const groupName = (group === '' ? 'core' : group.split('.')[0]!).replace(/^./, (c) => c.toUpperCase())
  const versionName = version.replace(/^./, (c) => c.toUpperCase())
  return `${verb}${groupName}${versionName}${resource.namespaced ? 'Namespaced' : ''}${resource.kind}${suffix}`
}

function collectionOperations(kind: PathKind): Operation[] {
  const { resource, schema, list, custom } = kind
  const self = selfKind(kind)
  const types = custom ? customTypes : objectTypes
  const operations: Operation[] = []
  if (resource.verbs.includes('list')) {
    operations.push({ method: 'get', action: 'list', id: nameOf(kind, 'list'), parameters: listParameters, answer: list, codes: [200], types: custom ? customTypes : watchTypes, kind: self })
  }
  if (resource.verbs.includes('create')) {
    operations.push({ method: 'post', action: 'post', id: nameOf(kind, 'create'), parameters: writeParameters, body: schema, answer: schema, codes: [200, 201, 202], types, kind: self })
  }
  if (resource.verbs.includes('deletecollection')) {
    operations.push({
      method: 'delete', action: 'deletecollection', id: nameOf(kind, 'deleteCollection'), parameters: deleteCollectionParameters,
      body: `${meta}.DeleteOptions`, answer: `${meta}.Status`, codes: [200], types, kind: self,
    })
  }
  return operations
}

function itemOperations(kind: PathKind): Operation[] {
  const { resource, schema, custom } = kind
  const self = selfKind(kind)
  const types = custom ? customTypes : objectTypes
  const has = (verb: string) => resource.verbs.includes(verb)
  const operations: Operation[] = []
  if (has('get')) operations.push({ method: 'get', action: 'get', id: nameOf(kind, 'read'), parameters: [], answer: schema, codes: [200], types, kind: self })
  if (has('update')) operations.push({ method: 'put', action: 'put', id: nameOf(kind, 'replace'), parameters: writeParameters, body: schema, answer: schema, codes: [200, 201], types, kind: self })
  if (has('delete')) {
    operations.push({
      method: 'delete', action: 'delete', id: nameOf(kind, 'delete'), parameters: deleteParameters, body: `${meta}.DeleteOptions`,
      answer: `${meta}.Status`, codes: [200, 202], types, kind: self,
    })
  }
  if (has('patch')) operations.push({ method: 'patch', action: 'patch', id: nameOf(kind, 'patch'), parameters: patchParameters, body: `${meta}.Patch`, answer: schema, codes: [200, 201], types, kind: self })
  return operations
}

function subresourceOperations(kind: PathKind, subresource: NonNullable<ServedResource['subresources']>[number]): Operation[] {
  const answered = subresource.responseKind.version === ''
    ? { group: kind.group, version: kind.version, kind: subresource.responseKind.kind } : subresource.responseKind
  const schema = answered.kind === kind.resource.kind ? kind.schema : kind.schemaOfKind(answered)
  const suffix = subresource.subresource.replace(/^./, (c) => c.toUpperCase())
  const types = kind.custom ? customTypes : objectTypes
  const common = { answer: schema, types, kind: answered }
  const made: Readonly<Record<string, Operation>> = {
    get: { method: 'get', action: 'get', id: nameOf(kind, 'read', suffix), parameters: [], codes: [200], ...common },
    create: { method: 'post', action: 'post', id: nameOf(kind, 'create', suffix), parameters: writeParameters, body: schema, codes: [200, 201, 202], ...common },
    update: { method: 'put', action: 'put', id: nameOf(kind, 'replace', suffix), parameters: writeParameters, body: schema, codes: [200, 201], ...common },
    patch: { method: 'patch', action: 'patch', id: nameOf(kind, 'patch', suffix), parameters: patchParameters, body: `${meta}.Patch`, codes: [200, 201], ...common },
  }
  return ['get', 'update', 'patch', 'create'].filter((verb) => subresource.verbs.includes(verb)).map((verb) => made[verb]!)
}

function selfKind({ group, version, resource }: PathKind) {
  return { group, version, kind: resource.kind }
}

function pathItem(path: string, operations: readonly Operation[], kind: PathKind, definitions: Definitions): Json {
  const item: Json = {}
  for (const operation of operations) item[operation.method] = operationJson(operation, kind, definitions)
  const names = [...(path.includes('{name}') ? ['name'] : []), ...(path.includes('{namespace}') ? ['namespace'] : [])]
  const shown = (name: string, where: string) => parameterJson(definitions, { name, type: 'string' }, where)
  item['parameters'] = [...names.map((name) => ({ ...shown(name, 'path'), required: true })), shown('pretty', 'query')]
  return item
}

function parameterJson(definitions: Definitions, { name, type }: Parameter, where: string): Json {
  return definitions.version === 3
    ? { name, in: where, schema: { type, uniqueItems: true } }
    : { name, in: where, type, uniqueItems: true }
}

function operationJson(operation: Operation, kind: PathKind, definitions: Definitions): Json {
  const group = (kind.group === '' ? 'core' : kind.group.split('.')[0]!)
  const ref = (name: string | undefined): Json => (name === undefined ? { type: 'object' } : definitions.ref(name))
  const extra = { 'x-kubernetes-action': operation.action, 'x-kubernetes-group-version-kind': operation.kind }
  const base = { tags: [`${group}_${kind.version}`], operationId: operation.id }
  const parameters = operation.parameters.map((p) => parameterJson(definitions, p, 'query'))
  const bodyTypes = operation.method !== 'patch' ? ['*/*'] : kind.custom ? patchTypes.filter((t) => !t.includes('strategic')) : patchTypes
  if (definitions.version === 2) {
    const body = operation.body === undefined ? [] : [{ name: 'body', in: 'body', ...(operation.method === 'delete' ? {} : { required: true }), schema: ref(operation.body) }]
    return {
      consumes: bodyTypes, produces: operation.types, schemes: ['https'], ...base, parameters: [...body, ...parameters],
      responses: responses(operation, () => ({ schema: ref(operation.answer) })), ...extra,
    }
  }
  const content = (types: readonly string[], schema: Json) => Object.fromEntries(types.map((type) => [type, { schema }]))
  return {
    ...base, ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined ? {} : {
      requestBody: { content: content(bodyTypes, ref(operation.body)), ...(operation.method === 'delete' ? {} : { required: true }) },
    }),
    responses: responses(operation, () => ({ content: content(operation.types, ref(operation.answer)) })), ...extra,
  }
}

const codeTexts: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

function responses({ codes }: Operation, body: () => Json): Json {
  const shown: Json = {}
  for (const code of codes) shown[code] = { description: codeTexts[code], ...body() }
  shown['401'] = { description: 'Unauthorized' }
  return shown
}
