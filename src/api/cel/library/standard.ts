/** The standard functions of the language (cel-go common/stdlib/standard.go). Overload ids are upstream's: costs name them. */
import type { FunctionDeclaration, Library, Overload } from '../checker/declarations.ts'
import { compare, contains } from '../eval/compare.ts'
import { toBool, toBytes, toDouble, toDuration, toInt, toText, toTimestamp, toUint } from '../eval/convert.ts'
import { add, divide, modulo, multiply, negate, subtract } from '../eval/numbers.ts'
import { matchRegex } from '../eval/regex.ts'
import { dateParts, datePart } from '../eval/time.ts'
import {
  BOOL, BYTES, DOUBLE, DURATION, DYN, INT, NULL, STRING, TIMESTAMP, TYPE, UINT, type CelType, listType, mapType,
  typeType,
} from '../types.ts'
import {
  CelError, LazyMap, type Duration, type Timestamp, intOf, isList, isMap, itemsOf, mapGet, mapSize, noSuchOverload, textLength, typeOf, unsupported,
} from '../values.ts'
import { A, B, fn, global, method } from './define.ts'

const listOfA = listType(A)
const mapOfAB = mapType(A, B)

const binary = (id: string, a: CelType, b: CelType, result: CelType): Overload => global(id, [a, b], result)

const relationTypes: readonly (readonly [id: string, a: CelType, b: CelType])[] = [
  ['bool', BOOL, BOOL],
  ['int64', INT, INT],
  ['int64_double', INT, DOUBLE],
  ['int64_uint64', INT, UINT],
  ['uint64', UINT, UINT],
  ['uint64_double', UINT, DOUBLE],
  ['uint64_int64', UINT, INT],
  ['double', DOUBLE, DOUBLE],
  ['double_int64', DOUBLE, INT],
  ['double_uint64', DOUBLE, UINT],
  ['string', STRING, STRING],
  ['bytes', BYTES, BYTES],
  ['timestamp', TIMESTAMP, TIMESTAMP],
  ['duration', DURATION, DURATION],
]

function relation(name: string, prefix: string, holds: (order: number) => boolean): FunctionDeclaration {
  const overloads = relationTypes.map(([id, a, b]) => binary(`${prefix}_${id}`, a, b, BOOL))
  return fn(name, overloads, (a, b) => {
    const order = compare(a, b)
    return order instanceof CelError ? order : holds(order)
  })
}

/** size() of anything that has one. */
export function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'string') return textLength(value)
  if (isList(value)) return itemsOf(value).length
  if (value instanceof Uint8Array) return value.length
  return isMap(value) ? mapSize(value) : undefined
}

const sizes: readonly (readonly [id: string, type: CelType])[] = [
  ['bytes', BYTES], ['list', listOfA], ['map', mapOfAB], ['string', STRING],
]

const dateIds: Readonly<Record<string, string>> = {
  getFullYear: 'year',
  getMonth: 'month',
  getDayOfYear: 'day_of_year',
  getDayOfMonth: 'day_of_month',
  getDate: 'day_of_month_1_based',
  getDayOfWeek: 'day_of_week',
  getHours: 'hours',
  getMinutes: 'minutes',
  getSeconds: 'seconds',
  getMilliseconds: 'milliseconds',
}

const durationUnits: Readonly<Record<string, bigint>> = {
  getHours: 3_600_000_000_000n, getMinutes: 60_000_000_000n, getSeconds: 1_000_000_000n, getMilliseconds: 1_000_000n,
}

function dateFunction(name: string): FunctionDeclaration {
  const id = dateIds[name] as string
  const zoned = `timestamp_to_${id}_${name === 'getSeconds' ? 'tz' : 'with_tz'}`
  const overloads = [
    method(`timestamp_to_${id}`, [TIMESTAMP], INT, (time) => datePart(name, time as Timestamp, undefined)),
    method(zoned, [TIMESTAMP, STRING], INT, (time, zone) => datePart(name, time as Timestamp, zone as string)),
  ]
  const unit = durationUnits[name]
  if (unit !== undefined) {
    overloads.push(method(`duration_to_${id}`, [DURATION], INT, (value) => intOf((value as Duration).nanos / unit)))
  }
  return fn(name, overloads)
}

const conversion = (name: string, to: CelType, from: readonly (readonly [string, CelType])[], call: (value: unknown) => unknown): FunctionDeclaration =>
  fn(name, from.map(([id, type]) => global(id, [type], to, call)))

const text = (name: string, id: string, holds: (text: string, part: string) => boolean): FunctionDeclaration =>
  fn(name, [method(id, [STRING, STRING], BOOL, (a, b) => holds(a as string, b as string))])

