/** Schemas as OpenAPI shows them, for version 2 and version 3 documents. */
import { kindsOf, schemaOf } from '../../api/schema/builtin.ts'
import type { Schema } from '../../api/schema/schema.ts'
import { definitionTexts } from './openapi-texts.ts'

export type Json = Record<string, unknown>
export type OpenApiVersion = 2 | 3

const groupVersionKind = 'x-kubernetes-group-version-kind'

/** Named definitions, gathered while references to them are made. */
export class Definitions {
  readonly version: OpenApiVersion
  readonly #schemas = new Map<string, Json>()

  constructor(version: OpenApiVersion) {
    this.version = version
  }

  /** A reference to a built-in definition; it and all that it reaches become part of the document. */
  ref(name: string): Json {
    if (!this.#schemas.has(name)) {
      const shown: Json = {}
      this.#schemas.set(name, shown)
      Object.assign(shown, this.#whole(schemaOf(name)))
      const kinds = kindsOf(name)
      if (kinds.length > 0) shown[groupVersionKind] = kinds
      addTexts(name, shown, this.version)
    }
    return { $ref: `${this.version === 3 ? '#/components/schemas/' : '#/definitions/'}${name}` }
  }

  /** Puts a definition in that is not built in. */
  add(name: string, schema: Json): void {
    this.#schemas.set(name, schema)
  }

  /** All of them, ordered by name. */
  all(): Json {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** A schema where it is used: by reference when it has a name. */
  show(schema: Schema): Json {
    if (schema.name === undefined) return this.#whole(schema)
    const ref = this.ref(schema.name)
    const siblings = differing(schema, schemaOf(schema.name))
    if (Object.keys(siblings).length === 0) return ref
    return this.version === 3 ? { ...siblings, allOf: [ref] } : { ...siblings, ...ref }
  }

  #whole(schema: Schema): Json {
    if (schema.quantity === true) return this.version === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' }
    if (schema.intOrString === true) {
      const forms = this.version === 3 ? { oneOf: [{ type: 'integer' }, { type: 'string' }] } : { type: 'string' }
      return schema.name === undefined ? { ...extensionsOf(schema), 'x-kubernetes-int-or-string': true } : { ...forms, format: 'int-or-string' }
    }
    const shown: Json = {}
    if (schema.description !== undefined) shown['description'] = schema.description
    for (const keyword of plainKeywords) if (schema[keyword] !== undefined) shown[keyword] = schema[keyword]
    if (schema.nullable === true && this.version === 3) shown['nullable'] = true
    if (schema.items !== undefined) shown['items'] = this.show(schema.items)
    const { additionalProperties } = schema
    if (typeof additionalProperties === 'object') shown['additionalProperties'] = this.show(additionalProperties)
    else if (additionalProperties !== undefined) shown['additionalProperties'] = additionalProperties
    if (schema.properties !== undefined) {
      shown['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, this.show(property)]))
    }
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      const parts = schema[keyword]
      if (parts !== undefined && this.version === 3) shown[keyword] = parts.map((part) => this.show(part))
    }
    if (schema.not !== undefined && this.version === 3) shown['not'] = this.show(schema.not)
    return { ...shown, ...extensionsOf(schema) }
  }
}

/** Beside a reference a description is only read when the reference is wrapped. */
function addTexts(name: string, shown: Json, version: OpenApiVersion): void {
  const texts = definitionTexts[name]
  const properties = shown['properties'] as Record<string, Json> | undefined
  if (texts === undefined || properties === undefined) return
  shown['description'] = texts.description
  for (const [field, description] of Object.entries(texts.fields)) {
    const property = properties[field]
    if (property === undefined) continue
    const { $ref, ...rest } = property
    properties[field] = { description, ...rest, ...($ref === undefined ? {} : version === 3 ? { allOf: [{ $ref }] } : { $ref }) }
  }
}

const plainKeywords = [
  'type', 'format', 'required', 'default', 'enum', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'multipleOf', 'uniqueItems',
] as const

function extensionsOf(schema: Schema): Json {
  const shown: Json = {}
  const put = (name: string, value: unknown) => {
    if (value !== undefined) shown[`x-kubernetes-${name}`] = value
  }
  put('list-type', schema.listType)
  put('list-map-keys', schema.listMapKeys)
  put('map-type', schema.mapType)
  put('patch-strategy', schema.patchStrategy)
  put('patch-merge-key', schema.patchMergeKey)
  put('unions', schema.unions)
  put('embedded-resource', schema.embeddedResource === true ? true : undefined)
  // Only custom kinds say so; what is so by its Go type has a name.
  put('preserve-unknown-fields', schema.preserveUnknownFields === true && schema.name === undefined ? true : undefined)
  put('validations', schema.validations)
  return shown
}

/** What a use of a named definition says beyond the definition itself. */
function differing(use: Schema, definition: Schema): Json {
  if (use === definition) return {}
  const own: Json = {}
  if (use.default !== definition.default) own['default'] = use.default
  if (use.description !== definition.description) own['description'] = use.description
  const base = extensionsOf(definition)
  for (const [name, value] of Object.entries(extensionsOf(use))) if (base[name] !== value) own[name] = value
  return own
}
