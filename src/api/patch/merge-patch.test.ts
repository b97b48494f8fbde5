import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyMergePatch, createMergePatch } from './merge-patch.ts'

test.each([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  [{}, { a: [null, { b: null }] }, { a: [null, {}] }],
])('%j + %j', (document, patch, expected) => {
  expect(applyMergePatch(document, patch)).toEqual(expected)
})

test('refuses what is no object', () => {
  expect(() => applyMergePatch({}, null)).toThrow('Invalid JSON Patch')
  expect(() => applyMergePatch({}, [1])).toThrow('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}')
})

const value = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer()), tie('object')),
  object: fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
}))

test('the patch from a to b leads from a to b', () => {
  fc.assert(fc.property(value.object, value.object, (a, b) => {
    expect(applyMergePatch(a, createMergePatch(a, b))).toEqual(b)
  }))
})

test('an empty patch gives the same object', () => {
  const document = { a: { b: 1 } }
  expect(applyMergePatch(document, { a: { b: 1 } })).toBe(document)
})
