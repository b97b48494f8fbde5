/** Texts and small checks that the parts of strategic merge patch share (apimachinery pkg/util/mergepatch). */
import { rejectedRequest, unknownError } from '../meta/errors.ts'
import { goValue } from '../meta/go-text.ts'
import type { Fields } from '../meta/json-equal.ts'

/** The reflect.Type of a JSON value. */
function goKind(value: unknown): string {
  if (value === null || value === undefined) return '%!s(<nil>)'
  if (Array.isArray(value)) return '[]interface {}'
  switch (typeof value) {
    case 'object': return 'map[string]interface {}'
    case 'boolean': return 'bool'
    case 'number': return Number.isInteger(value) ? 'int64' : 'float64'
    default: return typeof value
  }
}

export function badArgType(expected: string, actual: unknown): string {
  return `expected a ${expected}, but received a ${goKind(actual)}`
}

export function noMergeKey(item: Fields, mergeKey: string): Error {
  return unknownError(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`)
}

export const listOfLists = (): Error => rejectedRequest('lists of lists are not supported')

