/** Order and equality of values (cel-go common/types: Compare and Equal of each type). */
import { CelType, sameType } from '../types.ts'
import {
  CelError, Double, Duration, Opaque, Optional, Struct, Timestamp, TypedList, Uint, adapt, isList, isMap, itemsOf,
  mapGet, mapKeys, mapSize, noSuchOverload,
} from '../values.ts'

const nan = new CelError('NaN values cannot be ordered')
const sign = (less: boolean, greater: boolean): number => (less ? -1 : greater ? 1 : 0)

/** Numbers as JavaScript compares them exactly, whatever their types; undefined for anything else. */
function numeric(value: unknown): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value instanceof Double || value instanceof Uint) return value.value
  return undefined
}

/** -1, 0 or 1, or what keeps the two from being compared. */
export function compare(a: unknown, b: unknown): number | CelError {
  if (typeof a === 'number' && typeof b === 'number') return sign(a < b, a > b)
  if (typeof a === 'string') return typeof b === 'string' ? compareStrings(a, b) : noSuchOverload()
  const left = numeric(a)
  if (left !== undefined) {
    const right = numeric(b)
    if (right === undefined) return noSuchOverload()
    if (Number.isNaN(left) || Number.isNaN(right)) return nan
    // Beside a double, other numbers are doubles too, be it that digits are lost.
    if (a instanceof Double || b instanceof Double) return sign(Number(left) < Number(right), Number(left) > Number(right))
    return sign(left < right, left > right)
  }
  if (typeof a === 'boolean') return typeof b === 'boolean' ? Number(a) - Number(b) : noSuchOverload()
  if (a instanceof Timestamp) {
    return b instanceof Timestamp ? sign(a.nanos < b.nanos, a.nanos > b.nanos) : noSuchOverload()
  }
  if (a instanceof Duration) return b instanceof Duration ? sign(a.nanos < b.nanos, a.nanos > b.nanos) : noSuchOverload()
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? compareBytes(a, b) : noSuchOverload()
  return new CelError('no such overload')
}

/** Go compares bytes of UTF-8, whose order is that of code points. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const high = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
    return high(x) === high(y) ? (x < y ? -1 : 1) : high(y) ? -1 : 1
  }
  return a.length < b.length ? -1 : 1
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference < 0 ? -1 : 1
  }
  return sign(a.length < b.length, a.length > b.length)
}

/** Equality across types: numbers are equal by value, values of different types are unequal. May be an error. */
export function equal(a: unknown, b: unknown): boolean | CelError {
  if (a === b) return typeof a !== 'number' || !Number.isNaN(a)
  if (typeof a === 'string' || typeof a === 'boolean' || a === null || b === null) return false
  const left = numeric(a)
  if (left !== undefined) {
    const right = numeric(b)
    if (right === undefined) return false
    if (a instanceof Double || b instanceof Double) return Number(left) === Number(right)
    return BigInt(left) === BigInt(right)
  }
  if (isList(a)) return isList(b) && equalLists(a, b)
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0
  if (a instanceof CelType) return b instanceof CelType && (a === b || a.name === b.name || sameType(a, b))
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b)
  if (a instanceof Opaque) return a.equals(b)
  if (a instanceof Struct) return b instanceof Struct && equalStructs(a, b)
  return isMap(a) && isMap(b) && equalMaps(a, b)
}

function equalLists(a: readonly unknown[] | TypedList, b: readonly unknown[] | TypedList): boolean | CelError {
  if (a instanceof TypedList) return a.equals(itemsOf(b))
  return equalItems(a, itemsOf(b))
}

/** Whether two lists hold equal elements in the same order. */
export function equalItems(a: readonly unknown[], b: readonly unknown[]): boolean | CelError {
  if (a.length !== b.length) return false
  let failure: CelError | undefined
  for (let i = 0; i < a.length; i++) {
    const same = equal(adapt(a[i]), adapt(b[i]))
    if (same === false) return false
    if (same instanceof CelError) failure ??= same
  }
  return failure ?? true
}

function equalMaps(a: Parameters<typeof mapSize>[0], b: Parameters<typeof mapSize>[0]): boolean | CelError {
  if (mapSize(a) !== mapSize(b)) return false
  for (const key of mapKeys(a)) {
    const other = mapGet(b, key)
    if (other === undefined) return false
    const same = equal(mapGet(a, key), other)
    if (same !== true) return same
  }
  return true
}

function equalOptionals(a: Optional, b: Optional): boolean | CelError {
  return a.present && b.present ? equal(a.value, b.value) : a.present === b.present
}

function equalStructs(a: Struct, b: Struct): boolean | CelError {
  if (a.type.name !== b.type.name || a.fields.size !== b.fields.size) return false
  for (const [name, value] of a.fields) {
    if (!b.fields.has(name)) return false
    const same = equal(value, b.fields.get(name))
    if (same !== true) return same
  }
  return true
}

/** `a in b` */
export function contains(list: readonly unknown[] | TypedList, value: unknown): boolean | CelError {
  let failure: CelError | undefined
  for (const item of itemsOf(list)) {
    const same = equal(value, adapt(item))
    if (same === true) return true
    if (same instanceof CelError) failure ??= same
  }
  return failure ?? false
}
