/** JSONSchemaProps of a CustomResourceDefinition as schemas of the one engine. */
import { schemaOf } from './builtin.ts'
import type { Schema, ValidationRule } from './schema.ts'

/** openAPIV3Schema as it is on the wire. */
export interface JSONSchemaProps {
  readonly type?: string
  readonly format?: string
  readonly title?: string
  readonly description?: string
  readonly nullable?: boolean
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>
  readonly additionalProperties?: JSONSchemaProps | boolean
  readonly items?: JSONSchemaProps | readonly JSONSchemaProps[]
  readonly required?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly multipleOf?: number
  readonly uniqueItems?: boolean
  readonly allOf?: readonly JSONSchemaProps[]
  readonly anyOf?: readonly JSONSchemaProps[]
  readonly oneOf?: readonly JSONSchemaProps[]
  readonly not?: JSONSchemaProps
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-embedded-resource'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-list-type'?: string
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: string
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[]
  readonly externalDocs?: { readonly description?: string; readonly url?: string }
  readonly example?: unknown
  /** What the wire knows and no definition may state. */
  readonly id?: string
  readonly $schema?: string
  readonly $ref?: string
  readonly patternProperties?: Readonly<Record<string, JSONSchemaProps>>
  readonly dependencies?: Readonly<Record<string, JSONSchemaProps | readonly string[]>>
  readonly additionalItems?: JSONSchemaProps | boolean
  readonly definitions?: Readonly<Record<string, JSONSchemaProps>>
}

/** Members that mean the same in both. */
const same = [
  'type', 'format', 'description', 'nullable', 'default', 'enum', 'required', 'pattern', 'minimum', 'maximum',
  'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties',
  'maxProperties', 'multipleOf', 'uniqueItems',
] as const

const extensions = [
  ['x-kubernetes-preserve-unknown-fields', 'preserveUnknownFields'],
  ['x-kubernetes-embedded-resource', 'embeddedResource'],
  ['x-kubernetes-int-or-string', 'intOrString'],
  ['x-kubernetes-list-type', 'listType'],
  ['x-kubernetes-list-map-keys', 'listMapKeys'],
  ['x-kubernetes-map-type', 'mapType'],
  ['x-kubernetes-validations', 'validations'],
] as const

const made = new WeakMap<JSONSchemaProps, Schema>()

/** The schema of a version of a custom kind, as it states it: without the fields that every object has. */
export function schemaFromJSON(props: JSONSchemaProps): Schema {
  let schema = made.get(props)
  if (schema === undefined) {
    schema = convert(props)
    made.set(props, schema)
  }
  return schema
}

function convert(props: JSONSchemaProps): Schema {
  const out: Record<string, unknown> = {}
  for (const key of same) if (props[key] !== undefined) out[key] = props[key]
  for (const [from, to] of extensions) if (props[from] !== undefined && props[from] !== false) out[to] = props[from]
  if (props.properties !== undefined) {
    out['properties'] = Object.fromEntries(
      Object.entries(props.properties).map(([name, value]) => [name, schemaFromJSON(value)]),
    )
  }
  if (props.additionalProperties !== undefined) {
    const values = props.additionalProperties
    out['additionalProperties'] = typeof values === 'boolean' ? values : schemaFromJSON(values)
  }
  // Lists of item schemas are not structural: the CRD's own validation refuses them.
  const items = Array.isArray(props.items)
    ? props.items[0] as JSONSchemaProps | undefined
    : props.items as JSONSchemaProps | undefined
  if (items !== undefined) out['items'] = schemaFromJSON(items)
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    if (props[key] !== undefined) out[key] = props[key].map(schemaFromJSON)
  }
  if (props.not !== undefined) out['not'] = schemaFromJSON(props.not)
  return out as Schema
}

const objects = new WeakMap<Schema, Schema>()

/**
 * The schema of whole objects: with apiVersion, kind and metadata, at the root and in embedded resources. This is what
 * server-side apply and OpenAPI see. Built-in kinds have these already.
 */
export function objectSchema(schema: Schema): Schema {
  if (schema.name !== undefined) return schema
  let whole = objects.get(schema)
  if (whole === undefined) {
    whole = withObjectFields(embed(schema))
    objects.set(schema, whole)
  }
  return whole
}

const text: Schema = { type: 'string' }

function withObjectFields(schema: Schema): Schema {
  const metadata = schemaOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')
  return { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, metadata } }
}

/** The schema with the object fields of embedded resources; itself when there are none. */
function embed(schema: Schema): Schema {
  const out: { -readonly [K in keyof Schema]: Schema[K] } = { ...schema }
  if (schema.properties !== undefined) {
    out.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, value]) => [name, embedBelow(value)]),
    )
  }
  if (schema.items !== undefined) out.items = embedBelow(schema.items)
  if (typeof schema.additionalProperties === 'object') {
    out.additionalProperties = embedBelow(schema.additionalProperties)
  }
  return out
}

function embedBelow(schema: Schema): Schema {
  const below = embed(schema)
  return schema.embeddedResource ? withObjectFields(below) : below
}
