/**
 * What server-side apply sees in a schema (kube-openapi pkg/schemaconv): scalars, lists and maps with their granularity.
 * Types are made from schemas when first needed and kept.
 */
import type { Schema } from '../schema/schema.ts'

export interface ListType {
  /** Atomic lists are one field; others are known by keys, or by value when there are none. */
  readonly atomic: boolean
  readonly keys: readonly string[]
  readonly element: FieldType
}

export interface MapType {
  readonly atomic: boolean
  /** Some fields are declared. */
  readonly declares: boolean
  /** The declared field's type. */
  field(name: string): FieldType | undefined
  /** The type of what is not declared; undefined when nothing else may be there. */
  readonly element: FieldType | undefined
}

/** One of three for most types; all three where the schema leaves the type open. */
export interface FieldType {
  readonly scalar?: 'numeric' | 'string' | 'boolean' | 'untyped'
  readonly list?: ListType
  readonly map?: MapType
  /** The value that Go writes for a key field that is absent. */
  readonly default?: unknown
}

/** Anything, as one field. */
export const untypedAtomic: FieldType = {
  scalar: 'untyped',
  list: { atomic: true, keys: [], get element(): FieldType { return untypedAtomic } },
  map: { atomic: true, declares: false, field: () => undefined, get element(): FieldType { return untypedAtomic } },
}

/** Anything, map by map: for fields that no schema declares. */
export const deduced: FieldType = {
  scalar: 'untyped',
  list: { atomic: true, keys: [], element: untypedAtomic },
  map: { atomic: false, declares: false, field: () => undefined, get element(): FieldType { return deduced } },
}

const known = new WeakMap<Schema, FieldType>()
const knownOpen = new WeakMap<Schema, FieldType>()

/** The type of a schema; `open` when a schema above it preserves unknown fields. */
export function fieldTypeOf(schema: Schema, open = false): FieldType {
  const cache = open ? knownOpen : known
  let type = cache.get(schema)
  if (type === undefined) {
    type = makeType(schema, open || schema.preserveUnknownFields === true)
    cache.set(schema, type)
  }
  return type
}

const rawExtension = 'io.k8s.apimachinery.pkg.runtime.RawExtension'

function makeType(schema: Schema, open: boolean): FieldType {
  const withDefault = schema.default === undefined ? {} : { default: schema.default }
  if (schema.quantity || schema.intOrString) return { scalar: 'untyped', ...withDefault }
  if (schema.name === rawExtension) return { ...untypedAtomic }
  switch (schema.type) {
    case 'string':
      return { scalar: schema.format === undefined || schema.format === 'byte' ? 'string' : 'untyped', ...withDefault }
    case 'integer': case 'number': return { scalar: 'numeric', ...withDefault }
    case 'boolean': return { scalar: 'boolean', ...withDefault }
    case 'array': return { list: makeList(schema, open), ...withDefault }
    case 'object': return { map: makeMap(schema, open), ...withDefault }
    case undefined:
      return { scalar: 'untyped', list: makeList(schema, open), map: makeMap(schema, open), ...withDefault }
  }
}

// Definitions by name stand for themselves: what preserves fields around them does not reach into them.
const below = (schema: Schema, open: boolean): FieldType => fieldTypeOf(schema, open && schema.name === undefined)

function makeList(schema: Schema, open: boolean): ListType {
  const { items } = schema
  let element: FieldType | undefined
  return {
    atomic: !isAssociative(schema),
    keys: listKeys(schema),
    get element(): FieldType { return (element ??= items === undefined ? untypedAtomic : below(items, open)) },
  }
}

function isAssociative(schema: Schema): boolean {
  if (schema.listType !== undefined) return schema.listType !== 'atomic'
  return schema.patchStrategy === 'merge' || schema.patchStrategy === 'merge,retainKeys'
}

function listKeys(schema: Schema): readonly string[] {
  if (schema.listType !== undefined) return schema.listType === 'map' ? schema.listMapKeys ?? [] : []
  return isAssociative(schema) && schema.patchMergeKey !== undefined ? [schema.patchMergeKey] : []
}

function makeMap(schema: Schema, open: boolean): MapType {
  const properties = schema.properties ?? {}
  const fields = new Map<string, FieldType>()
  const values = schema.additionalProperties
  let element: FieldType | undefined
  const elementOf = (): FieldType | undefined => {
    if (values === undefined) return open || Object.keys(properties).length === 0 ? deduced : undefined
    if (typeof values === 'boolean') return values ? deduced : undefined
    return below(values, open)
  }
  let made = false
  return {
    atomic: schema.mapType === 'atomic',
    declares: Object.keys(properties).length > 0,
    field(name) {
      let type = fields.get(name)
      if (type === undefined && Object.hasOwn(properties, name)) {
        type = below(properties[name]!, open)
        fields.set(name, type)
      }
      return type
    },
    get element(): FieldType | undefined {
      if (!made) {
        element = elementOf()
        made = true
      }
      return element
    },
  }
}

/** The part of an open type that a value means; null leaves it open. */
export function deduce(type: FieldType, value: unknown): FieldType {
  if (value === null || value === undefined) return type
  if (Array.isArray(value)) return type.list === undefined || isSingle(type) ? type : only(type, 'list')
  if (typeof value === 'object') return type.map === undefined || isSingle(type) ? type : only(type, 'map')
  return type.scalar === undefined || isSingle(type) ? type : only(type, 'scalar')
}

const isSingle = (type: FieldType): boolean =>
  (type.scalar === undefined ? 0 : 1) + (type.list === undefined ? 0 : 1) + (type.map === undefined ? 0 : 1) === 1

interface Parts {
  scalar?: FieldType
  list?: FieldType
  map?: FieldType
}
const parts = new WeakMap<FieldType, Parts>()

function only(type: FieldType, part: keyof Parts): FieldType {
  let made = parts.get(type)
  if (made === undefined) parts.set(type, (made = {}))
  return (made[part] ??= { [part]: type[part] })
}
