/**
 * Schemas as CEL types (apiserver/pkg/cel/common/schemas.go, pkg/cel/types.go). What a schema says of sizes is kept: the
 * estimate of costs needs it.
 */
import type { Schema } from '../../schema/schema.ts'
import type { StructProvider } from '../checker/declarations.ts'
import {
  BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, type CelType, listType, mapType, structType,
} from '../types.ts'
import { escapeName, isReserved } from './escape.ts'

/** A type with what is known of its sizes. */
export interface Declaration {
  readonly type: CelType
  /** The most elements or bytes a value may have; undefined when the type has no size. */
  readonly maxElements?: number
  /** The fewest bytes that a value takes as JSON. */
  readonly minSize: number
  /** Of objects, by escaped name. */
  readonly fields?: ReadonlyMap<string, Field>
  /** Of lists and maps. */
  readonly element?: Declaration
}

export interface Field {
  /** The name in data. */
  readonly name: string
  readonly declaration: Declaration
}

/** The largest request that costs are estimated for (apiserver/pkg/cel/limits.go). */
export const MAX_REQUEST_SIZE = 3 * 1024 * 1024

const MAX_DURATION = 32
const DATE_SIZE = 12
const MIN_DATE_TIME = 21
const MAX_DATE_TIME = 32
const MIN_DURATION = 3

const simple = (type: CelType, minSize: number, maxElements?: number): Declaration =>
  maxElements === undefined ? { type, minSize } : { type, minSize, maxElements }

const positive = (value: number): number => Math.max(value, 0)

/**
 * The declaration of a schema. `name` names its object types, those inside by their path. At the root of a resource
 * apiVersion, kind and the names in metadata are always there. Undefined: expressions cannot see such values.
 */
export function declareSchema(schema: Schema, name: string, root: boolean): Declaration | undefined {
  return declare(schema, name, root, [])
}

function declare(schema: Schema, name: string, root: boolean, above: readonly Schema[]): Declaration | undefined {
  if (schema.intOrString) {
    return simple(DYN, 1, schema.maxLength === undefined ? MAX_REQUEST_SIZE - 2 : positive(schema.maxLength) * 4)
  }
  // A type that holds itself ends here: its fields cannot all be listed.
  if (above.includes(schema)) return { type: structType(name), minSize: 2, fields: new Map() }
  const inside = [...above, schema]
  if (schema.quantity) return simple(STRING, 2, MAX_REQUEST_SIZE - 2)
  switch (schema.type) {
    case 'array': return declareList(schema, name, inside)
    case 'object': return declareObject(root ? withMetadata(schema) : schema, name, inside)
    case 'string': return declareString(schema)
    case 'boolean': return simple(BOOL, 4)
    case 'number': return simple(DOUBLE, 1)
    case 'integer': return simple(INT, 1)
    default: return undefined
  }
}

function declareList(schema: Schema, name: string, above: readonly Schema[]): Declaration | undefined {
  const element = schema.items && declare(schema.items, `${name}.@idx`, schema.items.embeddedResource === true, above)
  if (!element) return undefined
  const maxElements =
    schema.maxItems === undefined ? Math.floor((MAX_REQUEST_SIZE - 2) / (element.minSize + 1)) : positive(schema.maxItems)
  return { type: listType(element.type), minSize: 2, maxElements, element }
}

function declareObject(schema: Schema, name: string, above: readonly Schema[]): Declaration | undefined {
  const values = schema.additionalProperties
  if (typeof values === 'object') {
    const element = declare(values, `${name}.@elem`, values.embeddedResource === true, above)
    if (!element) return undefined
    const maxElements =
      schema.maxProperties === undefined
        ? Math.floor((MAX_REQUEST_SIZE - 2) / (element.minSize + 6))
        : positive(schema.maxProperties)
    return { type: mapType(STRING, element.type), minSize: 2, maxElements, element }
  }
  const fields = new Map<string, Field>()
  let minSize = 2
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(key)
    const declaration = declare(property, `${name}.${escaped ?? key}`, property.embeddedResource === true, above)
    if (!declaration) continue
    if (escaped !== undefined) fields.set(escaped, { name: key, declaration })
    if (schema.required?.includes(key) && property.default === undefined) minSize += key.length + declaration.minSize + 4
  }
  return { type: structType(name), minSize, fields }
}

function declareString(schema: Schema): Declaration {
  switch (schema.format) {
    case 'byte': return simple(BYTES, 2, schema.maxLength === undefined ? MAX_REQUEST_SIZE - 2 : positive(schema.maxLength))
    case 'duration': return simple(DURATION, MIN_DURATION, MAX_DURATION)
    case 'date': return simple(TIMESTAMP, DATE_SIZE, DATE_SIZE)
    case 'date-time': return simple(TIMESTAMP, MIN_DATE_TIME, MAX_DATE_TIME)
    default:
  }
  if (schema.maxLength !== undefined) return simple(STRING, 2, positive(schema.maxLength) * 4)
  if (schema.enum && schema.enum.length > 0) {
    const lengths = schema.enum.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0))
    return simple(STRING, 2, Math.max(...lengths))
  }
  return simple(STRING, 2, MAX_REQUEST_SIZE - 2)
}

const text: Schema = { type: 'string' }
const rootFields: Readonly<Record<string, Schema>> = {
  kind: text,
  apiVersion: text,
  metadata: { type: 'object', properties: { name: text, generateName: text } },
}

/** A resource's schema with what every resource has, as far as rules may see it. */
export function withMetadata(schema: Schema): Schema {
  return { ...schema, properties: { ...schema.properties, ...rootFields } }
}

/** Answers for all object types in the declarations. */
export function schemaProvider(...declarations: readonly Declaration[]): StructProvider {
  const types = new Map<string, Declaration>()
  const collect = (declaration: Declaration): void => {
    if (declaration.element) collect(declaration.element)
    if (!declaration.fields || types.has(declaration.type.name)) return
    types.set(declaration.type.name, declaration)
    for (const field of declaration.fields.values()) collect(field.declaration)
  }
  for (const declaration of declarations) collect(declaration)
  // Keywords may be used as field names as they are.
  const find = (struct: string, field: string): Field | undefined => {
    const fields = types.get(struct)?.fields
    return fields?.get(field) ?? (isReserved(field) ? fields?.get(`__${field}__`) : undefined)
  }
  return {
    find: (name) => types.get(name)?.type,
    field: (struct, field) => find(struct, field)?.declaration.type,
    dataName: (struct, field) => find(struct, field)?.name ?? field,
  }
}
