import { expect, test } from 'vitest'
import {
  aggregateText, childPath, fieldDuplicate, fieldForbidden, fieldInternal, fieldInvalid, fieldNotFound, fieldNotSupported, fieldRequired,
  fieldTooFew, fieldTooLong, fieldTooLongCharacters, fieldTooMany, fieldTooShort, fieldTypeInvalid, indexPath, keyPath,
} from './field-errors.ts'
import { compareText, goJSON, goQuote, goValue } from './go-text.ts'

test('paths', () => {
  expect(keyPath(childPath(indexPath(childPath('spec', 'containers'), 0), 'resources', 'limits'), 'cpu')).toBe('spec.containers[0].resources.limits[cpu]')
  expect(childPath('', 'kind')).toBe('kind')
})

test.each([
  [fieldRequired('f'), 'FieldValueRequired', 'Required value'],
  [fieldRequired('f', 'why'), 'FieldValueRequired', 'Required value: why'],
  [fieldInvalid('f', 'a"b', 'why'), 'FieldValueInvalid', 'Invalid value: "a\\"b": why'],
  [fieldInvalid('f', 5, 'why'), 'FieldValueInvalid', 'Invalid value: 5: why'],
  [fieldInvalid('f', null, 'why'), 'FieldValueInvalid', 'Invalid value: null: why'],
  [fieldInvalid('f', { a: ['<'] }, 'why'), 'FieldValueInvalid', 'Invalid value: {"a":["\\u003c"]}: why'],
  [fieldTypeInvalid('f', 'x', 'why'), 'FieldValueTypeInvalid', 'Invalid value: "x": why'],
  [fieldNotSupported('f', 'x', ['a', 'b']), 'FieldValueNotSupported', 'Unsupported value: "x": supported values: "a", "b"'],
  [fieldNotSupported('f', 'x', []), 'FieldValueNotSupported', 'Unsupported value: "x"'],
  [fieldDuplicate('f', true), 'FieldValueDuplicate', 'Duplicate value: true'],
  [fieldNotFound('f', 'x'), 'FieldValueNotFound', 'Not found: "x"'],
  [fieldForbidden('f', 'why'), 'FieldValueForbidden', 'Forbidden: why'],
  [fieldTooLong('f', 1), 'FieldValueTooLong', 'Too long: may not be more than 1 byte'],
  [fieldTooLong('f', -1), 'FieldValueTooLong', 'Too long: value is too long'],
  [fieldTooLongCharacters('f', 2), 'FieldValueTooLong', 'Too long: may not be more than 2 characters'],
  [fieldTooShort('f', 2), 'FieldValueTooShort', 'Too short: must be at least 2 characters'],
  [fieldTooMany('f', 3, 2), 'FieldValueTooMany', 'Too many: 3: must have at most 2 items'],
  [fieldTooMany('f', -1, 1), 'FieldValueTooMany', 'Too many: must have at most 1 item'],
  [fieldTooFew('f', 0, 1), 'FieldValueTooFew', 'Too few: 0: must have at least 1 item'],
  [fieldInternal('f', 'why'), 'InternalError', 'Internal error: why'],
])('%#', (error, type, message) => {
  expect(error).toEqual({ type, field: 'f', message })
})

test('aggregates print equal errors once', () => {
  const one = fieldRequired('a')
  expect(aggregateText([one, one])).toBe('a: Required value')
  expect(aggregateText([one, fieldRequired('b')])).toBe('[a: Required value, b: Required value]')
})

test('quoting as Go does', () => {
  expect(['a\nb', '\u0000', '\u00a0', 'é', '\u200b', '\u{1F600}', '\ufeff', '\u0085'].map(goQuote))
    .toEqual(['"a\\nb"', '"\\x00"', '"\\u00a0"', '"é"', '"\\u200b"', '"\u{1F600}"', '"\\ufeff"', '"\\u0085"'])
  expect(goJSON('a&b')).toBe('"a\\u0026b"')
  expect(goValue({ b: [1, null], a: { c: 'x' } })).toBe('map[a:map[c:x] b:[1 <nil>]]')
})

test('text sorts by bytes', () => {
  expect(['\u{10000}', '\uffff', 'b', 'a', 'ab'].sort(compareText)).toEqual(['a', 'ab', 'b', '\uffff', '\u{10000}'])
})
