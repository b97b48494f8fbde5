import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  formatLabelSelector, newRequirement, parseFieldSelector, parseLabelSelector, requiresExactField, requiresExactLabel,
  selectEverything, selectNothing, selectorFromObject, selectorFromSet,
} from './selectors.ts'

describe('label selector text', () => {
  test.each([
    ['', ''], ['a=b', 'a=b'], ['a == b', 'a==b'], ['b,a', 'a,b'], ['!a', '!a'], ['a in (y, x,)', 'a in (,x,y)'],
    ['a notin (z)', 'a notin (z)'], ['a in ()', 'a in ()'], ['a>1,b<2', 'a>1,b<2'], ['a=,b!=', 'a=,b!='], ['in', 'in'],
    ['in in (in)', 'in in (in)'], ['x.y/z=1', 'x.y/z=1'],
  ])('%j reads as %j', (text, expected) => {
    expect(parseLabelSelector(text).toString()).toBe(expected)
  })

  test.each([
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    [',', "found ',', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a in', "unable to parse requirement: found '' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['a=(b', "unable to parse requirement: found '(', expected: identifier"],
    ['!!a', "unable to parse requirement: found '!', expected: identifier"],
    ['a<x', 'unable to parse requirement: values[0]: Invalid value: "x": for \'Gt\', \'Lt\' operators, the value must be an integer'],
    ['-a', 'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character (e.g. \'MyName\',  or \'my.name\',  or \'123-abc\', regex used for validation is \'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\')'],
  ])('%j is refused', (text, error) => {
    expect(() => parseLabelSelector(text)).toThrow(error)
  })
})

describe('matching', () => {
  const labels = { app: 'web', tier: 'front', size: '5' }
  test.each([
    ['', true], ['app=web', true], ['app=db', false], ['app!=db', true], ['zone!=x', true], ['app in (db,web)', true],
    ['zone notin (x)', true], ['app notin (web)', false], ['app', true], ['zone', false], ['!zone', true], ['!app', false],
    ['size>4', true], ['size<5', false], ['app>1', false], ['app=web,tier=back', false],
  ])('%j on labels: %s', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected)
  })

  test('prototype names are no labels', () => {
    expect(parseLabelSelector('constructor').matches({})).toBe(false)
    expect(parseLabelSelector('toString!=x').matches(undefined)).toBe(true)
  })

  test('objects: absent selects nothing, empty everything', () => {
    expect(selectorFromObject(undefined)).toBe(selectNothing)
    expect(selectNothing.matches({})).toBe(false)
    expect(selectorFromObject({})).toBe(selectEverything)
    const selector = selectorFromObject({ matchLabels: { b: '1' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['x', 'y'] }, { key: 'c', operator: 'DoesNotExist' }] })
    expect(selector.toString()).toBe('a in (x,y),b=1,!c')
    expect(selector.matches({ a: 'y', b: '1' })).toBe(true)
    expect(() => selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'Near' }] })).toThrow('"Near" is not a valid label selector operator')
    expect(() => selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'In' }] })).toThrow("for 'in', 'notin' operators, values set can't be empty")
    expect(formatLabelSelector({})).toBe('<none>')
    expect(formatLabelSelector({ matchExpressions: [{ key: '', operator: 'In' }] })).toBe('<error>')
  })

  test('what a selector demands exactly', () => {
    expect(requiresExactLabel(parseLabelSelector('a=b,c'), 'a')).toBe('b')
    expect(requiresExactLabel(parseLabelSelector('a in (b,c)'), 'a')).toBeUndefined()
    expect(selectorFromSet({ z: '1', a: '2' }).toString()).toBe('a=2,z=1')
  })
})

test('what is printed reads back the same', () => {
  const word = fc.stringMatching(/^[a-z]([a-z0-9.-]{0,5}[a-z0-9])?$/)
  const operators = fc.constantFrom('in', 'notin', '=', '==', '!=', 'exists', '!')
  fc.assert(fc.property(fc.array(fc.tuple(word, operators, fc.uniqueArray(word, { minLength: 1, maxLength: 3 })), { maxLength: 4 }), (list) => {
    const text = list.map(([key, operator, values]) => {
      const single = operator === 'exists' || operator === '!' ? [] : operator === 'in' || operator === 'notin' ? values : [values[0]!]
      const { key: k } = newRequirement(key, operator, single)
      return parseLabelSelector(operator === 'exists' ? k : operator === '!' ? `!${k}` : single.length > 1 || operator.endsWith('in') ? `${k} ${operator} (${single.join(',')})` : `${k}${operator}${single[0]}`).toString()
    }).join(',')
    const parsed = parseLabelSelector(text).toString()
    expect(parseLabelSelector(parsed).toString()).toBe(parsed)
  }))
})

describe('field selectors', () => {
  test.each([
    ['', ''], ['a=b', 'a=b'], ['a==b', 'a=b'], ['b!=c,a=1', 'a=1,b!=c'], ['a=x\\,y', 'a=x\\,y'], ['a=\\\\', 'a=\\\\'], ['=', ''], ['a=', 'a='],
  ])('%j reads as %j', (text, expected) => {
    expect(parseFieldSelector(text).toString()).toBe(expected)
  })

  test.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%j is refused', (text, error) => {
    expect(() => parseFieldSelector(text)).toThrow(error)
  })

  test('matches by looking values up', () => {
    const selector = parseFieldSelector('metadata.name=a,status.phase!=Running')
    const on = (values: Record<string, string>) => selector.matches((field) => values[field] ?? '')
    expect(on({ 'metadata.name': 'a' })).toBe(true)
    expect(on({ 'metadata.name': 'a', 'status.phase': 'Running' })).toBe(false)
    expect(requiresExactField(selector, 'metadata.name')).toBe('a')
    expect(requiresExactField(selector, 'status.phase')).toBeUndefined()
  })
})