const functions: readonly FunctionDeclaration[] = [
  fn('_?_:_', [global('conditional', [BOOL, A, A], A)]),
  fn('_&&_', [binary('logical_and', BOOL, BOOL, BOOL)]),
  fn('_||_', [binary('logical_or', BOOL, BOOL, BOOL)]),
  fn('!_', [global('logical_not', [BOOL], BOOL)], (value) => (typeof value === 'boolean' ? !value : noSuchOverload())),
  fn('@not_strictly_false', [global('not_strictly_false', [BOOL], BOOL)]),
  fn('_==_', [binary('equals', A, A, BOOL)]),
  fn('_!=_', [binary('not_equals', A, A, BOOL)]),
  fn('_+_', [
    binary('add_bytes', BYTES, BYTES, BYTES),
    binary('add_double', DOUBLE, DOUBLE, DOUBLE),
    binary('add_duration_duration', DURATION, DURATION, DURATION),
    binary('add_duration_timestamp', DURATION, TIMESTAMP, TIMESTAMP),
    binary('add_timestamp_duration', TIMESTAMP, DURATION, TIMESTAMP),
    binary('add_int64', INT, INT, INT),
    binary('add_list', listOfA, listOfA, listOfA),
    binary('add_string', STRING, STRING, STRING),
    binary('add_uint64', UINT, UINT, UINT),
  ], add),
  fn('_/_', [
    binary('divide_double', DOUBLE, DOUBLE, DOUBLE),
    binary('divide_int64', INT, INT, INT),
    binary('divide_uint64', UINT, UINT, UINT),
  ], divide),
  fn('_%_', [binary('modulo_int64', INT, INT, INT), binary('modulo_uint64', UINT, UINT, UINT)], modulo),
  fn('_*_', [
    binary('multiply_double', DOUBLE, DOUBLE, DOUBLE),
    binary('multiply_int64', INT, INT, INT),
    binary('multiply_uint64', UINT, UINT, UINT),
  ], multiply),
  fn('-_', [global('negate_double', [DOUBLE], DOUBLE), global('negate_int64', [INT], INT)], negate),
  fn('_-_', [
    binary('subtract_double', DOUBLE, DOUBLE, DOUBLE),
    binary('subtract_duration_duration', DURATION, DURATION, DURATION),
    binary('subtract_int64', INT, INT, INT),
    binary('subtract_timestamp_duration', TIMESTAMP, DURATION, TIMESTAMP),
    binary('subtract_timestamp_timestamp', TIMESTAMP, TIMESTAMP, DURATION),
    binary('subtract_uint64', UINT, UINT, UINT),
  ], subtract),
  relation('_<_', 'less', (order) => order < 0),
  relation('_<=_', 'less_equals', (order) => order <= 0),
  relation('_>_', 'greater', (order) => order > 0),
  relation('_>=_', 'greater_equals', (order) => order >= 0),
  fn('_[_]', [binary('index_list', listOfA, INT, A), binary('index_map', mapOfAB, A, B)]),
  fn('@in', [binary('in_list', A, listOfA, BOOL), binary('in_map', A, mapOfAB, BOOL)], (value, where) => {
    if (isList(where)) return contains(where, value)
    if (!isMap(where)) return noSuchOverload()
    if (where instanceof LazyMap && typeof value === 'string' && !where.contains(value)) return false
    const found = mapGet(where, value)
    return found instanceof CelError ? found : found !== undefined
  }),
  fn('size', sizes.flatMap(([id, type]) => [global(`size_${id}`, [type], INT), method(`${id}_size`, [type], INT)]),
    (value) => sizeOf(value) ?? unsupported(value, 'size')),
  fn('type', [global('type', [A], typeType(A))], (value) => typeOf(value)),
  conversion('bool', BOOL, [['bool_to_bool', BOOL], ['string_to_bool', STRING]], toBool),
  conversion('bytes', BYTES, [['bytes_to_bytes', BYTES], ['string_to_bytes', STRING]], toBytes),
  conversion('double', DOUBLE, [
    ['double_to_double', DOUBLE], ['int64_to_double', INT], ['string_to_double', STRING], ['uint64_to_double', UINT],
  ], toDouble),
  conversion('duration', DURATION, [
    ['duration_to_duration', DURATION], ['int64_to_duration', INT], ['string_to_duration', STRING],
  ], toDuration),
  fn('dyn', [global('to_dyn', [A], DYN)], (value) => value),
  conversion('int', INT, [
    ['int64_to_int64', INT], ['double_to_int64', DOUBLE], ['duration_to_int64', DURATION], ['string_to_int64', STRING],
    ['timestamp_to_int64', TIMESTAMP], ['uint64_to_int64', UINT],
  ], toInt),
  conversion('string', STRING, [
    ['string_to_string', STRING], ['bool_to_string', BOOL], ['bytes_to_string', BYTES], ['double_to_string', DOUBLE],
    ['duration_to_string', DURATION], ['int64_to_string', INT], ['timestamp_to_string', TIMESTAMP],
    ['uint64_to_string', UINT],
  ], toText),
  conversion('timestamp', TIMESTAMP, [
    ['timestamp_to_timestamp', TIMESTAMP], ['int64_to_timestamp', INT], ['string_to_timestamp', STRING],
  ], toTimestamp),
  conversion('uint', UINT, [
    ['uint64_to_uint64', UINT], ['double_to_uint64', DOUBLE], ['int64_to_uint64', INT], ['string_to_uint64', STRING],
  ], toUint),
  text('contains', 'contains_string', (a, b) => a.includes(b)),
  text('endsWith', 'ends_with_string', (a, b) => a.endsWith(b)),
  text('startsWith', 'starts_with_string', (a, b) => a.startsWith(b)),
  fn('matches', [
    global('matches', [STRING, STRING], BOOL), method('matches_string', [STRING, STRING], BOOL),
  ], (value, pattern) =>
    typeof value !== 'string' ? noSuchOverload('matches') : typeof pattern !== 'string' ? noSuchOverload() : matchRegex(value, pattern)),
  ...Object.keys(dateParts).map(dateFunction),
]

export const standardLibrary: Library = {
  functions,
  types: [BOOL, BYTES, DOUBLE, DURATION, INT, listOfA, mapOfAB, NULL, STRING, TIMESTAMP, TYPE, UINT],
}

/** Functions whose result on a constant is one (overloads.IsTypeConversionFunction). */
export const conversions: ReadonlySet<string> = new Set([
  'bool', 'bytes', 'double', 'duration', 'dyn', 'int', 'string', 'timestamp', 'type', 'uint',
])
