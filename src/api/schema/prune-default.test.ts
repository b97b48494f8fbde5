import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { schemaOf } from './builtin.ts'
import { applyDefaults } from './default.ts'
import { objectSchema, schemaFromJSON } from './json-schema.ts'
import { pruneNulls, pruneUnknown } from './prune.ts'
import { schemaAt, valueAt, walk, withValueAt } from './walk.ts'

const schema = schemaFromJSON({
  type: 'object',
  properties: {
    spec: {
      type: 'object', default: {},
      properties: {
        a: { type: 'string', default: 'A' }, n: { type: 'string', nullable: true }, plain: { type: 'string' },
        list: { type: 'array', items: { type: 'object', properties: { x: { type: 'integer', default: 1 } } } },
        map: { type: 'object', additionalProperties: { type: 'object', properties: { y: { type: 'string' } } } },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { shut: { type: 'object', properties: { z: { type: 'string' } } } } },
        embedded: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: { type: 'object' } } },
      },
    },
  },
})

describe('pruning', () => {
  test('drops what the schema does not know, sorted by path', () => {
    const object = { apiVersion: 'v1', kind: 'K', metadata: { any: 1 }, zzz: 1, spec: { b: 1, list: [{ x: 1, q: 1 }], map: { k: { y: 'a', z: 'b' } } } }
    const { value, unknownFields } = pruneUnknown(object, schema)
    expect(value).toEqual({ apiVersion: 'v1', kind: 'K', metadata: { any: 1 }, spec: { list: [{ x: 1 }], map: { k: { y: 'a' } } } })
    expect(unknownFields).toEqual(['spec.b', 'spec.list[0].q', 'spec.map.k.z', 'zzz'])
  })

  test('keeps what is open but prunes below it again', () => {
    const { value, unknownFields } = pruneUnknown({ spec: { open: { any: { thing: 1 }, shut: { z: 'a', w: 1 } } } }, schema)
    expect(value).toEqual({ spec: { open: { any: { thing: 1 }, shut: { z: 'a' } } } })
    expect(unknownFields).toEqual(['spec.open.shut.w'])
  })

  test('embedded objects keep their type and have real metadata', () => {
    const embedded = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', foo: 1 }, other: 1 }
    const { value, unknownFields } = pruneUnknown({ spec: { embedded } }, schema)
    expect(value).toEqual({ spec: { embedded: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } } } })
    expect(unknownFields).toEqual(['spec.embedded.metadata.foo', 'spec.embedded.other'])
  })

  test('a known object is the same object', () => {
    const object = { spec: { a: 'x' } }
    expect(pruneUnknown(object, schema).value).toBe(object)
    expect(pruneNulls(object, schema)).toBe(object)
  })

  test('nulls go unless they may stand or a default takes their place', () => {
    expect(pruneNulls({ spec: { a: null, n: null, plain: null } }, schema)).toEqual({ spec: { a: null, n: null } })
  })

  test('pruning twice prunes no more', () => {
    fc.assert(fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'list', 'map', 'open'), fc.jsonValue()), (spec) => {
      const once = pruneUnknown({ spec }, schema).value
      const twice = pruneUnknown(once, schema)
      expect(twice.value).toBe(once)
      expect(twice.unknownFields).toEqual([])
    }))
  })
})

describe('defaults', () => {
  test.each([
    [{}, { spec: { a: 'A' } }],
    [{ spec: { a: null, n: null } }, { spec: { a: 'A', n: null } }],
    [{ spec: { a: 'B', list: [{}, { x: 2 }] } }, { spec: { a: 'B', list: [{ x: 1 }, { x: 2 }] } }],
  ])('%j', (object, expected) => {
    expect(applyDefaults(object, schema)).toEqual(expected)
  })

  test('built-in kinds get what Go always writes', () => {
    const deployment = schemaOf('io.k8s.api.apps.v1.Deployment')
    const object = { spec: { template: { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] } } } }
    expect(applyDefaults(object, deployment)).toEqual({
      metadata: {}, status: {},
      spec: { strategy: {}, template: { metadata: {}, spec: { containers: [{ name: 'a', resources: {}, ports: [{ containerPort: 80, protocol: 'TCP' }] }] } } },
    })
  })

  test('defaulting twice changes nothing', () => {
    const object = applyDefaults({ spec: { list: [{}] } }, schema)
    expect(applyDefaults(object, schema)).toBe(object)
  })
})

describe('walking', () => {
  test('values with their schemas', () => {
    const seen: string[] = []
    walk({ spec: { list: [{ x: 1 }], odd: 1 } }, schema, (_, at, path) => {
      seen.push(`${path.join('.')}:${at?.type ?? '?'}`)
      return path.at(-1) !== 'list'
    })
    expect(seen).toEqual([':object', 'spec:object', 'spec.list:array', 'spec.odd:?'])
    expect(schemaAt(schema, ['spec', 'list', '[]', 'x'])?.type).toBe('integer')
    expect(schemaAt(schema, ['spec', 'map', 'any', 'y'])?.type).toBe('string')
  })

  test('values at paths', () => {
    const object = { a: { b: { c: 1 } }, d: 2 }
    expect([valueAt(object, ['a', 'b', 'c']), valueAt(object, ['a', 'x', 'c'])]).toEqual([1, undefined])
    expect(withValueAt(object, ['a', 'b', 'c'], 2)).toEqual({ a: { b: { c: 2 } }, d: 2 })
    expect(withValueAt(object, ['a', 'b', 'c'], undefined)).toEqual({ a: { b: {} }, d: 2 })
    expect(withValueAt(object, ['a', 'b', 'c'], 1)).toBe(object)
    expect(withValueAt<object>({}, ['x', 'y'], 1)).toEqual({ x: { y: 1 } })
  })
})

test('whole objects have the fields of every object, at the root and where objects are embedded', () => {
  const whole = objectSchema(schema)
  expect(whole.properties?.['metadata']?.name).toBe('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')
  expect(schemaAt(whole, ['spec', 'embedded', 'kind'])?.type).toBe('string')
  expect(objectSchema(schema)).toBe(whole)
  const pod = schemaOf('io.k8s.api.core.v1.Pod')
  expect(objectSchema(pod)).toBe(pod)
})
