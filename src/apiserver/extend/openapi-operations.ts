/**
 * The operations of a kind as OpenAPI documents tell them, as data: of its collection, of one object, of its subresources,
 * the connections through to a node, and the old paths of watches (upstream: apiserver/pkg/endpoints/installer.go; for custom
 * kinds apiextensions-apiserver/pkg/controller/openapi/builder).
 */
import type { ServedResource, ServedSubresource } from '../../api/generated/discovery.ts'
import { capital } from './descriptions.ts'
import { type Parameter, collectionDeletion, connectors, deletion, listing, patching, reading, writing } from './openapi-parameters.ts'

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete' | 'options' | 'head'

export interface Operation {
  readonly method: Method
  /** x-kubernetes-action; absent for paths of no kind. */
  readonly action?: string
  /** The verb that the id begins with, and what follows the group and version in it. */
  readonly verb: string
  readonly noun: string
  readonly parameters: readonly Parameter[]
  /** Whether `pretty` is one of its parameters; it is but for connections and paths of no kind. */
  readonly pretty?: false
  readonly body?: { readonly schema: string | undefined; readonly required: boolean }
  /** A definition's name; 'text' for a plain string; undefined for what has no definition. */
  readonly answer: string | undefined
  readonly codes: readonly number[]
  /** What is read; absent where nothing is said of it. */
  readonly consumes?: readonly string[]
  readonly produces: readonly string[]
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string }
}

export interface PathKind {
  readonly group: string
  readonly version: string
  readonly resource: ServedResource
  readonly custom: boolean
  /** Deletion answers with the object. */
  readonly returnsDeleted: boolean
  /** Definition names; undefined where the kind has none. */
  readonly schema: string | undefined
  readonly list: string | undefined
  schemaOfKind(kind: { group: string; version: string; kind: string }): string | undefined
}

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const customTypes = ['application/json', 'application/yaml']
const streamTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']
const anything = ['*/*']
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml']
const customPatchTypes = patchTypes.filter((type) => !type.includes('strategic'))
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
export const discoveryTypes = objectTypes

/** Every path of a kind with its operations. */
export function* pathsOf(kind: PathKind): Generator<readonly [path: string, operations: readonly Operation[]]> {
  const { group, version, resource } = kind
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope = resource.namespaced ? '/namespaces/{namespace}' : ''
  const name = resource.resource
  const item = `${scope}/${name}/{name}`
  yield [`${root}${scope}/${name}`, collectionOperations(kind)]
  if (resource.namespaced && resource.verbs.includes('list')) yield [`${root}/${name}`, [listOperation(kind, `${resource.kind}ForAllNamespaces`)]]
  yield [root + item, itemOperations(kind)]
  for (const subresource of resource.subresources ?? []) yield* subresourcePaths(kind, `${root}${item}/${subresource.subresource}`, subresource)
  if (kind.custom || !resource.verbs.includes('watch')) return
  yield [`${root}/watch${scope}/${name}`, [watchOperation(kind, 'watchlist', `${nounOf(kind)}List`)]]
  if (resource.namespaced) yield [`${root}/watch/${name}`, [watchOperation(kind, 'watchlist', `${resource.kind}ListForAllNamespaces`)]]
  yield [`${root}/watch${item}`, [watchOperation(kind, 'watch', nounOf(kind))]]
}

const nounOf = ({ resource }: PathKind, prefix = ''): string => `${prefix}${resource.namespaced ? 'Namespaced' : ''}${resource.kind}`

/** What the operations of a kind share. */
function common({ group, version, resource, custom }: PathKind) {
  return { consumes: custom ? customTypes : anything, produces: custom ? customTypes : objectTypes, kind: { group, version, kind: resource.kind } }
}

function listOperation(kind: PathKind, noun: string): Operation {
  const base = common(kind)
  return {
    ...base, method: 'get', action: 'list', verb: 'list', noun, parameters: listing, answer: kind.list, codes: [200],
    produces: kind.custom ? customTypes : [...objectTypes, ...streamTypes],
  }
}

function watchOperation(kind: PathKind, action: string, noun: string): Operation {
  return { ...common(kind), method: 'get', action, verb: 'watch', noun, parameters: listing, answer: `${meta}.WatchEvent`, codes: [200], produces: [...objectTypes, ...streamTypes] }
}

