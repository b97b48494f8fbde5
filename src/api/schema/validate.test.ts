import { describe, expect, test } from 'vitest'
import { validateEmbedded } from './embedded.ts'
import { formatCheck } from './formats.ts'
import { schemaFromJSON } from './json-schema.ts'
import type { JSONSchemaProps } from './json-schema.ts'
import { validateListTypes } from './list-types.ts'
import { validateStructural } from './structural.ts'
import { validateValue } from './validate.ts'

/** One field f of a schema under spec; the texts are those of a v1.36 API server. */
function errors(field: JSONSchemaProps, value: unknown, old?: unknown): string[] {
  const schema = schemaFromJSON({ type: 'object', properties: { spec: { type: 'object', properties: { f: field } } } })
  const object = { spec: { f: value } }
  const found = [
    ...validateValue(object, schema, old === undefined ? {} : { old: { spec: { f: old } } }), ...validateListTypes(object, schema), ...validateEmbedded(object, schema),
  ]
  return found.map((e) => `${e.field}: ${e.message}`).sort()
}

const text: JSONSchemaProps = { type: 'string' }

describe('values', () => {
  test.each([
    [{ type: 'integer' }, 'x', ['spec.f: Invalid value: "string": spec.f in body must be of type integer: "string"']],
    [{ type: 'integer' }, 1.5, ['<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.f', 'spec.f: Invalid value: "number": spec.f in body must be of type integer: "number"']],
    [{ type: 'integer', format: 'int32' }, 3e9, ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.f']],
    [{ type: 'integer', minimum: 1 }, 0, ['spec.f: Invalid value: 0: spec.f in body should be greater than or equal to 1']],
    [{ type: 'number', minimum: 0.5, exclusiveMinimum: true }, 0.5, ['spec.f: Invalid value: 0.5: spec.f in body should be greater than 0.5']],
    [{ type: 'integer', maximum: 10 }, 11, ['spec.f: Invalid value: 11: spec.f in body should be less than or equal to 10']],
    [{ type: 'integer', multipleOf: 2 }, 3, ['spec.f: Invalid value: 3: spec.f in body should be a multiple of 2']],
    [{ type: 'number', multipleOf: 0.1 }, 0.3, []],
    [{ ...text, minLength: 2 }, 'a', ['spec.f: Invalid value: "a": spec.f in body should be at least 2 chars long']],
    [{ ...text, maxLength: 4 }, 'abcde', ['spec.f: Too long: may not be more than 4 bytes']],
    [{ ...text, maxLength: 1 }, '\u{1F600}', []],
    [{ ...text, pattern: '^[a-z]+$' }, 'A', ["spec.f: Invalid value: \"A\": spec.f in body should match '^[a-z]+$'"]],
    [{ ...text, enum: ['a', 'b'] }, 'c', ['spec.f: Unsupported value: "c": supported values: "a", "b"']],
    [{ type: 'integer', enum: [1, 2] }, 3, ['spec.f: Unsupported value: 3: supported values: "1", "2"']],
    [text, null, ['spec.f: Invalid value: "null": spec.f in body must be of type string: "null"']],
    [{ ...text, nullable: true }, null, []],
    [{ 'x-kubernetes-int-or-string': true }, true, ['spec.f: Invalid value: "boolean": spec.f in body must be of type integer,string: "boolean"']],
    [{ 'x-kubernetes-int-or-string': true }, '5', []],
    [{ type: 'array', items: text, minItems: 1 }, [], ['spec.f: Invalid value: 0: spec.f in body should have at least 1 items']],
    [{ type: 'array', items: text, maxItems: 1 }, ['a', 'b'], ['spec.f: Too many: 2: must have at most 1 item']],
    [{ type: 'array', items: text, uniqueItems: true }, ['a', 'a'], ['spec.f: Invalid value: "": spec.f in body shouldn\'t contain duplicates']],
    [{ type: 'array', items: text }, [1], ['spec.f[0]: Invalid value: "integer": spec.f[0] in body must be of type string: "integer"']],
    [{ type: 'object', required: ['x'], properties: { x: text }, minProperties: 1 }, {}, ['spec.f.x: Required value', 'spec.f: Invalid value: 0: spec.f in body should have at least 1 properties']],
    [{ type: 'object', additionalProperties: text, maxProperties: 1 }, { a: 'a', b: 1 }, ['spec.f.b: Invalid value: "integer": spec.f.b in body must be of type string: "integer"', 'spec.f: Too many: 2: must have at most 1 item']],
  ] as [JSONSchemaProps, unknown, string[]][])('%j %j', (field, value, expected) => {
    expect(errors(field, value)).toEqual(expected)
  })
})

describe('alternatives', () => {
  const either: JSONSchemaProps[] = [{ minLength: 3 }, { pattern: '^x' }]
  test.each([
    [{ ...text, anyOf: either }, 'ab', ['<nil>: Invalid value: "": "spec.f" must validate at least one schema (anyOf)', 'spec.f: Invalid value: "ab": spec.f in body should be at least 3 chars long']],
    [{ ...text, anyOf: either }, 'xa', []],
    [{ ...text, oneOf: either }, 'xyz', ['<nil>: Invalid value: "": "spec.f" must validate one and only one schema (oneOf). Found 2 valid alternatives']],
    [{ ...text, oneOf: either }, 'ab', ['<nil>: Invalid value: "": "spec.f" must validate one and only one schema (oneOf). Found none valid', 'spec.f: Invalid value: "ab": spec.f in body should be at least 3 chars long']],
    [{ ...text, allOf: either }, 'abc', ['<nil>: Invalid value: "": "spec.f" must validate all the schemas (allOf)', "spec.f: Invalid value: \"abc\": spec.f in body should match '^x'"]],
    [{ ...text, not: { pattern: '^x' } }, 'xa', ['<nil>: Invalid value: "": "spec.f" must not validate the schema (not)']],
  ] as [JSONSchemaProps, unknown, string[]][])('%j %j', (field, value, expected) => {
    expect(errors(field, value)).toEqual(expected)
  })
})

describe('list types', () => {
  const map: JSONSchemaProps = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: { type: 'object', properties: { name: text, v: { type: 'integer', minimum: 1 } } } }
  test('repeated values are told once', () => {
    expect(errors({ type: 'array', 'x-kubernetes-list-type': 'set', items: text }, ['a', 'a', 'a', 'b'])).toEqual(['spec.f[1]: Duplicate value: "a"'])
    expect(errors(map, [{ name: 'a' }, { name: 'a' }])).toEqual(['spec.f[1]: Duplicate value: {"name":"a"}'])
    expect(errors(map, [{}, {}])).toEqual(['spec.f[1]: Duplicate value: {}'])
    expect(errors(map, ['x'])).toContain('spec.f[0]: Invalid value: "x": must be an object for an array of list-type map')
  })

  test('what an update leaves as it is is not refused', () => {
    expect(errors({ ...text, maxLength: 1 }, 'long', 'long')).toEqual([])
    expect(errors({ ...text, maxLength: 1 }, 'longer', 'long')).toHaveLength(1)
    expect(errors(map, [{ name: 'b', v: 0 }, { name: 'a', v: 0 }], [{ name: 'a', v: 0 }])).toEqual(['spec.f[0].v: Invalid value: 0: spec.f[0].v in body should be greater than or equal to 1'])
  })
})

