import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeJson, encodeJson, goJsonText, JsonSyntaxError } from './json.ts'

describe('decodeJson', () => {
  it('names keys that are given twice, with their paths, once each; the last one counts', () => {
    const text = '{"a":1,"a":2,"b":[{"c":1},{"c":1,"c":2,"c":3}],"x.y":{"q":1,"\\u0071":2}}'
    expect(decodeJson(text, true)).toEqual({
      value: { a: 2, b: [{ c: 1 }, { c: 3 }], 'x.y': { q: 2 } },
      strictErrors: ['duplicate field "a"', 'duplicate field "b[1].c"', 'duplicate field "x.y.q"'],
    })
    expect(decodeJson(text).strictErrors).toEqual([])
  })

  it('reports no more than a hundred', () => {
    const pairs = Array.from({ length: 150 }, (_, i) => `"k${i}":1,"k${i}":2`)
    expect(decodeJson(`{${pairs.join(',')}}`, true).strictErrors).toHaveLength(100)
  })

  it('keeps integers at the limits of int64 inside them', () => {
    const { value } = decodeJson('[9223372036854775807,-9223372036854775808,92233720368547758070,1234567890123456]')
    const [max, min, beyond, exact] = value as number[]
    expect(BigInt.asIntN(64, BigInt(max as number))).toBe(BigInt(max as number))
    expect(BigInt.asIntN(64, BigInt(min as number))).toBe(BigInt(min as number))
    expect(JSON.stringify(max)).toBe('9223372036854775000')
    expect(beyond).toBe(Number('92233720368547758070'))
    expect(exact).toBe(1234567890123456)
  })

  // What Go's encoding/json says to each.
  it.each([
    ['{a:1}', `invalid character 'a' looking for beginning of object key string`],
    ['{"a":1,}', `invalid character '}' looking for beginning of object key string`],
    ['[1,]', `invalid character ']' looking for beginning of value`],
    ['{"a" 1}', `invalid character '1' after object key`],
    ['{"a":1 "b"}', `invalid character '"' after object key:value pair`],
    ['[1 2]', `invalid character '2' after array element`],
    ['tru', `invalid character ' ' in literal true (expecting 'e')`],
    ['nul1', `invalid character '1' in literal null (expecting 'l')`],
    ['{"a":"\n"}', `invalid character '\\n' in string literal`],
    ['é', `invalid character 'Ã' looking for beginning of value`],
    ['', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['"abc', 'unexpected end of JSON input'],
    ['1.x', `invalid character 'x' after decimal point in numeric literal`],
    ['1e+', `invalid character ' ' in exponent of numeric literal`],
    ['-x', `invalid character 'x' in numeric literal`],
    ['{"a":"\\q"}', `invalid character 'q' in string escape code`],
    ['"\\u12g4"', `invalid character 'g' in \\u hexadecimal character escape`],
    ['01', `invalid character '1' after top-level value`],
    ['{"a":1}}', `invalid character '}' after top-level value`],
    [`'a'`, `invalid character '\\'' looking for beginning of value`],
  ])('%j is refused in the words of Go', (text, message) => {
    expect(() => decodeJson(text)).toThrow(new JsonSyntaxError(message))
  })

  it('finds nothing amiss in what JSON.stringify writes, and something in every text that JSON.parse refuses', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.nat(), fc.string({ maxLength: 1 }), (value, at, char) => {
      const text = JSON.stringify(value)
      expect(decodeJson(text, true)).toEqual({ value: JSON.parse(text), strictErrors: [] })
      const cut = at % (text.length + 1)
      const broken = text.slice(0, cut) + char + text.slice(cut + 1)
      const parses = ((): boolean => {
        try {
          JSON.parse(broken)
          return true
        } catch {
          return false
        }
      })()
      if (parses) expect(() => decodeJson(broken)).not.toThrow()
      else expect(() => decodeJson(broken)).toThrow(/^(?:invalid character|unexpected end)/)
    }))
  })
})

describe('encoding', () => {
  it('leaves the order of fields, and escapes what Go escapes', () => {
    expect(encodeJson({ b: 1, a: ['<'] }).toString()).toBe('{"b":1,"a":["<"]}')
    expect(goJsonText({ a: '<&>\u2028' })).toBe('{"a":"\\u003c\\u0026\\u003e\\u2028"}')
  })
})
