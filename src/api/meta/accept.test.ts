import { expect, test } from 'vitest'
import { parseAccept } from './accept.ts'

test.each([
  ['by quality, equal ones in their order', 'a/b;q=0.1, c/d, e/f;q=0.9, g/h', ['c/d', 'g/h', 'e/f', 'a/b']],
  ['what is named before what is not', '*/*, a/*, a/b', ['a/b', 'a/*', '*/*']],
  ['named ones even where they are less wanted', 'a/*, a/b;q=0.5', ['a/b', 'a/*']],
  ['no media ranges', 'bogus, a/b/c, , *', ['*/*']],
  ['a quality that is none', 'a/b;q=x, c/d;q=0.1', ['c/d', 'a/b']],
])('clauses of an Accept header: %s', (_, text, expected) => {
  expect(parseAccept(text).map(({ type, subtype }) => `${type}/${subtype}`)).toEqual(expected)
})

test('parameters without a value, or with two, say nothing', () => {
  expect(parseAccept('a/b; as = X ;v;g=a=b;w=')[0]!.params).toEqual({ as: 'X' })
})
