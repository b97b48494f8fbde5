/** Custom kinds in OpenAPI: their schema with the fields that every object has (upstream: apiextensions-apiserver/pkg/controller/openapi/builder). */
import type { Schema } from '../../api/schema/schema.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import { type Definitions, type Json, withoutDefaults } from './openapi-schemas.ts'

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'

const texts = {
  apiVersion: 'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
  kind: 'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
  metadata: 'Standard object\'s metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
} as const

/** Adds the definitions of a custom kind and its list; answers their names. */
export function customDefinitions(definition: ResourceDefinition, version: string, definitions: Definitions): { kind: string; list: string } {
  const { group, kind } = definition
  const base = `${group.split('.').reverse().join('.')}.${version}`
  const names = { kind: `${base}.${kind}`, list: `${base}.${definition.listKind ?? `${kind}List`}` }
  const schema = version === definition.version ? definition.schema : definition.versions?.[version]?.schema ?? definition.schema
  const selectable = Object.keys((version === definition.version ? definition : definition.versions?.[version])?.selectableFields ?? {})
  // Upstream says it of the list too.
  const selectableFields = selectable.length === 0 ? {} : { 'x-kubernetes-selectable-fields': selectable.map((fieldPath) => ({ fieldPath })) }
  definitions.add(names.kind, {
    ...customSchema(definitions, schema), ...selectableFields,
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  })
  const items: Json = { description: `The objects of kind ${kind}.`, type: 'array', items: reference(definitions, names.kind) }
  definitions.add(names.list, {
    description: `${definition.listKind ?? `${kind}List`} is a list of ${kind}`, type: 'object', required: ['items'], properties: { ...objectFields(definitions, listMeta), items }, ...selectableFields,
    'x-kubernetes-group-version-kind': [{ group, version, kind: definition.listKind ?? `${kind}List` }],
  })
  return names
}

/** Clients of version 2 cannot cope with more of a kind whose fields are not known. */
function customSchema(definitions: Definitions, schema: Schema): Json {
  const { version } = definitions
  if (version === 2 && schema.preserveUnknownFields === true) return { type: 'object' }
  const shown = embedded(definitions, version === 2 ? withoutDefaults(definitions.show(forVersionTwo(schema))) : definitions.show(schema), true)
  return { ...shown, type: 'object', properties: { ...(shown['properties'] as Json | undefined), ...objectFields(definitions, objectMeta) } }
}

/** What version 2 or its readers do not know is left out (upstream: controller/openapi/v2/conversion.go). */
function forVersionTwo(schema: Schema): Schema {
  const { allOf: _all, anyOf: _any, oneOf: _one, not: _not, nullable, properties, items, additionalProperties, type, required, ...rest } = schema
  const isOpen = schema.preserveUnknownFields === true
  const closed = nullable === true || isOpen
  const keptItems = closed || items === undefined ? undefined : forVersionTwo(items)
  const shownType = nullable === true || (type === 'array' && keptItems === undefined) || (isOpen && type === 'object') ? undefined : type
  const names = closed || properties === undefined ? required : required?.filter((name) => properties[name]?.nullable !== true)
  const values = typeof additionalProperties === 'object' ? forVersionTwo(additionalProperties) : additionalProperties
  const dropped = typeof additionalProperties === 'object' && additionalProperties.nullable === true
  return {
    ...rest, ...(shownType === undefined ? {} : { type: shownType }), ...(keptItems === undefined ? {} : { items: keptItems }),
    ...(closed || properties === undefined ? {} : { properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, forVersionTwo(one)])) }),
    ...(values === undefined ? {} : { additionalProperties: values }), ...(names === undefined || names.length === 0 || dropped ? {} : { required: names }),
  }
}

/** Objects within objects have the fields that every object has. */
function embedded(definitions: Definitions, shown: Json, isRoot = false): Json {
  const out: Json = { ...shown }
  const properties = shown['properties'] as Record<string, Json> | undefined
  if (properties !== undefined) out['properties'] = Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, embedded(definitions, one)]))
  for (const key of ['items', 'additionalProperties'] as const) if (typeof shown[key] === 'object') out[key] = embedded(definitions, shown[key] as Json)
  if (isRoot || shown['x-kubernetes-embedded-resource'] !== true) return out
  if (definitions.version === 2 && shown['x-kubernetes-preserve-unknown-fields'] === true) return out
  const required = (shown['required'] as string[] | undefined) ?? []
  return {
    ...out, properties: { ...out['properties'] as Json | undefined, ...objectFields(definitions, objectMeta) },
    required: [...required, ...['kind', 'apiVersion'].filter((name) => !required.includes(name))],
  }
}

function reference({ version }: Definitions, name: string): Json {
  return { $ref: `${version === 3 ? '#/components/schemas/' : '#/definitions/'}${name}` }
}

function objectFields(definitions: Definitions, metaType: string): Json {
  const ref = definitions.ref(metaType)
  return {
    apiVersion: { description: texts.apiVersion, type: 'string' }, kind: { description: texts.kind, type: 'string' },
    metadata: definitions.version === 3 ? { description: texts.metadata, allOf: [ref] } : { description: texts.metadata, ...ref },
  }
}
