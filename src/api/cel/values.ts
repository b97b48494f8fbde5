/**
 * CEL's values. JSON stands for itself: strings, booleans, null, arrays and plain objects of the API server are CEL
 * values without copying. An int is a number while it is a safe integer and a bigint beyond, so that reading
 * `spec.replicas` costs nothing; what JSON cannot say has a class.
 */
import {
  BOOL, BYTES, DOUBLE, DURATION, INT, LIST, MAP, NULL, OPTIONAL, STRING, TIMESTAMP, TYPE, UINT, CelType,
} from './types.ts'

/** A failure of evaluation. It is a value, because `||` and `&&` absorb it (cel-go common/types/err.go). */
export class CelError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

export const noSuchOverload = (fn?: string): CelError =>
  new CelError(fn === undefined ? 'no such overload' : `no such overload: ${fn}`)

/** What an operator answers a value that has no such operation. Some types take calls themselves, and say less. */
export function unsupported(value: unknown, fn: string): CelError {
  const receives = typeof value === 'string' || value instanceof Duration || value instanceof Timestamp
  return noSuchOverload(receives ? undefined : fn)
}

/** Everything that carries its own type. */
export abstract class Tagged {
  abstract readonly type: CelType
}

export class Double extends Tagged {
  readonly value: number
  get type(): CelType { return DOUBLE }

  constructor(value: number) {
    super()
    this.value = value
  }
}

export class Uint extends Tagged {
  readonly value: bigint
  get type(): CelType { return UINT }

  constructor(value: bigint) {
    super()
    this.value = value
  }
}

export class Duration extends Tagged {
  readonly nanos: bigint
  get type(): CelType { return DURATION }

  constructor(nanos: bigint) {
    super()
    this.nanos = nanos
  }
}

/** An instant: nanoseconds since 1970, any year from 1 to 9999. */
export class Timestamp extends Tagged {
  readonly nanos: bigint
  /** Minutes east of UTC, as it was written: string() keeps it. */
  readonly offset: number
  get type(): CelType { return TIMESTAMP }

  constructor(nanos: bigint, offset = 0) {
    super()
    this.nanos = nanos
    this.offset = offset
  }
}

export class Optional extends Tagged {
  readonly value: unknown
  readonly present: boolean
  get type(): CelType { return OPTIONAL }

  constructor(value: unknown, present: boolean) {
    super()
    this.value = value
    this.present = present
  }
}

export const NONE = new Optional(undefined, false)
export const some = (value: unknown): Optional => new Optional(value, true)

/** A value of a library's own type, such as a quantity or an address. */
export abstract class Opaque extends Tagged {
  /** Equality with any value; some types refuse to be compared with others. */
  abstract equals(other: unknown): boolean | CelError
  /** How the value reads in messages. */
  abstract override toString(): string
  /** What reading the value costs, in bytes; 1 for what is small. */
  get size(): number { return 1 }
}

/** A map whose entries are looked up by name only when asked for, such as a policy's `variables`. */
export abstract class LazyMap extends Tagged {
  get type(): CelType { return MAP }
  abstract has(key: string): boolean
  /** What `key in map` says; other than has() for maps that answer keys that they do not hold. */
  contains(key: string): boolean {
    return this.has(key)
  }
  /** The value, or a CelError. */
  abstract get(key: string): unknown
  abstract keys(): readonly string[]
}

/** A list with a schema: its elements are converted once, when first asked for. */
export abstract class TypedList extends Tagged {
  get type(): CelType { return LIST }
  abstract readonly items: readonly unknown[]
  abstract equals(other: readonly unknown[]): boolean | CelError
  abstract concat(other: readonly unknown[]): unknown
}

/** An object made by an expression: `Object.spec{replicas: 3}`. */
export class Struct extends Tagged {
  readonly type: CelType
  readonly fields: ReadonlyMap<string, unknown>

  constructor(type: CelType, fields: ReadonlyMap<string, unknown>) {
    super()
    this.type = type
    this.fields = fields
  }
}

/** A map made by an expression. Keys are bools, ints, uints and strings; 1 and 1u are one key. */
export class CelMap extends Tagged {
  readonly entries = new Map<unknown, readonly [key: unknown, value: unknown]>()
  get type(): CelType { return MAP }

  set(key: unknown, value: unknown): void {
    this.entries.set(mapKey(key), [key, value])
  }
}

/** How a key is stored: numbers of all types that are equal are one key; undefined when nothing can equal it. */
export function mapKey(key: unknown): unknown {
  if (typeof key !== 'object' || key === null) return key
  if (key instanceof Uint) return intOf(key.value)
  if (key instanceof Double) return Number.isInteger(key.value) ? intOf(BigInt(key.value)) : undefined
  return undefined
}

/** The int of a bigint that is known to fit. */
export const intOf = (value: bigint): number | bigint =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value

const minInt = -(2n ** 63n)
const maxInt = 2n ** 63n - 1n
export const fitsInt = (value: bigint): boolean => value >= minInt && value <= maxInt
export const fitsUint = (value: bigint): boolean => value >= 0n && value < 2n ** 64n

/** A number of JSON as CEL sees it: whole ones are ints, others doubles. */
export function adapt(value: unknown): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  if (Number.isInteger(value)) {
    const big = BigInt(value)
    if (fitsInt(big)) return big
  }
  return new Double(value)
}

export const isInt = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'
export const isList = (value: unknown): value is readonly unknown[] | TypedList =>
  Array.isArray(value) || value instanceof TypedList

/** A list's elements; those of plain arrays may still need adapt(). */
export const itemsOf = (list: readonly unknown[] | TypedList): readonly unknown[] =>
  list instanceof TypedList ? list.items : list

export type MapValue = CelMap | LazyMap | Readonly<Record<string, unknown>>

export function isMap(value: unknown): value is MapValue {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Tagged) return value instanceof CelMap || value instanceof LazyMap
  return !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof CelType) && !(value instanceof CelError)
}

export function mapSize(map: MapValue): number {
  if (map instanceof CelMap) return map.entries.size
  if (map instanceof LazyMap) return map.keys().length
  let size = 0
  for (const key in map) if (Object.hasOwn(map, key)) size++
  return size
}

/** A map's keys in order. */
export function mapKeys(map: MapValue): readonly unknown[] {
  if (map instanceof CelMap) return [...map.entries.values()].map(([key]) => key)
  if (map instanceof LazyMap) return map.keys()
  return Object.keys(map)
}

/** The value of a key; undefined when there is none. */
export function mapGet(map: MapValue, key: unknown): unknown {
  if (map instanceof CelMap) return map.entries.get(mapKey(key))?.[1]
  if (typeof key !== 'string') return undefined
  if (map instanceof LazyMap) return map.has(key) ? map.get(key) : undefined
  return Object.hasOwn(map, key) ? adapt(map[key]) : undefined
}

/** The type that `type()` and "no such overload" tell. */
export function typeOf(value: unknown): CelType {
  switch (typeof value) {
    case 'string': return STRING
    case 'boolean': return BOOL
    case 'number': return Number.isInteger(value) ? INT : DOUBLE
    case 'bigint': return INT
    default:
  }
  if (value === null || value === undefined) return NULL
  if (value instanceof Tagged) return value.type
  if (Array.isArray(value)) return LIST
  if (value instanceof Uint8Array) return BYTES
  if (value instanceof CelType) return TYPE
  return MAP
}

/** How many characters (code points) a text has. */
export function textLength(text: string): number {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit <= 0xdbff && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1)
      if (next >= 0xdc00 && next <= 0xdfff) {
        length--
        i++
      }
    }
  }
  return length
}
