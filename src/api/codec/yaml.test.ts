import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeYaml, decodeYamlStream, encodeYaml, parseYaml, YamlError } from './yaml.ts'
import { compareKeys } from './yaml-write.ts'

// What Go's sigs.k8s.io/yaml v1.6.0 makes of each.
const scalars: [string, unknown][] = [
  ['yes', true], ['n', false], ['Off', false], ['~', null], ['', null], ['null', null],
  ['012', 10], ['0o17', 15], ['08', 8], ['1e3', 1000], ['1_000', 1000], ['0x1f', 31], ['-0x1f', -31], ['0b11', 3],
  ['+5', 5], ['.5', 0.5], ['5.', 5], ['1.e3', 1000], ['1:30', '1:30'], ['0b12', '0b12'], ['1e', '1e'], ['_1', '_1'],
  ['2024-01-01', '2024-01-01'], ['2024-01-01T1:2:3Z', '2024-01-01T1:2:3Z'], ['!!str 5', '5'], ['"5"', '5'],
  ['!!int "5"', 5],
  ['!!float 5', 5], [`'it''s'`, `it's`], ['|\n  a\n  b', 'a\nb\n'], ['>-\n  a\n\n  b', 'a\nb'], ['!foo bar', 'bar'],
  ['!!binary aGk=', 'hi'], ['a #c', 'a'], ['[a, b]', ['a', 'b']], ['{a: 1}', { a: 1 }], ['<<', '<<'],
]

describe('decodeYaml', () => {
  it.each(scalars)('reads %j as upstream does', (text, value) => {
    expect(decodeYaml(`k: ${text}\n`).value).toEqual({ k: value })
  })

  const keys = [['n', 'false'], ['1', '1'], ['0x10', '16'], ['1.5', '1.5'], ['"n"', 'n']]
  it.each(keys)('the key %s is %s', (key, name) => {
    expect(decodeYaml(`${key}: a\n`).value).toEqual({ [name]: 'a' })
  })

  it('reads the first document only, and streams on demand', () => {
    expect(parseYaml('a: 1\n---\nb: 2\n')).toEqual({ a: 1 })
    expect(decodeYamlStream('a: 1\n---\n# nothing\n---\nb: 2\n')).toEqual([{ a: 1 }, { b: 2 }])
    expect(parseYaml('# nothing')).toBeNull()
  })

  it('takes the last of equal keys and says where they are', () => {
    const text = 'a: 1\nb:\n  c: 1\n  c:\n    d: 1\na: 2\n1: x\n1: z\n'
    expect(decodeYaml(text, true)).toEqual({
      value: { a: 2, b: { c: { d: 1 } }, 1: 'z' },
      strictErrors: [
        'yaml: unmarshal errors:\n  line 5: key "c" already set in map\n  line 6: key "a" already set in map\n'
        + '  line 8: key 1 already set in map',
      ],
    })
    expect(decodeYaml(text).strictErrors).toEqual([])
    expect(() => decodeYamlStream('a: 1\na: 2\n', true)).toThrow('line 2: key "a" already set in map')
  })

  it('carries out anchors and merges', () => {
    expect(parseYaml('a: &x {b: 1, e: 3}\nd:\n  <<: *x\n  e: 2\nf: *x\n')).toEqual({
      a: { b: 1, e: 3 }, d: { b: 1, e: 2 }, f: { b: 1, e: 3 },
    })
    expect(parseYaml('p: &a {k: 1}\nq: &b {k: 2, m: 3}\nz: {<<: [*a, *b]}\n')).toMatchObject({ z: { k: 1, m: 3 } })
  })

  it.each([
    ['a: b: c\n', 'yaml: mapping values are not allowed in this context'],
    ['a: 1\n b: 2\n', 'yaml: line 2: mapping values are not allowed in this context'],
    ['a: @foo\n', 'yaml: found character that cannot start any token'],
    ['a:\n\t- b\n', 'yaml: line 2: found character that cannot start any token'],
    ['a: *nope\n', `yaml: unknown anchor 'nope' referenced`],
    ['a: &a [*a]\n', `yaml: anchor 'a' value contains itself`],
    ['[a]: b\n', 'yaml: invalid map key'],
    ['a: .nan\n', 'json: unsupported value: NaN'],
    ['a: !!int x\n', 'yaml: cannot decode !!str `x` as a !!int'],
  ])('%j is refused', (text, message) => {
    expect(() => decodeYaml(text)).toThrow(YamlError)
    expect(() => decodeYaml(text)).toThrow(message)
  })

  it('refuses bombs of aliases', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++) {
      lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`)
    }
    expect(() => decodeYaml(lines.join('\n'))).toThrow('excessive aliasing')
  })

  it('keeps a key that would be a prototype', () => {
    const value = parseYaml('__proto__: {polluted: true}\n') as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

describe('encodeYaml', () => {
  // What Go writes for each.
  it.each([
    ['', '""\n'], ['true', '"true"\n'], ['10:30', '"10:30"\n'], ['2020-01-02', '"2020-01-02"\n'], ['1e312', '1e312\n'],
    [' a', `' a'\n`], [`'a`, `'''a'\n`], ['a: b', `'a: b'\n`], ['a\nb\n', '|\n  a\n  b\n'],
    ['\n a\n\n', '|2+\n\n   a\n\n'],
    ['a \nb', '"a \\nb"\n'], ['😀', '"\\U0001F600"\n'], ['中', '中\n'], ['\u0007"\\', '"\\a\\"\\\\"\n'],
    [1234567.25, '1.23456725e+06\n'], [1e21, '1e+21\n'], [9007199254740991, '9007199254740991\n'],
    [1.5e-7, '1.5e-07\n'],
    [null, 'null\n'], [[], '[]\n'], [{}, '{}\n'], [[[1], { a: [2] }], '- - 1\n- a:\n  - 2\n'],
  ])('%j', (value, text) => {
    expect(encodeYaml(value)).toBe(text)
  })

  it('folds long lines at spaces beyond column 80', () => {
    const words = Array.from({ length: 20 }, () => 'words').join(' ')
    expect(encodeYaml({ a: words })).toBe(`a: ${words.slice(0, 83)}\n  ${words.slice(84)}\n`)
  })

  it('writes keys that are too long or have breaks after a question mark', () => {
    expect(encodeYaml({ ['k'.repeat(129)]: [1], 'a\nb': 2 })).toBe(`? |-\n  a\n  b\n: 2\n? ${'k'.repeat(129)}\n: - 1\n`)
  })

  it('sorts keys by letters, other characters first, numbers by size', () => {
    const keys = ['b', 'a10', 'a9', 'a', 'a-b', 'B', '.x', '10', '9', 'a010']
    expect(keys.sort(compareKeys)).toEqual(['.x', '9', '10', 'B', 'a', 'a-b', 'a9', 'a10', 'a010', 'b'])
  })

  it('writes what it reads back', () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value))
      expect(parseYaml(encodeYaml(plain))).toEqual(plain)
    }), { numRuns: 500 })
  })
})
