/** Schemas as OpenAPI shows them, for version 2 and version 3 documents. */
import type { GroupVersionKind } from '../../api/meta/object.ts'
import { kindsOf, schemaOf } from '../../api/schema/builtin.ts'
import type { Schema } from '../../api/schema/schema.ts'
import { describe } from '../http/descriptions.ts'
import { fieldKey } from './descriptions.ts'

export type Json = Record<string, unknown>
export type OpenApiVersion = 2 | 3

const groupVersionKind = 'x-kubernetes-group-version-kind'

/** Named definitions, gathered while references to them are made. */
export class Definitions {
  readonly version: OpenApiVersion
  readonly #schemas = new Map<string, Json>()

  /** The group version that a document is of; those of custom kinds name all that clients know. */
  readonly #own: { readonly group: string; readonly version: string } | 'custom'

  constructor(version: OpenApiVersion, own: { readonly group: string; readonly version: string } | 'custom' = { group: '', version: 'v1' }) {
    this.version = version
    this.#own = own
  }

  /** A reference to a built-in definition; it and all that it reaches become part of the document. */
  ref(name: string): Json {
    if (!this.#schemas.has(name)) {
      const shown: Json = {}
      this.#schemas.set(name, shown)
      const whole = this.#whole(schemaOf(name))
      Object.assign(shown, this.version === 2 ? withoutDefaults(whole) : whole)
      const kinds = this.#kinds(name)
      if (kinds.length > 0) shown[groupVersionKind] = kinds
      addTexts(name, shown)
    }
    return { $ref: `${this.version === 3 ? '#/components/schemas/' : '#/definitions/'}${name}` }
  }

  /** Options and events are of every group version; a document of one names them as its own and the core's. */
  #kinds(name: string): GroupVersionKind[] {
    const kinds = [...kindsOf(name)]
    const own = this.#own
    if (this.version === 2 || kinds.length < 3) return kinds
    if (own === 'custom') return kinds.filter(({ group }) => !serverGroups.has(group))
    return kinds.filter(({ group, version }) => (group === '' && version === 'v1') || (group === own.group && version === own.version))
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

  /** A built-in field that is a reference has a description beside it, which version 3 has no place for but around it. */
  #property(schema: Schema, undescribed: boolean): Json {
    const shown = this.show(schema)
    const { $ref, ...rest } = shown
    return $ref === undefined || this.version === 2 || undescribed ? shown : { ...rest, allOf: [{ $ref }] }
  }

  #whole(schema: Schema): Json {
    if (schema.quantity === true) return this.version === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' }
    if (schema.intOrString === true) {
      const forms = this.version === 3 ? { oneOf: [{ type: 'integer' }, { type: 'string' }] } : { type: 'string' }
      if (schema.name !== undefined) return { ...forms, format: 'int-or-string' }
    }
    const shown: Json = schema.intOrString === true ? { 'x-kubernetes-int-or-string': true } : {}
    if (schema.description !== undefined) shown['description'] = schema.description
    for (const keyword of plainKeywords) if (schema[keyword] !== undefined) shown[keyword] = schema[keyword]
    if (schema.nullable === true && this.version === 3) shown['nullable'] = true
    if (schema.items !== undefined) shown['items'] = this.show(schema.items)
    const { additionalProperties } = schema
    if (typeof additionalProperties === 'object') shown['additionalProperties'] = this.show(additionalProperties)
    else if (additionalProperties !== undefined) shown['additionalProperties'] = additionalProperties
    if (schema.properties !== undefined) {
      shown['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, this.#property(property, schema.undescribed?.includes(name) === true)]))
    }
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      const parts = schema[keyword]
      if (parts !== undefined && this.version === 3) shown[keyword] = parts.map((part) => this.show(part))
    }
    if (schema.not !== undefined && this.version === 3) shown['not'] = this.show(schema.not)
    return { ...shown, ...extensionsOf(schema) }
  }
}

/** What only servers know. */
const serverGroups = new Set(['admission.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io', 'imagepolicy.k8s.io'])

/** Version 2 tells no defaults of built-in types. */
export function withoutDefaults(shown: Json): Json {
  const below = (value: unknown): unknown => (typeof value === 'object' && value !== null ? withoutDefaults(value as Json) : value)
  const { default: _, ...kept } = shown
  for (const key of ['items', 'additionalProperties'] as const) if (kept[key] !== undefined) kept[key] = below(kept[key])
  if (kept['properties'] !== undefined) kept['properties'] = Object.fromEntries(Object.entries(kept['properties'] as Json).map(([name, value]) => [name, below(value)]))
  return kept
}

/** What the declarations say of a type and its fields; they say nothing of fields that are types of their own, which those tell. */
function addTexts(name: string, shown: Json): void {
  const found = describe(name)
  if (found?.text !== undefined) shown['description'] = found.text
  const properties = shown['properties'] as Record<string, Json> | undefined
  for (const [field, property] of Object.entries(properties ?? {})) {
    const description = found?.fields[fieldKey(field)] ?? textOfTarget(property)
    if (description !== undefined) properties![field] = { description, ...property }
  }
}

function textOfTarget({ $ref, allOf }: { $ref?: unknown; allOf?: readonly Json[] }): string | undefined {
  const target = $ref ?? allOf?.[0]?.['$ref']
  return typeof target === 'string' ? describe(target.slice(target.lastIndexOf('/') + 1))?.text : undefined
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
