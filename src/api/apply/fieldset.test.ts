import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeFieldSet, difference, elementText, encodeFieldSet, fieldSetOf, fieldSetsEqual, hasPath, insertPath, intersection, keyElement,
  pathsOf, pathText, recursiveDifference, union, valueElement,
} from './fieldset.ts'
import type { FieldSet, FieldSetBuilder } from './fieldset.ts'

const element = fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'k:{"port":80}', 'k:{"port":443}', 'v:"s"', 'v:5', 'i:0', 'i:10')
const path = fc.array(element, { minLength: 1, maxLength: 4 })
const set: fc.Arbitrary<FieldSet> = fc.array(path, { maxLength: 12 }).map((paths) => {
  const out: FieldSetBuilder = new Map()
  for (const p of paths) insertPath(out, p)
  return out
})

const members = (s: FieldSet): Set<string> => new Set([...pathsOf(s)].map((p) => p.join('/')))

describe('algebra', () => {
  test('sets behave as the sets of their paths', () => {
    fc.assert(fc.property(set, set, (a, b) => {
      const x = members(a)
      const y = members(b)
      expect(members(union(a, b))).toEqual(x.union(y))
      expect(members(intersection(a, b))).toEqual(x.intersection(y))
      expect(members(difference(a, b))).toEqual(x.difference(y))
    }))
  })

  test('recursive difference takes what is below, too', () => {
    fc.assert(fc.property(set, set, (a, b) => {
      const y = members(b)
      const kept = [...pathsOf(a)].filter((p) => !p.some((_, i) => y.has(p.slice(0, i + 1).join('/'))))
      expect(members(recursiveDifference(a, b))).toEqual(new Set(kept.map((p) => p.join('/'))))
    }))
  })

  test('laws', () => {
    fc.assert(fc.property(set, set, set, (a, b, c) => {
      expect(fieldSetsEqual(union(a, b), union(b, a))).toBe(true)
      expect(fieldSetsEqual(union(difference(a, b), intersection(a, b)), a)).toBe(true)
      expect(fieldSetsEqual(intersection(a, union(b, c)), union(intersection(a, b), intersection(a, c)))).toBe(true)
      expect(difference(a, a).size).toBe(0)
    }))
  })

  test('operands that stay are given back themselves', () => {
    const a = fieldSetOf(['spec.replicas', 'spec.template'])
    expect(union(a, fieldSetOf(['spec.replicas']))).toBe(a)
    expect(difference(a, fieldSetOf(['status']))).toBe(a)
    expect(recursiveDifference(a, fieldSetOf(['status']))).toBe(a)
  })
})

describe('FieldsV1', () => {
  test('reading what was written gives the same set', () => {
    fc.assert(fc.property(set, (a) => {
      const fields = encodeFieldSet(a)
      expect(fieldSetsEqual(decodeFieldSet(JSON.parse(JSON.stringify(fields)) as object), a)).toBe(true)
    }))
  })

  test('elements stand in order: fields, keys by value, values, indices', () => {
    const out: FieldSetBuilder = new Map()
    for (const e of ['i:10', 'i:9', 'v:"s"', 'v:5', 'k:{"port":443}', 'k:{"port":80}', 'k:{"name":"x"}', 'f:b', 'f:a']) insertPath(out, [e])
    expect(Object.keys(encodeFieldSet(out))).toEqual(['f:a', 'f:b', 'k:{"name":"x"}', 'k:{"port":80}', 'k:{"port":443}', 'v:5', 'v:"s"', 'i:9', 'i:10'])
  })

  test('a member with children has a dot', () => {
    const fields = { 'f:a': { '.': {}, 'f:b': {} }, 'f:c': { 'f:d': {} } }
    const decoded = decodeFieldSet(fields)
    expect(hasPath(decoded, ['f:a'])).toBe(true)
    expect(hasPath(decoded, ['f:c'])).toBe(false)
    expect(encodeFieldSet(decoded)).toEqual(fields)
  })

  test('frozen fields keep their set and their form', () => {
    const fields = Object.freeze({ 'f:a': {} })
    const decoded = decodeFieldSet(fields)
    expect(decodeFieldSet(fields)).toBe(decoded)
    expect(encodeFieldSet(decoded)).toBe(fields)
  })

  test('keys come in one form, unknown kinds are passed over, wrong ones refused', () => {
    expect(Object.keys(encodeFieldSet(decodeFieldSet({ 'k:{"b":1, "a":"x"}': {}, 'x:y': {} })))).toEqual(['k:{"a":"x","b":1}'])
    expect(() => decodeFieldSet({ f: {} })).toThrow('key must be 2 characters long:')
    expect(() => decodeFieldSet({ spec: {} })).toThrow('missing colon: spec')
    expect(() => decodeFieldSet({ 'i:x': {} })).toThrow('invalid syntax')
    expect(() => decodeFieldSet({ 'k:{': {} })).toThrow()
  })
})

test('paths as upstream prints them', () => {
  expect(pathText(['f:spec', 'f:ports', keyElement([['port', 80], ['protocol', 'TCP']]), 'f:name'])).toBe('.spec.ports[port=80,protocol="TCP"].name')
  expect(pathText(['f:metadata', 'f:finalizers', valueElement('a/b')])).toBe('.metadata.finalizers[="a/b"]')
  expect([elementText('i:3'), elementText('v:true'), elementText('v:1.5')]).toEqual(['[3]', '[=true]', '[=1.5]'])
})
