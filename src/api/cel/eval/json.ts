/** Values as JSON, for what an expression makes: patches, applied objects, parameters of messages. */
import { Buffer } from 'node:buffer'
import {
  CelError, Double, Duration, Opaque, Optional, Struct, Timestamp, Uint, adapt, isList, isMap, itemsOf, mapGet, mapKeys,
} from '../values.ts'
import { formatValue } from './format.ts'
import { formatDurationSeconds, formatTimestamp } from './time.ts'

/** The JSON of a value; a CelError when it has none. */
export function toJSON(value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value !== 'object') return value
  if (value instanceof CelError) return value
  if (value instanceof Double) return value.value
  if (value instanceof Uint) return Number(value.value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Duration) return formatDurationSeconds(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Optional) return value.present ? toJSON(value.value) : null
  if (value instanceof Struct) return objectOf([...value.fields])
  if (isList(value)) return arrayOf(itemsOf(value))
  if (value instanceof Opaque || !isMap(value)) {
    return new CelError(`unsupported type for JSON: ${formatValue(value)}`)
  }
  return objectOf(mapKeys(value).map((key) => [formatValue(key), mapGet(value, key)] as const))
}

function arrayOf(items: readonly unknown[]): unknown {
  const all = items.map((item) => toJSON(adapt(item)))
  return all.find((item) => item instanceof CelError) ?? all
}

function objectOf(entries: readonly (readonly [string, unknown])[]): unknown {
  const object: Record<string, unknown> = {}
  for (const [key, value] of entries) {
    const json = toJSON(value)
    if (json instanceof CelError) return json
    Object.defineProperty(object, key, { value: json, enumerable: true, writable: true, configurable: true })
  }
  return object
}
