/**
 * Defaults that a schema states (apiextensions-apiserver schema/defaulting). For built-in kinds these are the zero
 * values that Go always writes and the defaults that their types declare; kinds add their own after them.
 * Inputs are never changed and defaults are copied; parts of the input that stay as they are are shared with the result.
 */
import { setOwn } from '../codec/set-own.ts'
import type { Schema } from './schema.ts'

/** The value with defaults filled in at every level that exists (defaults of defaults included). */
export function applyDefaults<T>(value: T, schema: Schema | undefined): T {
  return schema === undefined ? value : (fill(value, schema) as T)
}

const nonNullableNull = (value: unknown, schema: Schema): boolean => value === null && schema.nullable !== true

/** A default stands for null too, where null may not stand. */
function orDefault(value: unknown, schema: Schema): unknown {
  return value === undefined || nonNullableNull(value, schema) ? own(schema.default) ?? value : value
}

/** A default of the value's own: kinds complete what is filled in here in place. */
function own(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(own)
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(value)) setOwn(out, key, own((value as Record<string, unknown>)[key]))
  return out
}

interface DefaultedFields {
  readonly names: readonly string[]
}

const defaulted = new WeakMap<object, DefaultedFields>()

function defaultedFields(properties: Readonly<Record<string, Schema>>): readonly string[] {
  let known = defaulted.get(properties)
  if (known === undefined) {
    known = { names: Object.keys(properties).filter((name) => properties[name]!.default !== undefined) }
    defaulted.set(properties, known)
  }
  return known.names
}

/** Whether a schema can change anything below it; cycles count as yes. */
const quiet = new WeakMap<Schema, boolean>()

function isQuiet(schema: Schema): boolean {
  const known = quiet.get(schema)
  if (known !== undefined) return known
  quiet.set(schema, false)
  const below = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]
  const answer = below.every((next) => typeof next !== 'object' || (next.default === undefined && isQuiet(next)))
  quiet.set(schema, answer)
  return answer
}

function fill(value: unknown, schema: Schema): unknown {
  if (value === null || typeof value !== 'object' || isQuiet(schema)) return value
  return Array.isArray(value) ? fillList(value, schema.items) : fillObject(value as Record<string, unknown>, schema)
}

function fillList(list: readonly unknown[], items: Schema | undefined): unknown {
  if (items === undefined) return list
  let out: unknown[] | undefined
  for (let i = 0; i < list.length; i++) {
    const item = list[i]
    const next = fill(item === null ? orDefault(item, items) : item, items)
    if (next === item) continue
    out ??= list.slice()
    out[i] = next
  }
  return out ?? list
}

function fillObject(object: Record<string, unknown>, schema: Schema): unknown {
  const properties = schema.properties ?? {}
  const values = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  let out: Record<string, unknown> | undefined
  const set = (key: string, next: unknown): void => {
    out ??= { ...object }
    setOwn(out, key, next)
  }
  for (const key of Object.keys(object)) {
    const property = Object.hasOwn(properties, key) ? properties[key]! : values
    if (property === undefined) continue
    const item = object[key]
    const next = fill(item === null ? orDefault(item, property) : item, property)
    if (next !== item) set(key, next)
  }
  for (const key of defaultedFields(properties)) {
    if (object[key] === undefined) set(key, fill(own(properties[key]!.default), properties[key]!))
  }
  return out ?? object
}