function collectionOperations(kind: PathKind): Operation[] {
  const { resource, schema, custom } = kind
  const has = (verb: string): boolean => resource.verbs.includes(verb)
  const base = common(kind)
  return [
    ...(has('list') ? [listOperation(kind, nounOf(kind))] : []),
    ...(has('create') ? [{ ...base, method: 'post', action: 'post', verb: 'create', noun: nounOf(kind), parameters: writing, body: { schema, required: true }, answer: schema, codes: [200, 201, 202] } as const] : []),
    ...(has('deletecollection') ? [{
      ...base, method: 'delete', action: 'deletecollection', verb: 'delete', noun: custom ? `collection${nounOf(kind)}` : nounOf(kind, 'Collection'),
      parameters: custom ? listing : collectionDeletion, ...(custom ? {} : { body: deleteOptions }), answer: `${meta}.Status`, codes: [200],
    } as const] : []),
  ]
}

const deleteOptions = { schema: `${meta}.DeleteOptions`, required: false }

function itemOperations(kind: PathKind): Operation[] {
  const { resource, schema, custom, returnsDeleted } = kind
  const has = (verb: string): boolean => resource.verbs.includes(verb)
  const base = { ...common(kind), noun: nounOf(kind) }
  const operations: Operation[] = []
  if (has('get')) operations.push({ ...base, method: 'get', action: 'get', verb: 'read', parameters: custom ? reading : [], answer: schema, codes: [200] })
  if (has('update')) operations.push({ ...base, method: 'put', action: 'put', verb: 'replace', parameters: writing, body: { schema, required: true }, answer: schema, codes: [200, 201] })
  if (has('delete')) {
    operations.push({
      ...base, method: 'delete', action: 'delete', verb: 'delete', parameters: deletion, body: deleteOptions,
      answer: returnsDeleted ? schema : `${meta}.Status`, codes: [200, 202],
    })
  }
  if (has('patch')) operations.push(patchOperation(kind, { ...base, answer: schema }))
  return operations
}

function patchOperation({ custom }: PathKind, base: Pick<Operation, 'noun' | 'answer' | 'produces' | 'kind'>): Operation {
  return {
    ...base, method: 'patch', action: 'patch', verb: 'patch', parameters: patching, body: { schema: `${meta}.Patch`, required: true },
    codes: custom ? [200] : [200, 201], consumes: custom ? customPatchTypes : patchTypes,
  }
}

function* subresourcePaths(kind: PathKind, path: string, subresource: ServedSubresource): Generator<readonly [string, readonly Operation[]]> {
  const connector = connectors[`${kind.resource.resource}/${subresource.subresource}`]
  const suffix = capital(subresource.subresource)
  if (connector === undefined) {
    yield [path, subresourceOperations(kind, subresource, suffix)]
    return
  }
  const { methods, parameters, text } = connector
  const answered = text === undefined ? { ...subresource.responseKind, group: '', version: 'v1' } : common(kind).kind
  const operations = (noun: string): Operation[] => methods.map((method) => ({
    method, noun, parameters, answer: 'text', codes: [200], consumes: anything, kind: answered,
    ...(text === undefined ? { action: 'connect', verb: `connect`, noun: capital(method) + noun, pretty: false as const, produces: anything }
      : { action: 'get', verb: 'read', produces: [text, ...objectTypes] }),
  }))
  yield [path, operations(nounOf(kind) + suffix)]
  if (connector.path === true) yield [`${path}/{path}`, operations(`${nounOf(kind)}${suffix}WithPath`)]
}

function subresourceOperations(kind: PathKind, subresource: ServedSubresource, suffix: string): Operation[] {
  const answered = subresource.responseKind.version === ''
    ? { group: kind.group, version: kind.version, kind: subresource.responseKind.kind } : subresource.responseKind
  const schema = answered.kind === kind.resource.kind ? kind.schema : kind.schemaOfKind(answered)
  const shared = { ...common(kind), noun: nounOf(kind) + suffix, answer: schema, ...(kind.custom ? {} : { kind: answered }) }
  const body = { schema, required: true }
  const made: Readonly<Record<string, Operation>> = {
    get: { ...shared, method: 'get', action: 'get', verb: 'read', parameters: kind.custom ? reading : [], codes: [200] },
    create: { ...shared, method: 'post', action: 'post', verb: 'create', parameters: writing, body, codes: [200, 201, 202] },
    update: { ...shared, method: 'put', action: 'put', verb: 'replace', parameters: writing, body, codes: [200, 201] },
    patch: patchOperation(kind, shared),
  }
  return ['get', 'update', 'patch', 'create'].filter((verb) => subresource.verbs.includes(verb)).map((verb) => made[verb]!)
}

/** A name of an operation or a tag: what is no letter, digit or line below begins a new word (upstream: ToValidOperationID). */
export function operationName(text: string): string {
  return text.replace(/^[^\p{L}_]+|[^\p{L}\p{Nd}_]+/gu, ' ').replace(/ (.)/g, (_, letter: string) => letter.toUpperCase()).trim()
}