test('embedded objects', () => {
  const field: JSONSchemaProps = { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true }
  expect(errors(field, {})).toEqual(['spec.f.apiVersion: Required value', 'spec.f.kind: Required value'])
  expect(errors(field, { apiVersion: 'a/b/c', kind: '-', metadata: { name: '..' } }).map((line) => line.slice(0, 60))).toEqual([
    'spec.f.apiVersion: Invalid value: "a/b/c": unexpected GroupV', 'spec.f.kind: Invalid value: "-": may have mixed case, but sh', "spec.f.metadata.name: Invalid value: \"..\": may not be '..'",
  ])
  expect(errors(field, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 5 } })).toEqual(['spec.f.metadata: Invalid value: {"name":5}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string'])
})

describe('formats', () => {
  test.each([
    ['date-time', ['2026-01-01T00:00:00Z', '2026-01-01t00:00:00.5+01:00'], ['x', '2026-01-01', '2026-01-01T25:00:00Z', '2026-02-30T00:00:00Z']],
    ['date', ['2026-02-28'], ['2026-02-30', '2026-2-1']],
    ['duration', ['1h', '1.5s', '3 days', '22 ns'], ['x', '']],
    ['ipv4', ['1.2.3.4', '01.2.3.4'], ['1.2.3', '::1']],
    ['ipv6', ['::1'], ['1.2.3.4', 'fe80::1%eth0']],
    ['cidr', ['1.2.3.4/8', '::/0'], ['1.2.3.4', '1.2.3.4/33']],
    ['mac', ['00:11:22:33:44:55', '0011.2233.4455'], ['x', '00:11:22']],
    ['uuid', ['123e4567-e89b-12d3-a456-426614174000', '123E4567E89B12D3A456426614174000'], ['x']],
    ['uuid4', ['123e4567-e89b-42d3-a456-426614174000'], ['123e4567-e89b-12d3-a456-426614174000']],
    ['uri', ['http://a', '/x', 'urn:a'], ['x', 'http://a b', '']],
    ['email', ['a@b.c'], ['x', 'a@']],
    ['hostname', ['a.bc', 'localhost'], ['a b', '-a']],
    ['byte', ['YQ=='], ['?']],
    ['isbn10', ['0321751043'], ['0321751044']],
    ['isbn13', ['978-0321751041'], ['978-0321751042']],
    ['creditcard', ['4111 1111 1111 1111'], ['4111 1111 1111 1112']],
    ['ssn', ['111-22-3333'], ['1']],
    ['hexcolor', ['#FFF', 'ffffff'], ['#ff']],
    ['rgbcolor', ['rgb(1, 2,255)'], ['rgb(1,2,256)']],
    ['bsonobjectid', ['507f1f77bcf86cd799439011'], ['507f']],
    ['k8s-short-name', ['a-b'], ['a.b']],
    ['k8s-long-name', ['a.b'], ['A']],
  ] as const)('%s', (format, right, wrong) => {
    const check = formatCheck(format)!
    expect(right.filter((value) => !check(value))).toEqual([])
    expect(wrong.filter((value) => check(value))).toEqual([])
  })

  test('unknown formats are not checked, known ones are typed errors', () => {
    expect(errors({ ...text, format: 'mine' }, 'x')).toEqual([])
    expect(errors({ ...text, format: 'ipv4' }, 'x')).toEqual(['spec.f: Invalid value: "x": spec.f in body must be of type ipv4: "x"'])
  })
})

