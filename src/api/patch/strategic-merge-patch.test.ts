import { describe, expect, test } from 'vitest'
import { schemaOf } from '../schema/builtin.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'
import type { StatusError } from '../meta/errors.ts'

const pod = schemaOf('io.k8s.api.core.v1.Pod')
const deployment = schemaOf('io.k8s.api.apps.v1.Deployment')

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

const apply = (document: unknown, patch: unknown, schema = pod): unknown =>
  applyStrategicMergePatch(deepFreeze(document), deepFreeze(patch), schema)

const containers = (...names: string[]) => ({ spec: { containers: names.map((name) => ({ name, image: `${name}:1` })) } })

function errorOf(action: () => unknown): { code: number; message: string } {
  try {
    action()
  } catch (error) {
    return { code: (error as StatusError).code, message: (error as StatusError).message }
  }
  throw new Error('no error')
}

describe('maps', () => {
  test.each([
    ['set and remove', { metadata: { labels: { a: '1', b: '2' } } }, { metadata: { labels: { a: null, c: '3' } } }, { metadata: { labels: { b: '2', c: '3' } } }],
    ['replace', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'replace', b: '2' } } }, { metadata: { labels: { b: '2' } } }],
    ['delete', { metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'delete' } } }, { metadata: { labels: {} } }],
    ['new maps lose nulls', {}, { metadata: { labels: { a: null, b: '1' } } }, { metadata: { labels: { b: '1' } } }],
    ['new maps with a directive are not taken', {}, { metadata: { $patch: 'delete' } }, {}],
    ['null of an absent field', { metadata: {} }, { metadata: { labels: null } }, { metadata: {} }],
  ])('%s', (_, document, patch, expected) => {
    expect(apply(document, patch)).toEqual(expected)
  })

  test('retainKeys keeps what it names', () => {
    const strategy = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } }
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }
    expect(apply(strategy, patch, deployment)).toEqual({ spec: { strategy: { type: 'Recreate' } } })
    expect(errorOf(() => apply(strategy, { spec: { strategy: { $retainKeys: ['other'], type: 'Recreate' } } }, deployment)))
      .toEqual({ code: 400, message: 'invalid patch format of retainKeys' })
  })

  test('an unchanged document comes back itself', () => {
    const document = containers('a')
    expect(apply(document, { spec: {} })).toBe(document)
  })
})

describe('lists', () => {
  test('merges by key and adds new elements', () => {
    const result = apply(containers('a', 'b'), { spec: { containers: [{ name: 'b', image: 'b:2' }, { name: 'c', image: 'c:1' }] } })
    expect(result).toEqual({ spec: { containers: [{ name: 'a', image: 'a:1' }, { name: 'b', image: 'b:2' }, { name: 'c', image: 'c:1' }] } })
  })

  test('deletes by key', () => {
    expect(apply(containers('a', 'b'), { spec: { containers: [{ name: 'a', $patch: 'delete' }] } })).toEqual(containers('b'))
  })

  test('replaces the list', () => {
    expect(apply(containers('a', 'b'), { spec: { containers: [{ $patch: 'replace' }, { name: 'c', image: 'c:1' }] } })).toEqual(containers('c'))
  })

  test('orders by setElementOrder', () => {
    const patch = { spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }], containers: [{ name: 'c', image: 'c:1' }] } }
    expect(apply(containers('a', 'b'), patch)).toEqual(containers('c', 'a', 'b'))
    const missing = { spec: { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'c', image: 'c:1' }] } }
    expect(errorOf(() => apply(containers('a'), missing)).message).toMatch(/^The order in patch list:\n/)
  })

  test('sets of scalars merge, and lose what deleteFromPrimitiveList names', () => {
    const document = { metadata: { finalizers: ['a', 'b'] } }
    expect(apply(document, { metadata: { finalizers: ['c', 'a'] } })).toEqual({ metadata: { finalizers: ['c', 'a', 'b'] } })
    expect(apply(document, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({ metadata: { finalizers: ['b'] } })
    expect(apply(document, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'], '$setElementOrder/finalizers': ['c', 'b'], finalizers: ['c'] } }))
      .toEqual({ metadata: { finalizers: ['c', 'b'] } })
  })

  test('lists without a merge strategy are replaced', () => {
    expect(apply({ spec: { containers: [{ name: 'a', command: ['x', 'y'] }] } }, { spec: { containers: [{ name: 'a', command: ['z'] }] } }))
      .toEqual({ spec: { containers: [{ name: 'a', command: ['z'] }] } })
  })

  test('refuses elements without the merge key', () => {
    expect(errorOf(() => apply(containers('a'), { spec: { containers: [{ image: 'x' }] } })))
      .toEqual({ code: 500, message: 'map: map[image:x] does not contain declared merge key: name' })
  })

  test('refuses lists of lists and mixed lists', () => {
    expect(errorOf(() => apply({ metadata: { finalizers: ['a'] } }, { metadata: { finalizers: [1] } })).message)
      .toBe('list element types are not identical: [[a] [1]]')
    expect(errorOf(() => apply({ metadata: { finalizers: [] } }, { metadata: { finalizers: [['a']] } })).code).toBe(422)
  })
})

test('a patch that is no map is refused', () => {
  expect(errorOf(() => apply({}, [])).code).toBe(400)
  expect(errorOf(() => apply({ metadata: {} }, { metadata: { $patch: 'other' } })).message).toBe('unknown patch type: other in map: map[$patch:other]')
})
