/** Conversions between types: int(), string() and their like (cel-go common/types: ConvertToType of each type). */
import { Buffer, isUtf8 } from 'node:buffer'
import type { CelType } from '../types.ts'
import {
  CelError, Double, Duration, Timestamp, Uint, fitsInt, fitsUint, intOf, isInt, typeOf,
} from '../values.ts'
import { checkedTimestamp } from './numbers.ts'
import { formatDurationSeconds, formatTimestamp, parseGoDuration, parseTimestamp, timestampSeconds } from './time.ts'

const failed = (value: unknown, to: string): CelError =>
  new CelError(`type conversion error from '${typeName(typeOf(value))}' to '${to}'`)

/** A type as messages name it: list(dyn) is "list(dyn)", a duration "google.protobuf.Duration". */
export const typeName = (type: CelType): string =>
  type.params.length === 0 ? type.name : `${type.name}(${type.params.map(typeName).join(', ')})`

export function toInt(value: unknown): unknown {
  if (isInt(value)) return value
  if (typeof value === 'string') {
    if (!/^[+-]?\d+$/.test(value)) return failed(value, 'int')
    const big = BigInt(value.startsWith('+') ? value.slice(1) : value)
    return fitsInt(big) ? intOf(big) : failed(value, 'int')
  }
  if (value instanceof Uint) return fitsInt(value.value) ? intOf(value.value) : new CelError('integer overflow')
  if (value instanceof Double) {
    const { value: double } = value
    // Both ends are refused: the nearest doubles are not exact.
    if (!Number.isFinite(double) || double <= -(2 ** 63) || double >= 2 ** 63) return new CelError('integer overflow')
    return intOf(BigInt(Math.trunc(double)))
  }
  if (value instanceof Duration) return intOf(value.nanos)
  if (value instanceof Timestamp) return intOf(timestampSeconds(value))
  return failed(value, 'int')
}

export function toUint(value: unknown): unknown {
  if (value instanceof Uint) return value
  if (isInt(value)) return value >= 0 ? new Uint(BigInt(value)) : new CelError('unsigned integer overflow')
  if (typeof value === 'string') {
    if (!/^\d+$/.test(value)) return failed(value, 'uint')
    const big = BigInt(value)
    return fitsUint(big) ? new Uint(big) : failed(value, 'uint')
  }
  if (value instanceof Double) {
    const { value: double } = value
    if (!Number.isFinite(double) || double < 0 || double >= 2 ** 64) return new CelError('unsigned integer overflow')
    return new Uint(BigInt(Math.trunc(double)))
  }
  return failed(value, 'uint')
}

export function toDouble(value: unknown): unknown {
  if (value instanceof Double) return value
  if (isInt(value)) return new Double(Number(value))
  if (value instanceof Uint) return new Double(Number(value.value))
  if (typeof value === 'string') return parseDouble(value) ?? failed(value, 'double')
  return failed(value, 'double')
}

/** Go's strconv.ParseFloat, without its underscores. */
function parseDouble(text: string): Double | undefined {
  if (/^[+-]?(?:inf|infinity)$/i.test(text)) return new Double(text.startsWith('-') ? -Infinity : Infinity)
  if (/^nan$/i.test(text)) return new Double(Number.NaN)
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? new Double(value) : undefined
}

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const untruths = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

export function toBool(value: unknown): unknown {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return failed(value, 'bool')
  if (truths.has(value)) return true
  return untruths.has(value) ? false : failed(value, 'bool')
}

export function toBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return value
  return typeof value === 'string' ? new Uint8Array(Buffer.from(value)) : failed(value, 'bytes')
}

export function toText(value: unknown): unknown {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean' || isInt(value)) return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Double) return formatDouble(value.value)
  if (value instanceof Uint8Array) {
    if (!isUtf8(value)) return new CelError('invalid UTF-8 in bytes, cannot convert to string')
    return Buffer.from(value).toString()
  }
  if (value instanceof Duration) return formatDurationSeconds(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  return failed(value, 'string')
}

/** Go's %g. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 6) {
    const text = String(value)
    if (!text.includes('e')) return text
    const digits = mantissa.replace('-', '').replace('.', '')
    return `${value < 0 ? '-' : ''}0.${'0'.repeat(-power - 1)}${digits}`
  }
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

export function toDuration(value: unknown): unknown {
  if (value instanceof Duration) return value
  if (isInt(value)) return new Duration(BigInt(value))
  if (typeof value !== 'string') return failed(value, 'google.protobuf.Duration')
  return parseGoDuration(value) ?? failed(value, 'google.protobuf.Duration')
}

export function toTimestamp(value: unknown): unknown {
  if (value instanceof Timestamp) return value
  if (isInt(value)) return checkedTimestamp(BigInt(value) * 1_000_000_000n)
  if (typeof value !== 'string') return failed(value, 'google.protobuf.Timestamp')
  return parseTimestamp(value) ?? failed(value, 'google.protobuf.Timestamp')
}
