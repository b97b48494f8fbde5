/** More functions on lists (cel-go ext/lists.go, version 3). */
import type { Library } from '../checker/declarations.ts'
import { compare, equal } from '../eval/compare.ts'
import { type Macro, bindFold, ident, member, standardMacros } from '../syntax/macros.ts'
import type { Expr } from '../syntax/ast.ts'
import { BOOL, BYTES, DOUBLE, DURATION, DYN, INT, STRING, TIMESTAMP, UINT, listType, paramType } from '../types.ts'
import { CelError, adapt, isList, itemsOf, typeOf } from '../values.ts'
import { fn, global, method } from './define.ts'

const T = paramType('T')
const listT = listType(T)
const listDyn = listType(DYN)

export const comparableTypes = [INT, UINT, DOUBLE, BOOL, DURATION, TIMESTAMP, STRING, BYTES]

const valuesOf = (list: unknown): unknown[] => itemsOf(list as readonly unknown[]).map(adapt)

function slice(list: unknown, start: unknown, end: unknown): unknown {
  const values = valuesOf(list)
  const [from, to] = [Number(start), Number(end)]
  const refused = `cannot slice(${String(from)}, ${String(to)})`
  if (from < 0 || to < 0) return new CelError(`${refused}, negative indexes not supported`)
  if (from > to) return new CelError(`${refused}, start index must be less than or equal to end index`)
  if (values.length < to) return new CelError(`${refused}, list is length ${String(values.length)}`)
  return values.slice(from, to)
}

function flatten(list: unknown, depth: number): unknown {
  if (depth < 0) return new CelError('level must be non-negative')
  return valuesOf(list).flatMap((item) => (isList(item) && depth > 0 ? (flatten(item, depth - 1) as unknown[]) : [item]))
}

function sortBy(list: unknown, keys: unknown): unknown {
  const [values, by] = [valuesOf(list), valuesOf(keys)]
  if (values.length !== by.length) {
    const sizes = `${String(values.length)} and ${String(by.length)}`
    return new CelError(`@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${sizes} elements respectively`)
  }
  if (by.length === 0) return list
  const type = typeOf(by[0])
  if (!comparableTypes.some(({ kind }) => kind === type.kind)) return new CelError('list elements must be comparable')
  if (by.some((key) => typeOf(key).kind !== type.kind)) return new CelError('list elements must have the same type')
  const order = by.map((_, index) => index).sort((a, b) => {
    const result = compare(by[a], by[b])
    return result instanceof CelError ? 0 : result
  })
  return order.map((index) => values[index])
}

function distinct(list: unknown): unknown {
  const unique: unknown[] = []
  for (const value of valuesOf(list)) if (!unique.some((seen) => equal(value, seen) === true)) unique.push(value)
  return unique
}

/** Longer ranges end by their cost anyway. */
const maxRange = 2_000_000

export const listExtensionsLibrary: Library = {
  functions: [
    fn('slice', [method('list_slice', [listT, INT, INT], listT, slice)]),
    fn('flatten', [
      method('list_flatten', [listType(listT)], listT, (list) => flatten(list, 1)),
      method('list_flatten_int', [listDyn, INT], listDyn, (list, depth) => flatten(list, Number(depth))),
    ]),
    fn('sort', comparableTypes.map((type) => method(`list_${type.name}_sort`, [listType(type)], listType(type))),
      (list) => sortBy(list, list)),
    fn('@sortByAssociatedKeys',
      comparableTypes.map((type) => method(`list_${type.name}_sortByAssociatedKeys`, [listT, listType(type)], listT)), sortBy),
    fn('lists.range', [
      global('lists_range', [INT], listType(INT), (count) =>
        Array.from({ length: Math.min(Math.max(Number(count), 0), maxRange) }, (_, index) => index)),
    ]),
    fn('reverse', [method('list_reverse', [listT], listT, (list) => valuesOf(list).reverse())]),
    fn('distinct', [method('list_distinct', [listT], listT, distinct)]),
  ],
}

const sortable = new Set(['list', 'select', 'ident', 'fold', 'call'])
const input = '@__sortBy_input__'

/** list.sortBy(x, key of x) */
export const sortByMacro: Macro = {
  name: 'sortBy',
  member: true,
  args: 2,
  expand: (make, target, args) => {
    const list = target as Expr
    if (!sortable.has(list.kind)) {
      return { id: list.id, error: 'sortBy can only be applied to a list, identifier, comprehension, call or select expression' }
    }
    const map = standardMacros.find(({ name }) => name === 'map') as Macro
    const keys = map.expand(make, ident(make, input), args)
    if (keys === undefined || 'error' in keys) return keys
    return bindFold(make, input, list, member(make, '@sortByAssociatedKeys', ident(make, input), keys))
  },
}
