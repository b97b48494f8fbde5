/** Optional values (cel-go cel/library.go: optionalLib, at its newest version). or() and orValue() are the planner's. */
import type { Library } from '../checker/declarations.ts'
import { BOOL, DYN, INT, OPTIONAL, STRING, CelType, listType, mapType, optionalType, paramType } from '../types.ts'
import {
  CelError, Double, Duration, NONE, Opaque, Optional, Struct, Timestamp, Uint, adapt, isList, isMap, itemsOf, mapSize, some,
} from '../values.ts'
import { formatValue } from '../eval/format.ts'
import { fn, global, method } from './define.ts'

const V = paramType('V')
const K = paramType('K')
const optionalV = optionalType(V)
const listV = listType(V)
const mapKV = mapType(K, V)

/** Whether a value is its type's zero: "", 0, [], null. */
export function isZero(value: unknown): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true
  if (value instanceof Double) return value.value === 0
  if (value instanceof Uint) return value.value === 0n
  if (value instanceof Duration) return value.nanos === 0n
  // Go's zero time, not the epoch.
  if (value instanceof Timestamp) return value.nanos === -62135596800n * 1_000_000_000n
  if (value instanceof Optional) return !value.present
  if (value instanceof Uint8Array) return value.length === 0
  if (value instanceof Struct) return value.fields.size === 0
  if (value instanceof Opaque || value instanceof CelType) return false
  if (isList(value)) return itemsOf(value).length === 0
  return isMap(value) && mapSize(value) === 0
}

function unwrapAll(list: unknown): unknown {
  const values: unknown[] = []
  for (const item of itemsOf(list as readonly unknown[])) {
    if (!(item instanceof Optional)) return new CelError(`value ${formatValue(item)} is not optional`)
    if (item.present) values.push(item.value)
  }
  return values
}

const at = (list: unknown, index: 0 | -1): Optional => {
  const items = itemsOf(list as readonly unknown[])
  return items.length === 0 ? NONE : some(adapt(items.at(index)))
}

export const optionalLibrary: Library = {
  types: [OPTIONAL],
  functions: [
    fn('optional.of', [global('optional_of', [V], optionalV, some)]),
    fn('optional.ofNonZeroValue', [
      global('optional_ofNonZeroValue', [V], optionalV, (value) => (isZero(value) ? NONE : some(value))),
    ]),
    fn('optional.none', [global('optional_none', [], optionalV, () => NONE)]),
    fn('value', [
      method('optional_value', [optionalV], V, (value) =>
        (value as Optional).present ? (value as Optional).value : new CelError('optional.none() dereference')),
    ]),
    fn('hasValue', [method('optional_hasValue', [optionalV], BOOL, (value) => (value as Optional).present)]),
    fn('or', [method('optional_or_optional', [optionalV, optionalV], optionalV)]),
    fn('orValue', [method('optional_orValue_value', [optionalV, V], V)]),
    fn('_?._', [global('select_optional_field', [DYN, STRING], optionalV)]),
    fn('_[?_]', [
      global('list_optindex_optional_int', [listV, INT], optionalV),
      global('optional_list_optindex_optional_int', [optionalType(listV), INT], optionalV),
      global('map_optindex_optional_value', [mapKV, K], optionalV),
      global('optional_map_optindex_optional_value', [optionalType(mapKV), K], optionalV),
    ]),
    fn('_[_]', [
      global('optional_list_index_int', [optionalType(listV), INT], optionalV),
      global('optional_map_index_value', [optionalType(mapKV), K], optionalV),
    ]),
    fn('first', [method('list_first', [listV], optionalV, (list) => at(list, 0))]),
    fn('last', [method('list_last', [listV], optionalV, (list) => at(list, -1))]),
    fn('optional.unwrap', [global('optional_unwrap', [listType(optionalV)], listV, unwrapAll)]),
    fn('unwrapOpt', [method('optional_unwrapOpt', [listType(optionalV)], listV, unwrapAll)]),
  ],
}
