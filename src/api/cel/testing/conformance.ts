/** cel-spec's conformance tests: how they are read, run and judged. */
import { Buffer } from 'node:buffer'
import {
  ANY, BOOL, BYTES, DOUBLE, DURATION, DYN, INT, NULL, STRING, TIMESTAMP, UINT, CelType, listType, mapType, nullableType,
  opaqueType, paramType, sameType, structType, typeType,
} from '../types.ts'
import {
  CelMap, Double, Duration, Timestamp, Uint, adapt, isList, isMap, itemsOf, mapGet, mapKeys, mapSize, intOf,
} from '../values.ts'
import { equal } from '../eval/compare.ts'

type Json = string | number | boolean | null | readonly Json[] | { readonly [field: string]: Json }
type Fields = { readonly [field: string]: Json }

export interface ConformanceTest {
  readonly file: string
  readonly section: string
  readonly name: string
  readonly expr: string
  readonly container?: string
  readonly disable_check?: boolean
  readonly disable_macros?: boolean
  readonly check_only?: boolean
  readonly type_env?: Fields | readonly Fields[]
  readonly bindings?: Fields | readonly Fields[]
  readonly value?: Fields
  readonly eval_error?: Fields
  readonly any_eval_errors?: Fields
  readonly typed_result?: Fields
}

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T]

/** Something of the data that this reader does not know: messages. */
export class Unsupported extends Error {}

const primitives: Readonly<Record<string, CelType>> = {
  BOOL, INT64: INT, UINT64: UINT, DOUBLE, STRING, BYTES,
}
const wellKnown: Readonly<Record<string, CelType>> = { ANY, TIMESTAMP, DURATION }

export function typeOfData(data: Fields): CelType {
  const [kind, value] = Object.entries(data)[0] as [string, Json]
  switch (kind) {
    case 'primitive': return primitives[value as string] as CelType
    case 'wrapper': return nullableType(primitives[value as string] as CelType)
    case 'well_known': return wellKnown[value as string] as CelType
    case 'null': return NULL
    case 'dyn': return DYN
    case 'list_type': return listType(typeOfData((value as { elem_type: Fields }).elem_type))
    case 'map_type': {
      const { key_type: key, value_type: item } = value as { key_type: Fields; value_type: Fields }
      return mapType(typeOfData(key), typeOfData(item))
    }
    case 'abstract_type': {
      const { name, parameter_types: params } = value as { name: string; parameter_types?: Fields | readonly Fields[] }
      return opaqueType(name, ...list(params).map(typeOfData))
    }
    case 'message_type': return typeNames[value as string] ?? structType(value as string)
    case 'type_param': return paramType(value as string)
    case 'type': return typeType(typeOfData(value as Fields))
    default: throw new Unsupported(`type ${kind}`)
  }
}

const typeNames: Readonly<Record<string, CelType>> = {
  bool: BOOL, int: INT, uint: UINT, double: DOUBLE, string: STRING, bytes: BYTES, null_type: NULL, type: new CelType('type', 'type'),
  list: listType(DYN), map: mapType(DYN, DYN), 'google.protobuf.Timestamp': TIMESTAMP, 'google.protobuf.Duration': DURATION,
}

export function valueOfData(data: Fields): unknown {
  const entry = Object.entries(data)[0]
  if (!entry) return null
  const [kind, value] = entry
  switch (kind) {
    case 'int64_value':
    case 'enum_value': return intOf(BigInt(value as string))
    case 'uint64_value': return new Uint(BigInt(value as string))
    case 'double_value': return new Double(/inf/i.test(value as string) ? ((value as string).startsWith('-') ? -Infinity : Infinity) : Number(value))
    case 'string_value':
    case 'bool_value': return value
    case 'bytes_value': return new Uint8Array(Buffer.from(value as string, 'latin1'))
    case 'null_value': return null
    case 'type_value': return typeNames[value as string] ?? structType(value as string)
    case 'list_value': return list((value as { values?: Fields | readonly Fields[] }).values).map(valueOfData)
    case 'map_value': {
      const map = new CelMap()
      for (const { key, value: item } of list((value as { entries?: Fields | readonly Fields[] }).entries)) {
        map.set(valueOfData(key as Fields), valueOfData(item as Fields))
      }
      return map
    }
    case 'object_value': return objectOfData(value as Fields)
    default: throw new Unsupported(`value ${kind}`)
  }
}

function objectOfData(data: Fields): unknown {
  const [type, fields] = Object.entries(data)[0] as [string, Fields]
  const nanos = BigInt(Number(fields.seconds ?? 0)) * 1_000_000_000n + BigInt(Number(fields.nanos ?? 0))
  if (type.includes('google.protobuf.Duration')) return new Duration(nanos)
  if (type.includes('google.protobuf.Timestamp')) return new Timestamp(nanos)
  throw new Unsupported(type)
}

export function variablesOf({ type_env: env }: ConformanceTest): Record<string, CelType> {
  const variables: Record<string, CelType> = {}
  for (const { name, ident, function: fn } of list(env)) {
    if (fn !== undefined) throw new Unsupported('declared function')
    variables[name as string] = typeOfData((ident as { type: Fields }).type)
  }
  return variables
}

export function bindingsOf({ bindings }: ConformanceTest): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const { key, value } of list(bindings)) {
    const inner = (value as { value?: Fields }).value
    if (inner === undefined) throw new Unsupported('unknown')
    values[key as string] = valueOfData(inner)
  }
  return values
}

/** Whether two values are the same in type and content: 1 is not 1.0 here. */
export function same(a: unknown, b: unknown): boolean {
  if (a instanceof Double && b instanceof Double) return Object.is(a.value, b.value) || a.value === b.value
  if (a instanceof CelType && b instanceof CelType) return a.name === b.name || sameType(a, b)
  if (isList(a) && isList(b)) {
    const [x, y] = [itemsOf(a), itemsOf(b)]
    return x.length === y.length && x.every((item, index) => same(adapt(item), adapt(y[index])))
  }
  if (isMap(a) && isMap(b)) {
    return mapSize(a) === mapSize(b) && mapKeys(a).every((key) => same(mapGet(a, key), mapGet(b, key)))
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && a.constructor !== b.constructor) return false
  return (typeof a === 'object') === (typeof b === 'object') && equal(a, b) === true
}
