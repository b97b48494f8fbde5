import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addQuantity, canonicalQuantity, compareQuantity, formatQuantity, mulQuantity, newMilliQuantity, newQuantity, parseQuantity,
  quantityMilliValue, quantityValue, roundUpQuantity, scaledValue, subQuantity,
} from './quantity.ts'

describe('canonical form', () => {
  test.each([
    ['0', '0'], ['0.5', '500m'], ['100m', '100m'], ['1000m', '1'], ['1024', '1024'], ['1Ki', '1Ki'], ['1024Ki', '1Mi'],
    ['1.5Gi', '1536Mi'], ['1e3', '1e3'], ['1000000', '1M'], ['1E', '1E'], ['.5Mi', '512Ki'], ['0.1Ki', '102400m'],
    ['1.500', '1.500'], ['+5', '+5'], ['-1', '-1'], ['.', '0'], ['1n', '1n'], ['0.1n', '1n'], ['10000000000000000000Ki', '9223372036854775807'],
    ['12345678901234567890123', '12345678901234567890123'], ['1e-3', '1e-3'], ['100e-9', '100e-9'],
  ])('%s -> %s', (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected)
  })

  test.each([['', 'quantities must match'], ['1 Gi', 'quantities must match'], ['1.2.3', 'quantities must match'],
    ['abc', 'quantities must match'], ['1ki', "unable to parse quantity's suffix"], ['1KI', 'quantities must match'],
    ['1K', "unable to parse quantity's suffix"], ['1e', "unable to parse quantity's suffix"],
  ])('%j is refused', (text, error) => {
    expect(() => parseQuantity(text)).toThrow(error)
  })

  test('numbers are taken as written', () => {
    expect(canonicalQuantity(0.5)).toBe('500m')
    expect(canonicalQuantity(1e21)).toBe('1e21')
  })
})

describe('values', () => {
  test.each([['100m', 1, 100], ['1.5', 2, 1500], ['1Ki', 1024, 1_024_000], ['1n', 1, 1], ['-1500m', -2, -1500]])(
    '%s is %d whole, %d thousandths, rounded up', (text, whole, milli) => {
      expect(quantityValue(text)).toBe(whole)
      expect(quantityMilliValue(text)).toBe(milli)
    })

  test('sums keep the first format unless it is zero', () => {
    expect(formatQuantity(addQuantity('1Gi', '1'))).toBe('1073741825')
    expect(formatQuantity(addQuantity('0', '1Ki'))).toBe('1Ki')
    expect(formatQuantity(addQuantity('100m', '1900m'))).toBe('2')
    expect(formatQuantity(subQuantity('1Gi', '512Mi'))).toBe('512Mi')
    expect(formatQuantity(subQuantity('1', '1'))).toBe('0')
    expect(formatQuantity(mulQuantity('250m', 4))).toBe('1')
  })

  test('compare across suffixes', () => {
    expect(compareQuantity('1Gi', '1G')).toBe(1)
    expect(compareQuantity('1000m', '1')).toBe(0)
    expect(compareQuantity('9223372036854775807', '9223372036854775806')).toBe(1)
    expect(compareQuantity('-1', '0')).toBe(-1)
  })

  test('made from numbers', () => {
    expect(formatQuantity(newQuantity(2 ** 30, 'BinarySI'))).toBe('1Gi')
    expect(formatQuantity(newMilliQuantity(1500, 'DecimalSI'))).toBe('1500m')
    expect(formatQuantity(roundUpQuantity('1001n', -6))).toBe('2u')
    expect(scaledValue('1M', 3)).toBe(1000)
  })
})

const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3')
const quantity = fc.tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), suffix).map(([n, s]) => `${n}${s}`)

test('formatting and reading again gives the same amount', () => {
  fc.assert(fc.property(quantity, (text) => {
    const canonical = canonicalQuantity(text)
    expect(compareQuantity(canonical, text)).toBe(0)
    expect(canonicalQuantity(canonical)).toBe(canonical)
  }))
})

test('addition is undone by subtraction, and order agrees with differences', () => {
  fc.assert(fc.property(quantity, quantity, (a, b) => {
    expect(compareQuantity(subQuantity(addQuantity(a, b), b), a)).toBe(0)
    expect(compareQuantity(a, b)).toBe(compareQuantity(subQuantity(a, b), '0'))
  }))
})
