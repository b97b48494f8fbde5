/** Values as messages show them (Go's %v of cel-go's values). */
import {
  CelError, Double, Duration, Opaque, Optional, Struct, Timestamp, Uint, adapt, isInt, isList, isMap, itemsOf, mapGet, mapKeys,
} from '../values.ts'
import { CelType } from '../types.ts'
import { formatDouble } from './convert.ts'
import { formatDurationSeconds, formatTimestamp } from './time.ts'

export function formatValue(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || isInt(value)) return String(value)
  if (value === null || value === undefined) return 'null'
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Double) return formatDouble(value.value)
  if (value instanceof Duration) return formatDurationSeconds(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Uint8Array) return `[${[...value].join(' ')}]`
  if (value instanceof CelType) return value.name
  if (value instanceof CelError) return value.message
  if (value instanceof Optional) return value.present ? `optional(${formatValue(value.value)})` : 'optional.none()'
  if (value instanceof Opaque) return String(value)
  if (isList(value)) return `[${itemsOf(value).map((item) => formatValue(adapt(item))).join(', ')}]`
  if (isMap(value)) {
    return `{${mapKeys(value).map((key) => `${formatValue(key)}: ${formatValue(mapGet(value, key))}`).join(', ')}}`
  }
  if (value instanceof Struct) return value.type.name
  return typeof value
}
