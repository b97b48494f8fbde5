/** The empty object of a kind as Go writes it: what managed fields compare a new object with. */
import { setOwn } from './decode.ts'
import type { Schema } from './schema.ts'

const nothing: Readonly<Record<string, unknown>> = Object.freeze({})
const made = new WeakMap<Schema, Readonly<Record<string, unknown>>>()

/** Structs that Go always writes as {}, scalars it always writes as zero, and null for other required fields. */
export function zeroObject(schema: Schema): Readonly<Record<string, unknown>> {
  // Custom objects start with nothing at all.
  if (schema.name === undefined) return nothing
  const known = made.get(schema)
  if (known !== undefined) return known
  const out: Record<string, unknown> = {}
  const required = new Set(schema.required)
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = zeroField(property, required.has(name))
    if (value !== undefined) setOwn(out, name, value)
  }
  made.set(schema, Object.freeze(out))
  return out
}

function zeroField(schema: Schema, required: boolean): unknown {
  const { default: value } = schema
  if (value === '' || value === 0 || value === false) return value
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return zeroObject(schema)
  return required && value === undefined ? null : undefined
}
