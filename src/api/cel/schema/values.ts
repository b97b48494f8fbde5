/**
 * Data as its schema says it (apiserver/pkg/cel/common/valuesunstructured.go): a number may be a double, a string a
 * timestamp, a list a set. Data whose schema asks for none of that is used as it stands.
 */
import { Buffer } from 'node:buffer'
import type { Schema } from '../../schema/schema.ts'
import { equal, equalItems } from '../eval/compare.ts'
import { parseGoDuration, parseTimestamp } from '../eval/time.ts'
import { CelError, Double, LazyMap, TypedList, adapt, isMap, mapGet } from '../values.ts'
import { withMetadata } from './declare.ts'

const plainSchemas = new WeakMap<Schema, boolean>()

/** Whether data of the schema needs no conversion anywhere. */
function isPlain(schema: Schema): boolean {
  const known = plainSchemas.get(schema)
  if (known !== undefined) return known
  // Schemas may hold themselves: what is not known otherwise is plain.
  plainSchemas.set(schema, true)
  const plain = plainSelf(schema) && children(schema).every(isPlain)
  plainSchemas.set(schema, plain)
  return plain
}

const convertedFormats = new Set(['duration', 'date', 'date-time', 'byte'])

function plainSelf(schema: Schema): boolean {
  // A null field counts as absent.
  if (schema.nullable) return false
  if (schema.intOrString) return true
  if (schema.type === 'number') return false
  if (schema.type === 'array') return schema.listType === undefined || schema.listType === 'atomic'
  return schema.type !== 'string' || !convertedFormats.has(schema.format ?? '')
}

function children(schema: Schema): Schema[] {
  const all = Object.values(schema.properties ?? {})
  if (schema.items) all.push(schema.items)
  if (typeof schema.additionalProperties === 'object') all.push(schema.additionalProperties)
  return all
}

/** A value as expressions see it. */
export function schemaValue(value: unknown, schema: Schema, root = false): unknown {
  if (value === null || value === undefined) {
    return schema.nullable ? null : new CelError('invalid data, got null for schema with nullable=false')
  }
  if (schema.intOrString || isPlain(schema)) return adapt(value)
  switch (schema.type) {
    case 'object':
      if (!isMap(value)) return new CelError('invalid data, expected a map for the provided schema with type=object')
      return new SchemaMap(value as Readonly<Record<string, unknown>>, root ? withMetadata(schema) : schema)
    case 'array':
      if (!Array.isArray(value)) return new CelError('invalid data, expected an array for the provided schema with type=array')
      return new SchemaList(value, schema)
    case 'string': return stringValue(value, schema)
    case 'number': return typeof value === 'number' ? new Double(value) : badType('float', value)
    default: return adapt(value)
  }
}

const badType = (wanted: string, value: unknown): CelError =>
  new CelError(`invalid data, expected ${wanted}, got ${typeof value === 'string' ? 'string' : typeof value === 'boolean' ? 'bool' : 'int64'}`)

function stringValue(value: unknown, { format }: Schema): unknown {
  if (typeof value !== 'string') return badType('string', value)
  switch (format) {
    case 'duration': return parseGoDuration(value) ?? new CelError(`Invalid duration ${value}: unable to parse`)
    case 'date': return parseTimestamp(`${value}T00:00:00Z`) ?? new CelError(`Invalid date formatted string ${value}: unable to parse`)
    case 'date-time': return parseTimestamp(value) ?? new CelError(`Invalid date-time formatted string ${value}: unable to parse`)
    case 'byte': return new Uint8Array(Buffer.from(value, 'base64'))
    default: return value
  }
}

class SchemaMap extends LazyMap {
  private readonly data: Readonly<Record<string, unknown>>
  private readonly schema: Schema

  constructor(data: Readonly<Record<string, unknown>>, schema: Schema) {
    super()
    this.data = data
    this.schema = schema
  }

  private schemaOf(key: string): Schema | undefined {
    const { properties, additionalProperties } = this.schema
    if (properties && Object.hasOwn(properties, key)) return properties[key]
    return typeof additionalProperties === 'object' ? additionalProperties : undefined
  }

  has(key: string): boolean {
    if (!Object.hasOwn(this.data, key) || this.schemaOf(key) === undefined) return false
    return this.schema.properties === undefined || this.data[key] !== null
  }

  get(key: string): unknown {
    const schema = this.schemaOf(key)
    return schema ? schemaValue(this.data[key], schema, schema.embeddedResource) : undefined
  }

  keys(): readonly string[] {
    return Object.keys(this.data).filter((key) => this.has(key))
  }
}

/** A list as its schema has it: sets and maps are equal in any order, and adding to them merges. */
class SchemaList extends TypedList {
  private readonly data: readonly unknown[]
  private readonly schema: Schema
  private converted: readonly unknown[] | undefined

  constructor(data: readonly unknown[], schema: Schema) {
    super()
    this.data = data
    this.schema = schema
  }

  get items(): readonly unknown[] {
    this.converted ??= this.data.map((item) => this.item(item))
    return this.converted
  }

  private item(value: unknown): unknown {
    const { items } = this.schema
    return items ? schemaValue(value, items, items.embeddedResource) : adapt(value)
  }

  private keyOf(item: unknown): string {
    const keys = this.schema.listMapKeys ?? []
    return JSON.stringify(keys.map((key) => (isMap(item) ? (mapGet(item, key) ?? null) : null)))
  }

  equals(other: readonly unknown[]): boolean | CelError {
    const { items } = this
    if (items.length !== other.length) return false
    const { listType } = this.schema
    if (listType === 'set') return other.every((item) => items.some((own) => equal(own, adapt(item)) === true))
    if (listType !== 'map') return equalItems(items, other)
    const byKey = new Map(items.map((item) => [this.keyOf(item), item]))
    for (const item of other) {
      const own = byKey.get(this.keyOf(item))
      if (own === undefined) return false
      const same = equal(own, item)
      if (same !== true) return same
    }
    return true
  }

  concat(other: readonly unknown[]): unknown {
    const merged = [...this.items]
    const { listType } = this.schema
    for (const item of other.map(adapt)) {
      const at = listType === 'map' ? merged.findIndex((own) => this.keyOf(own) === this.keyOf(item)) : -1
      if (at >= 0) merged[at] = item
      else if (listType !== 'set' || !merged.some((own) => equal(own, item) === true)) merged.push(item)
    }
    return new MergedList(merged, this.schema)
  }
}

/** The sum of two lists: its elements are converted already. */
class MergedList extends SchemaList {
  private readonly merged: readonly unknown[]

  constructor(items: readonly unknown[], schema: Schema) {
    super(items, schema)
    this.merged = items
  }

  override get items(): readonly unknown[] {
    return this.merged
  }
}
