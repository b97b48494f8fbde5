/** Duplicates in lists of type set and map (apiextensions-apiserver schema/listtype). */
import type { FieldError } from '../meta/errors.ts'
import { childPath, fieldDuplicate, fieldInvalid, indexPath, keyPath } from '../meta/field-errors.ts'
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import type { Schema } from './schema.ts'


/** Every element that repeats an earlier one, told once for each value. */
export function* validateListTypes(value: unknown, schema: Schema | undefined, path = ''): Generator<FieldError> {
  if (schema === undefined) return
  if (Array.isArray(value)) yield* validateList(value, schema, path)
  else if (isFields(value)) {
    for (const key of Object.keys(value)) {
      const property = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      if (property) yield* validateListTypes(value[key], schema.properties![key], childPath(path, key))
      else if (typeof schema.additionalProperties === 'object') {
        yield* validateListTypes(value[key], schema.additionalProperties, keyPath(path, key))
      }
    }
  }
}

function* validateList(list: readonly unknown[], schema: Schema, path: string): Generator<FieldError> {
  if (schema.listType === 'set') {
    for (const i of repeated(list)) yield fieldDuplicate(indexPath(path, i), list[i])
  } else if (schema.listType === 'map') yield* validateMapList(list, schema, path)
  for (let i = 0; i < list.length; i++) yield* validateListTypes(list[i], schema.items, indexPath(path, i))
}

function* validateMapList(list: readonly unknown[], schema: Schema, path: string): Generator<FieldError> {
  const wrong = list.findIndex((item) => item !== null && !isFields(item))
  if (wrong >= 0) {
    yield fieldInvalid(indexPath(path, wrong), list[wrong], 'must be an object for an array of list-type map')
    return
  }
  const keys = list.map((item) => {
    const names = (schema.listMapKeys ?? []).filter((name) => isFields(item) && Object.hasOwn(item, name))
    return Object.fromEntries(names.map((name) => [name, (item as Fields)[name]]))
  })
  for (const i of repeated(keys)) yield fieldDuplicate(indexPath(path, i), keys[i])
}

/** Indices of second occurrences. */
function repeated(list: readonly unknown[]): number[] {
  const seen = new Map<string, number>()
  const out: number[] = []
  list.forEach((item, i) => {
    const text = JSON.stringify(item)
    const times = seen.get(text) ?? 0
    seen.set(text, times + 1)
    if (times === 1) out.push(i)
  })
  return out
}
