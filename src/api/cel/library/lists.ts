/** Kubernetes' functions on lists (apiserver/pkg/cel/library/lists.go). */
import type { FunctionDeclaration, Implementation, Library } from '../checker/declarations.ts'
import { compare, equal } from '../eval/compare.ts'
import { add } from '../eval/numbers.ts'
import { BOOL, BYTES, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UINT, type CelType, listType } from '../types.ts'
import { CelError, Double, Duration, Uint, adapt, itemsOf } from '../values.ts'
import { A, fn, method } from './define.ts'

type Named = readonly [name: string, type: CelType]

const comparable: readonly Named[] = [
  ['int', INT], ['uint', UINT], ['double', DOUBLE], ['bool', BOOL], ['duration', DURATION], ['timestamp', TIMESTAMP],
  ['string', STRING], ['bytes', BYTES],
]

const summable: readonly (readonly [name: string, type: CelType, zero: unknown])[] = [
  ['int', INT, 0], ['uint', UINT, new Uint(0n)], ['double', DOUBLE, new Double(0)], ['duration', DURATION, new Duration(0n)],
]

const valuesOf = (list: unknown): unknown[] => itemsOf(list as readonly unknown[]).map(adapt)

function isSorted(list: unknown): unknown {
  const values = valuesOf(list)
  for (let i = 1; i < values.length; i++) {
    if (compare(values[i - 1], values[i]) === 1) return false
  }
  return true
}

function sum(list: unknown, zero: unknown): unknown {
  let total = zero
  for (const value of valuesOf(list)) {
    total = add(total, value)
    if (total instanceof CelError) return total
  }
  return total
}

function extreme(name: string, order: number): FunctionDeclaration {
  const find: Implementation = (list) => {
    const values = valuesOf(list)
    if (values.length === 0) return new CelError(`${name} called on empty list`)
    let [best] = values
    for (const value of values) if (compare(best, value) === order) best = value
    return best
  }
  return fn(name, comparable.map(([type, of]) => method(`list_${type}_${name}_${type}`, [listType(of)], of, find)))
}

const isItem = (item: unknown) => (value: unknown): boolean => equal(value, item) === true

export const listsLibrary: Library = {
  functions: [
    fn('isSorted', comparable.map(([name, type]) => method(`list_${name}_is_sorted_bool`, [listType(type)], BOOL, isSorted))),
    fn('sum', summable.map(([name, type, zero]) =>
      method(`list_${name}_sum_${name}`, [listType(type)], type, (list) => sum(list, zero)))),
    extreme('max', -1),
    extreme('min', 1),
    fn('indexOf', [
      method('list_a_index_of_int', [listType(A), A], INT, (list, item) => valuesOf(list).findIndex(isItem(item))),
    ]),
    fn('lastIndexOf', [
      method('list_a_last_index_of_int', [listType(A), A], INT, (list, item) => valuesOf(list).findLastIndex(isItem(item))),
    ]),
  ],
}
