import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StatusError } from '../meta/errors.ts'
import { jsonEqual } from '../meta/json-equal.ts'
import { applyJsonPatch, jsonPatchStrictErrors } from './json-patch.ts'

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

const apply = (document: unknown, ...operations: unknown[]): unknown => applyJsonPatch(deepFreeze(document), deepFreeze(operations))

function failure(action: () => unknown): StatusError {
  try {
    action()
  } catch (error) {
    return error as StatusError
  }
  throw new Error('no error')
}

describe('operations', () => {
  test.each([
    ['add to object', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add to array', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['append', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['negative index', { a: [1, 2] }, [{ op: 'add', path: '/a/-1', value: 3 }], { a: [1, 2, 3] }],
    ['escapes', { 'a/b': { '~': 1 } }, [{ op: 'replace', path: '/a~1b/~0', value: 2 }], { 'a/b': { '~': 2 } }],
    ['remove', { a: [1, 2], b: 3 }, [{ op: 'remove', path: '/a/0' }, { op: 'remove', path: '/b' }], { a: [2] }],
    ['replace of an absent key adds', {}, [{ op: 'replace', path: '/a', value: 1 }], { a: 1 }],
    ['replace the document', { a: 1 }, [{ op: 'replace', path: '', value: { b: 1 } }], { b: 1 }],
    ['move', { a: { x: 1 }, b: {} }, [{ op: 'move', from: '/a/x', path: '/b/y' }], { a: {}, b: { y: 1 } }],
    ['copy then change one', { a: { x: 1 } }, [{ op: 'copy', from: '/a', path: '/b' }, { op: 'replace', path: '/b/x', value: 2 }], { a: { x: 1 }, b: { x: 2 } }],
    ['copied twice after a change', { a: { x: 1 } }, [
      { op: 'add', path: '/a/y', value: 1 }, { op: 'copy', from: '/a', path: '/b' }, { op: 'add', path: '/a/z', value: 1 },
    ], { a: { x: 1, y: 1, z: 1 }, b: { x: 1, y: 1 } }],
    ['absent value is null', {}, [{ op: 'add', path: '/a' }], { a: null }],
    ['test', { a: { b: [1] } }, [{ op: 'test', path: '/a', value: { b: [1] } }, { op: 'test', path: '/c' }], { a: { b: [1] } }],
  ])('%s', (_, document, operations, expected) => {
    expect(apply(document, ...operations)).toEqual(expected)
  })

  test.each([
    [{ op: 'add', path: 'x', value: 1 }, 'add operation does not apply: doc is missing path: "x": missing value'],
    [{ op: 'add', path: '/q/x', value: 1 }, 'add operation does not apply: doc is missing path: "/q/x": missing value'],
    [{ op: 'add', path: '/a/x', value: 1 }, "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax"],
    [{ op: 'add', path: '/a/9', value: 1 }, "error in add for path: '/a/9': Unable to access invalid index: 9: invalid index referenced"],
    [{ op: 'remove', path: '/zz' }, "error in remove for path: '/zz': Unable to remove nonexistent key: zz: missing value"],
    [{ op: 'replace', path: '/a/9', value: 1 }, 'replace operation does not apply: doc is missing key: /a/9: missing value'],
    [{ op: 'test', path: '/a/0', value: 7 }, 'testing value /a/0 failed: test failed'],
    [{ op: 'move', from: '/zz', path: '/y' }, "error in move for path: 'zz': Unable to remove nonexistent key: zz: missing value"],
    [{ op: 'move', path: '/y' }, 'move operation failed to decode from: operation, missing from field: missing value'],
    [{ op: 'spin', path: '/y' }, 'Unexpected kind: spin'],
    [{ path: '/y' }, 'Unexpected kind: unknown'],
    [{ op: 'add' }, 'add operation failed to decode path: missing value'],
  ])('%j', (operation, text) => {
    const error = failure(() => apply({ a: [1], b: 's' }, operation))
    expect(error.code).toBe(422)
    expect(error.message).toBe('the server rejected our request due to an error in our request')
    expect(error.cause).toBe(text)
  })
})

test('refuses what is no list of operations, and too many', () => {
  expect(failure(() => applyJsonPatch({}, {})).message).toBe('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
  expect(failure(() => applyJsonPatch({}, ['x'])).code).toBe(400)
  const many = failure(() => applyJsonPatch({}, Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a' }))))
  expect([many.code, many.message]).toEqual([413, 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001'])
})

test('strict validation names unknown members', () => {
  expect(jsonPatchStrictErrors([{ op: 'add', path: '/a', vlaue: 1 }])).toEqual(['json patch unknown field "[0].vlaue"'])
  expect(failure(() => jsonPatchStrictErrors([{ op: 'add', path: 1 }])).message)
    .toBe('error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string')
})

test('prototype keys are plain keys', () => {
  const out = apply({}, { op: 'add', path: '/__proto__', value: { a: 1 } }) as object
  expect(Object.getPrototypeOf(out)).toBe(Object.prototype)
  expect(failure(() => apply({}, { op: 'add', path: '/constructor/x', value: 1 })).code).toBe(422)
})

test('a replaced value can be tested, and inputs stay as they are', () => {
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
    const out = apply({ a }, { op: 'replace', path: '/a', value: b }, { op: 'test', path: '/a', value: b })
    return jsonEqual(out, { a: b })
  }))
})
