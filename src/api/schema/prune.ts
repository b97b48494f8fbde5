/**
 * Dropping of what a custom resource's structural schema does not know (apiextensions-apiserver schema/pruning), and of
 * nulls that may not stand (schema/defaulting prunenulls). Inputs are never changed; unchanged parts are shared.
 */
import { compareText } from '../meta/go-text.ts'
import { setOwn } from '../codec/set-own.ts'
import { decodeMetadata } from './embedded.ts'
import type { Schema } from './schema.ts'

export interface Pruned<T = unknown> {
  readonly value: T
  /** Paths that were dropped, sorted: "spec.foo", "spec.list[0].bar". */
  readonly unknownFields: readonly string[]
}

const isMeta = (key: string): boolean => key === 'apiVersion' || key === 'kind' || key === 'metadata'

/** Drops unknown fields. `root`: the value is a whole object, whose apiVersion, kind and metadata are always known. */
export function pruneUnknown<T>(value: T, schema: Schema | undefined, root = true): Pruned<T> {
  const unknown: string[] = []
  const top: Schema = root ? { ...schema, embeddedResource: true } : schema ?? {}
  const out = prune(value, top, '', unknown) as T
  return { value: out, unknownFields: unknown.sort(compareText) }
}

/** The schema of a map's values: undefined when there is no such map, null for one that allows anything unspecified. */
function valuesOf(schema: Schema): Schema | null | undefined {
  const values = schema.additionalProperties
  if (values === undefined || values === false) return undefined
  return values === true ? null : values
}

const under = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)

function prune(value: unknown, schema: Schema | null, path: string, unknown: string[]): unknown {
  if (value === null || typeof value !== 'object') return value
  const keep = schema?.preserveUnknownFields === true
  if (Array.isArray(value)) {
    const items = schema?.items ?? null
    const next = keep ? (items === null ? undefined : { ...items, preserveUnknownFields: true }) : items
    return next === undefined ? value : mapList(value, (item, i) => prune(item, next, `${path}[${i}]`, unknown))
  }
  return mapFields(value as Record<string, unknown>, (key, item) => {
    if (schema?.embeddedResource && isMeta(key)) {
      return key === 'metadata' && path !== '' ? readMetadata(item, path, unknown) : item
    }
    const property = schema?.properties !== undefined && Object.hasOwn(schema.properties, key)
      ? schema.properties[key]!
      : undefined
    const next = property ?? (schema === null ? undefined : valuesOf(schema))
    if (next !== undefined) return prune(item, next, under(path, key), unknown)
    if (keep) return item
    if (!isMeta(key) || path !== '') unknown.push(under(path, key))
    return undefined
  })
}

/** The metadata of an embedded object as every kind has it; validation tells what cannot be read. */
function readMetadata(metadata: unknown, path: string, unknown: string[]): unknown {
  const { value, unknownFields, error } = decodeMetadata(metadata)
  if (error !== undefined) return metadata
  for (const field of unknownFields) unknown.push(`${path}.metadata.${field}`)
  return value
}

function mapList(list: readonly unknown[], change: (item: unknown, index: number) => unknown): readonly unknown[] {
  let out: unknown[] | undefined
  for (let i = 0; i < list.length; i++) {
    const next = change(list[i], i)
    if (next === list[i]) continue
    out ??= list.slice()
    out[i] = next
  }
  return out ?? list
}

/** Changes fields one by one; undefined drops one. */
function mapFields(
  object: Record<string, unknown>, change: (key: string, item: unknown) => unknown,
): Record<string, unknown> {
  const keys = Object.keys(object)
  let out: Record<string, unknown> | undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const next = change(key, object[key])
    if (out === undefined) {
      if (next === object[key]) continue
      out = {}
      for (let j = 0; j < i; j++) setOwn(out, keys[j]!, object[keys[j]!])
    }
    if (next !== undefined) setOwn(out, key, next)
  }
  return out ?? object
}

/** Drops nulls of fields that are neither nullable nor have a default. */
export function pruneNulls<T>(value: T, schema: Schema | undefined): T {
  return dropNulls(value, schema) as T
}

function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  const values = schema?.additionalProperties
  return typeof values === 'object' ? values : undefined
}

function dropNulls(value: unknown, schema: Schema | undefined): unknown {
  if (value === null || typeof value !== 'object' || schema === undefined) return value
  if (Array.isArray(value)) return mapList(value, (item) => dropNulls(item, schema.items))
  return mapFields(value as Record<string, unknown>, (key, item) => {
    const property = fieldSchema(schema, key)
    if (item !== null) return dropNulls(item, property)
    const drop = property !== undefined && property.nullable !== true && property.default === undefined
    return drop ? undefined : null
  })
}
