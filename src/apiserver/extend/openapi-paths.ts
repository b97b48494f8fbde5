/**
 * The paths of OpenAPI documents. Clients read from them whether a kind knows dryRun and fieldValidation, which kind a path
 * is about, and generate code. Upstream: kube-openapi/pkg/builder and builder3, apiserver/pkg/endpoints/openapi.
 */
import { capital } from './descriptions.ts'
import { type Operation, type PathKind, operationName, pathsOf } from './openapi-operations.ts'
import type { Parameter } from './openapi-parameters.ts'
import type { Definitions, Json } from './openapi-schemas.ts'

/** All paths of one kind, added to `into`. */
export function addPaths(into: Json, kind: PathKind, definitions: Definitions): void {
  for (const [path, operations] of pathsOf(kind)) if (operations.length > 0) into[path] = pathItem(path, operations, definitions)
}

interface Placed extends Parameter { readonly where: 'query' | 'path' }

const pretty: Placed = { name: 'pretty', type: 'string', where: 'query' }
const byName = (a: Placed, b: Placed): number => (a.name !== b.name ? (a.name < b.name ? -1 : 1) : a.where < b.where ? -1 : 1)
const same = (a: Placed) => (b: Placed): boolean => a.name === b.name && a.where === b.where && a.of === b.of

/** A path's operations; parameters that all of them have are the path's. */
export function pathItem(path: string, operations: readonly Operation[], definitions: Definitions): Json {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]): Placed => ({ name: name!, type: 'string', where: 'path' }))
  const all = operations.map(({ parameters, action, pretty: isPretty }): Placed[] => [
    ...parameters.map((one): Placed => ({ ...one, where: 'query' })), ...inPath, ...(action === undefined || isPretty === false ? [] : [pretty]),
  ])
  const shared = all[0]!.filter((one) => all.every((others) => others.some(same(one))))
  const item: Json = {}
  for (const [i, operation] of operations.entries()) {
    const own = all[i]!.filter((one) => !shared.some(same(one))).sort(byName)
    item[operation.method] = operationJson(path, operation, own, definitions)
  }
  if (shared.length > 0) item['parameters'] = shared.sort(byName).map((one) => parameterJson(definitions, one))
  return item
}

function parameterJson({ version }: Definitions, { name, type, where }: Placed): Json {
  const required = where === 'path' ? { required: true } : {}
  return version === 3 ? { name, in: where, ...required, schema: { type, uniqueItems: true } } : { uniqueItems: true, type, name, in: where, ...required }
}

/** The id and the tag come from the group and version in the path (upstream: GetOperationIDAndTags). */
function named(path: string, verb: string, noun: string): { tags: string[]; operationId: string } {
  const parts = path.replace(/^\/|\/$/g, '').split('/')
  const [first = '', group = '', version = ''] = parts[0] === 'api' ? ['apis', 'core', ...parts.slice(1)] : parts
  const words = first === 'apis' && group !== '' ? [group.replace(/\.k8s\.io$/, ''), ...(version === '' ? [] : [version])].map(operationName) : []
  const capitals = [...words, operationName(noun)].map(capital)
  return { tags: [words.length > 0 ? words.join('_') : operationName(first)], operationId: verb + capitals.join('') }
}

function operationJson(path: string, operation: Operation, parameters: readonly Placed[], definitions: Definitions): Json {
  const { method, action, verb, noun, body, consumes, produces, kind } = operation
  const ref = (name: string | undefined): Json => (name === undefined ? { type: 'object' } : name === 'text' ? { type: 'string' } : definitions.ref(name))
  const extra = action === undefined ? {} : { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kind }
  const base = named(path, verb, noun)
  const query = parameters.map((one) => parameterJson(definitions, one))
  const required = body?.required === true ? { required: true } : {}
  if (definitions.version === 2) {
    const whole = body === undefined ? query : [{ name: 'body', in: 'body', ...required, schema: ref(body.schema) }, ...query]
    return {
      ...(consumes === undefined ? {} : { consumes }), produces, schemes: ['https'], ...base, ...(whole.length === 0 ? {} : { parameters: whole }),
      responses: responses(operation, () => ({ schema: ref(operation.answer) })), ...extra,
    }
  }
  const content = (types: readonly string[], schema: Json): Json => Object.fromEntries([...types].sort().map((type) => [type, { schema }]))
  return {
    ...base, ...(query.length === 0 ? {} : { parameters: query }),
    // Version 3 has a body where it is told what it may be.
    ...(body === undefined ? {} : { requestBody: { content: content(method === 'patch' ? consumes! : consumes ?? ['*/*'], ref(body.schema)), ...required } }),
    responses: responses(operation, () => ({ content: content(produces, ref(operation.answer)) })), ...extra,
  }
}

const codeTexts: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

function responses({ codes }: Operation, body: () => Json): Json {
  const shown: Json = {}
  for (const code of codes) shown[code] = { description: codeTexts[code], ...body() }
  shown['401'] = { description: 'Unauthorized' }
  return shown
}