describe('structural schemas', () => {
  const at = 'spec.validation.openAPIV3Schema'
  test.each([
    [{ type: 'object', properties: { a: {} } }, [`${at}.properties[a].type: Required value: must not be empty for specified object fields`]],
    [{ properties: {} }, [`${at}.type: Required value: must not be empty at the root`]],
    [{ type: 'object', additionalProperties: text }, [`${at}.additionalProperties: Forbidden: must not be used at the root`]],
    [{ type: 'object', properties: { a: { type: 'array' } } }, [`${at}.properties[a].items: Required value: must be specified`]],
    [{ type: 'object', properties: { a: { type: 'object', allOf: [{ properties: { z: text } }] } } }, [
      `${at}.properties[a].allOf[0].properties[z].type: Forbidden: must be empty to be structural`,
    ]],
    [{ type: 'object', allOf: [{ properties: { z: { minLength: 1 } } }] }, [`${at}.properties[z]: Required value: because it is defined in ${at}.allOf[0].properties[z]`]],
    [{ type: 'object', properties: { metadata: { type: 'object', properties: { foo: text } } } }, [`${at}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`]],
    [{ type: 'object', properties: { metadata: { type: 'object', properties: { name: { ...text, maxLength: 5 } } } } }, []],
    [{ type: 'object', properties: { a: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] } } }, []],
    [{ type: 'object', properties: { a: { type: 'object', 'x-kubernetes-embedded-resource': true } } }, [`${at}.properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`]],
  ] as [JSONSchemaProps, string[]][])('%j', (props, expected) => {
    expect(validateStructural(props, at).map((e) => `${e.field}: ${e.message}`)).toEqual(expected)
  })
})
