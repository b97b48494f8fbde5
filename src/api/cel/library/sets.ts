/** Lists as sets (cel-go ext/sets.go). */
import type { Library } from '../checker/declarations.ts'
import { contains } from '../eval/compare.ts'
import { BOOL, listType, paramType } from '../types.ts'
import { adapt, itemsOf } from '../values.ts'
import { fn, global } from './define.ts'

const list = listType(paramType('T'))
type List = readonly unknown[]

function containsAll(a: unknown, b: unknown): unknown {
  for (const item of itemsOf(b as List)) {
    const found = contains(a as List, adapt(item))
    if (found !== true) return found
  }
  return true
}

export const setsLibrary: Library = {
  functions: [
    fn('sets.contains', [global('list_sets_contains_list', [list, list], BOOL, containsAll)]),
    fn('sets.equivalent', [
      global('list_sets_equivalent_list', [list, list], BOOL, (a, b) => {
        const first = containsAll(a, b)
        return first === true ? containsAll(b, a) : first
      }),
    ]),
    fn('sets.intersects', [
      global('list_sets_intersects_list', [list, list], BOOL, (a, b) =>
        itemsOf(a as List).some((item) => contains(b as List, adapt(item)) === true)),
    ]),
  ],
}
