import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { schemaFromJSON } from '../schema/json-schema.ts'
import { compareTyped } from './compare.ts'
import { deduced, fieldTypeOf } from './field-types.ts'
import { encodeFieldSet, fieldSetOf, union, decodeFieldSet } from './fieldset.ts'
import { mergeTyped } from './merge.ts'
import { ensureNamedFieldsAreMembers, extractItems, reconcileWithSchema, removeItems } from './remove.ts'
import { checkTyped, toFieldSet, typedErrorsText, valuesEqual } from './typed.ts'

const type = fieldTypeOf(schemaFromJSON({
  type: 'object',
  properties: {
    s: { type: 'string' }, n: { type: 'integer' }, b: { type: 'boolean' },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    atom: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
    struct: { type: 'object', properties: { x: { type: 'string' }, y: { type: 'string' } } },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    list: { type: 'array', items: { type: 'string' } },
    map: {
      type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name', 'p'],
      items: { type: 'object', properties: { name: { type: 'string' }, p: { type: 'string', default: 'TCP' }, v: { type: 'integer' } } },
    },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}))

const fieldsOf = (value: unknown): unknown => encodeFieldSet(toFieldSet(value, type))

describe('field sets of values', () => {
  test.each([
    [{ s: 'a', n: 1 }, { 'f:s': {}, 'f:n': {} }],
    [{ labels: { a: 'x' } }, { 'f:labels': { 'f:a': {} } }],
    [{ labels: {} }, { 'f:labels': {} }],
    [{ atom: { a: 'x' } }, { 'f:atom': {} }],
    [{ struct: { x: '1' } }, { 'f:struct': { 'f:x': {} } }],
    [{ set: ['a', 'b'] }, { 'f:set': { 'v:"a"': {}, 'v:"b"': {} } }],
    [{ list: ['a'] }, { 'f:list': {} }],
    [{ set: [] }, {}],
    [{ map: [{ name: 'a', v: 1 }] }, { 'f:map': { 'k:{"name":"a","p":"TCP"}': { '.': {}, 'f:name': {}, 'f:v': {} } } }],
    [{ map: [{ name: 'a' }, { name: 'a' }] }, { 'f:map': { 'k:{"name":"a","p":"TCP"}': {} } }],
    [{ open: { any: { x: [1] } } }, { 'f:open': { 'f:any': { '.': {}, 'f:x': {} } } }],
    [{ s: null }, { 'f:s': {} }],
  ])('%j', (value, expected) => {
    expect(fieldsOf(value)).toEqual(expected)
  })
})

describe('checks', () => {
  test.each([
    [{ x: 1 }, '.x: field not declared in schema'],
    [{ struct: { z: 1 } }, '.struct.z: field not declared in schema'],
    [{ n: 'x' }, '.n: expected numeric (int or float), got string'],
    [{ s: 1 }, '.s: expected string, got &value.valueUnstructured{Value:1}'],
    [{ b: 'x' }, '.b: expected boolean, got &{x}'],
    [{ labels: ['a'] }, '.labels: expected map, got &{[a]}'],
    [{ list: 'a' }, '.list: expected list, got &{a}'],
    [{ set: ['a', 'a'] }, '.set: duplicate entries for key [="a"]'],
    [{ set: [{}] }, ".set: element 0: associative list without keys has an element that's a map type"],
    [{ map: [{ name: 'a' }, { name: 'a' }] }, '.map: duplicate entries for key [name="a",p="TCP"]'],
    [{ map: [null] }, '.map: element 0: associative list with keys may not have a null element'],
    [{ n: 'x', s: 1 }, 'errors:\n  .n: expected numeric (int or float), got string\n  .s: expected string, got &value.valueUnstructured{Value:1}'],
  ])('%j', (value, text) => {
    expect(typedErrorsText(checkTyped(value, type))).toBe(text)
  })

  test('duplicates may be allowed, nulls are always', () => {
    expect(checkTyped({ set: ['a', 'a'], s: null, labels: null, list: null }, type, true)).toEqual([])
  })

  test('list items without any key are refused', () => {
    const keyed = fieldTypeOf(schemaFromJSON({ type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', properties: { name: { type: 'string' } } } }))
    expect(checkTyped([{}], keyed)[0]!.message).toBe('element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)')
  })
})

describe('comparison', () => {
  const compare = (a: unknown, b: unknown) => {
    const { removed, modified, added } = compareTyped(a, b, type)
    return { removed: encodeFieldSet(removed), modified: encodeFieldSet(modified), added: encodeFieldSet(added) }
  }
  test.each([
    [{ s: 'a' }, { s: 'b' }, { modified: { 'f:s': {} } }],
    [{}, { struct: { x: '1' } }, { added: { 'f:struct': { '.': {}, 'f:x': {} } } }],
    [{ struct: {} }, { struct: { x: '1' } }, { added: { 'f:struct': { 'f:x': {} } } }],
    [{ struct: null }, { struct: { x: '1' } }, { added: { 'f:struct': { 'f:x': {} } } }],
    [{ set: ['a', 'b'] }, { set: ['b', 'c'] }, { removed: { 'f:set': { 'v:"a"': {} } }, added: { 'f:set': { 'v:"c"': {} } } }],
    [{ map: [{ name: 'a', v: 1 }] }, { map: [{ name: 'a', v: 2 }] }, { modified: { 'f:map': { 'k:{"name":"a","p":"TCP"}': { 'f:v': {} } } } }],
    [{ map: [{ name: 'a' }, { name: 'a' }] }, { map: [{ name: 'a' }] }, { removed: { 'f:map': { 'k:{"name":"a","p":"TCP"}': {} } }, added: { 'f:map': { 'k:{"name":"a","p":"TCP"}': { '.': {}, 'f:name': {} } } } }],
    [{ set: ['a', 'a'] }, { set: ['a', 'a', 'a'] }, { modified: { 'f:set': { 'v:"a"': {} } } }],
    [{ atom: { a: 'x' } }, { atom: { b: 'x' } }, { modified: { 'f:atom': {} } }],
    [{ labels: { a: 'x' } }, {}, { removed: { 'f:labels': { '.': {}, 'f:a': {} } } }],
    [{ open: { a: 'x' } }, { open: { a: { b: 1 } } }, { modified: { 'f:open': { 'f:a': {} } }, added: { 'f:open': { 'f:a': { 'f:b': {} } } } }],
  ] as [unknown, unknown, object][])('%j -> %j', (a, b, expected) => {
    expect(compare(a, b)).toEqual({ removed: {}, modified: {}, added: {}, ...expected })
  })
})

describe('merging', () => {
  test.each([
    [{ s: 'a', n: 1 }, { s: 'b' }, { s: 'b', n: 1 }],
    [{ labels: { a: '1', b: '2' } }, { labels: { b: '3', c: '4' } }, { labels: { a: '1', b: '3', c: '4' } }],
    [{ atom: { a: '1' } }, { atom: { b: '2' } }, { atom: { b: '2' } }],
    [{ list: ['a'] }, { list: ['b'] }, { list: ['b'] }],
    [{ set: ['a', 'b', 'c'] }, { set: ['c', 'd', 'a'] }, { set: ['b', 'c', 'd', 'a'] }],
    [{ map: [{ name: 'a', v: 1 }, { name: 'b' }] }, { map: [{ name: 'c' }, { name: 'a', v: 2 }] }, { map: [{ name: 'c' }, { name: 'a', v: 2 }, { name: 'b' }] }],
    [{ labels: { a: '1' } }, { labels: null }, { labels: { a: '1' } }],
    [{ labels: {} }, { labels: null }, { labels: null }],
    [{ open: { a: 'x', b: 1 } }, { open: { a: { c: 1 } } }, { open: { a: { c: 1 }, b: 1 } }],
  ])('%j + %j', (live, applied, expected) => {
    expect(mergeTyped(live, applied, type)).toEqual(expected)
  })

  test('what changes nothing gives the live value itself', () => {
    const live = { s: 'a', labels: { a: '1' }, map: [{ name: 'a', v: 1 }] }
    expect(mergeTyped(live, { labels: { a: '1' }, map: [{ name: 'a' }] }, type)).toBe(live)
  })
})

const word = fc.constantFrom('a', 'b', 'c')
const object = fc.record({
  s: word, n: fc.nat(3), labels: fc.dictionary(word, word, { minKeys: 1 }), atom: fc.dictionary(word, word), struct: fc.record({ x: word, y: word }, { requiredKeys: [] }),
  set: fc.uniqueArray(word), list: fc.array(word), open: fc.dictionary(word, fc.jsonValue({ maxDepth: 2 }).filter((v) => v !== null)),
  map: fc.uniqueArray(fc.record({ name: word, v: fc.nat(3) }), { selector: (item) => item.name }),
}, { requiredKeys: [] })

describe('laws', () => {
  test('a merge holds all that was applied, and applying it again changes nothing', () => {
    fc.assert(fc.property(object, object, (live, applied) => {
      const merged = mergeTyped(live, applied, type)
      const again = mergeTyped(merged, applied, type)
      expect(valuesEqual(again, merged)).toBe(true)
      const missing = encodeFieldSet(compareTyped(merged, again, type).added)
      expect(missing).toEqual({})
    }))
  })

  test('a value does not differ from itself, and differences swap sides', () => {
    fc.assert(fc.property(object, object, (a, b) => {
      const same = compareTyped(a, JSON.parse(JSON.stringify(a)), type)
      expect([same.added.size, same.modified.size, same.removed.size]).toEqual([0, 0, 0])
      const there = compareTyped(a, b, type)
      const back = compareTyped(b, a, type)
      expect(encodeFieldSet(there.modified)).toEqual(encodeFieldSet(back.modified))
      expect(encodeFieldSet(there.added)).toEqual(encodeFieldSet(back.removed))
    }))
  })

  test('removing what was added to a value leaves the value', () => {
    fc.assert(fc.property(object, (value) => {
      const more = { ...value, extra: undefined, labels: { ...value.labels, z: 'z' } }
      const { added } = compareTyped(value, more, type)
      const back = removeItems(more, added, type) as typeof value
      expect(back.labels ?? {}).toEqual(value.labels ?? {})
    }))
  })
})

describe('removing and extracting', () => {
  const value = { s: 'a', n: 1, labels: { a: '1', b: '2' }, map: [{ name: 'a', v: 1 }, { name: 'b', v: 2 }], list: ['x'] }
  test('fields, keys and items', () => {
    const items = decodeFieldSet({ 'f:n': {}, 'f:labels': { 'f:a': {} }, 'f:map': { 'k:{"name":"a","p":"TCP"}': {} } })
    expect(removeItems(value, items, type)).toEqual({ s: 'a', labels: { b: '2' }, map: [{ name: 'b', v: 2 }], list: ['x'] })
    expect(removeItems(value, fieldSetOf([]), type)).toBe(value)
    expect(removeItems({ labels: { a: '1' } }, decodeFieldSet({ 'f:labels': { 'f:a': {} } }), type)).toEqual({ labels: null })
  })

  test('extracting keeps the keys of items', () => {
    const items = decodeFieldSet({ 'f:s': {}, 'f:map': { 'k:{"name":"b","p":"TCP"}': { 'f:v': {} } } })
    expect(extractItems(value, items, type)).toEqual({ s: 'a', map: [{ name: 'b', v: 2 }] })
  })

  test('named fields on the way become members', () => {
    const set = decodeFieldSet({ 'f:struct': { 'f:x': {} }, 'f:map': { 'k:{"name":"a","p":"TCP"}': { 'f:v': {} } } })
    expect(encodeFieldSet(ensureNamedFieldsAreMembers(set, type))).toEqual({
      'f:struct': { '.': {}, 'f:x': {} }, 'f:map': { '.': {}, 'k:{"name":"a","p":"TCP"}': { 'f:v': {} } },
    })
  })

  test('sets of a granular time are brought up to what is atomic now', () => {
    const set = union(decodeFieldSet({ 'f:atom': { 'f:a': {} } }), decodeFieldSet({ 'f:labels': { 'f:a': {} }, 'f:list': { 'v:"x"': {} } }))
    expect(encodeFieldSet(reconcileWithSchema(set, type))).toEqual({ 'f:atom': {}, 'f:labels': { 'f:a': {} }, 'f:list': {} })
    const fitting = decodeFieldSet({ 'f:s': {}, 'f:open': { 'f:any': { 'f:thing': {} } } })
    expect(reconcileWithSchema(fitting, type)).toBe(fitting)
  })
})

test('deduced types go map by map, lists whole', () => {
  expect(encodeFieldSet(toFieldSet({ a: { b: 1, c: [1] } }, deduced))).toEqual({ 'f:a': { '.': {}, 'f:b': {}, 'f:c': {} } })
})
