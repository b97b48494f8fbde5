/** What calls of standard functions cost when they run (cel-go interpreter/runtimecost.go: costCall). */
import type { CallCost } from '../eval/plan.ts'
import { sizeOf } from '../library/standard.ts'
import { Opaque, Optional } from '../values.ts'

/** A value's size: characters, bytes, elements, entries; 1 for what has none. */
export function actualSize(value: unknown): number {
  if (value instanceof Optional && value.present) return actualSize(value.value)
  if (value instanceof Opaque) return value.size
  return sizeOf(value) ?? 1
}

/** The cost of reading a tenth of what is read. */
export const tenth = (size: number): number => Math.ceil(size * 0.1)

const smaller = (args: readonly unknown[]): number => tenth(Math.min(actualSize(args[0]), actualSize(args[1])))

const traversals = new Set([
  'starts_with_string', 'ends_with_string', 'string_to_bytes', 'bytes_to_string', 'strings_quote', 'string_format',
])
const comparison = /^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|(?:not_)?equals)$/
const comparisons = new Map<string, boolean>()

function isComparison(overload: string): boolean {
  let known = comparisons.get(overload)
  if (known === undefined) comparisons.set(overload, (known = comparison.test(overload)))
  return known
}

export const standardCallCost: CallCost = (_fn, overload, args) => {
  if (overload === '') return 1
  if (isComparison(overload)) return smaller(args)
  if (traversals.has(overload)) return tenth(actualSize(args[0]))
  switch (overload) {
    case 'in_list': return actualSize(args[1])
    case 'add_string':
    case 'add_bytes': return tenth(actualSize(args[0]) + actualSize(args[1]))
    case 'matches_string': return tenth(1 + actualSize(args[0])) * Math.ceil(actualSize(args[1]) * 0.25)
    case 'contains_string': return tenth(actualSize(args[0])) * tenth(actualSize(args[1]))
    default: return 1
  }
}
