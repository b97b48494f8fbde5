/** Walks a value together with its schema; cycles of schemas end because values do. */
import type { Schema } from './schema.ts'

/** The schema of a field: its property, else the map's values, else undefined. */
export function fieldSchemaOf(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema === undefined) return undefined
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}

/** The schema at a path of fields ("spec", "containers", "[]", "image"), or undefined. "[]" steps into a list. */
export function schemaAt(schema: Schema | undefined, path: readonly string[]): Schema | undefined {
  let at = schema
  for (const step of path) at = step === '[]' ? at?.items : fieldSchemaOf(at, step)
  return at
}

export type Visit = (value: unknown, schema: Schema | undefined, path: readonly (string | number)[]) => boolean | void

/** Visits the value and all below it, parents first; a visitor that answers false is not taken deeper. */
export function walk(
  value: unknown, schema: Schema | undefined, visit: Visit, path: readonly (string | number)[] = [],
): void {
  if (visit(value, schema, path) === false) return
  if (Array.isArray(value)) {
    value.forEach((item, i) => walk(item, schema?.items, visit, [...path, i]))
  } else if (value !== null && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) walk(item, fieldSchemaOf(schema, key), visit, [...path, key])
  }
}

/** The value at a path, or undefined where it ends before. */
export function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value
  for (const step of path) {
    if (at === null || typeof at !== 'object') return undefined
    at = (at as Record<string | number, unknown>)[step]
  }
  return at
}

/** A copy of the way to `path` with `next` at its end (undefined removes the field); everything else is shared. */
export function withValueAt<T>(value: T, path: readonly string[], next: unknown): T {
  if (path.length === 0) return next as T
  const [key, ...rest] = path as [string, ...string[]]
  const object = (value ?? {}) as Record<string, unknown>
  const inner = rest.length === 0 ? next : withValueAt(object[key], rest, next)
  if (inner === object[key] && (inner !== undefined || !(key in object))) return value
  const { [key]: _, ...others } = object
  return (inner === undefined ? others : { ...object, [key]: inner }) as T
}
