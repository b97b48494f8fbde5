import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scaledCount, intValue, percentOf } from './int-or-string.ts'
import {
  ageOf, canonicalTime, formatDuration, formatMicroTime, formatTime, humanDuration, parseDuration, parseTime, shortHumanDuration, timeParseError,
} from './time.ts'

test.each([
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'], ['2026-01-01T00:00:00+02:00', '2025-12-31T22:00:00Z'],
  ['2026-01-01T00:00:00.5Z', '2026-01-01T00:00:00Z'], ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z'], ['2026-01-01T0:00:00Z', '2026-01-01T00:00:00Z'],
])('%s is stored as %s', (text, expected) => {
  expect(canonicalTime(text)).toBe(expected)
})

test.each([
  ['x', 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
  ['2026-01-01', 'parsing time "2026-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
  ['2026-13-01T00:00:00Z', 'parsing time "2026-13-01T00:00:00Z": month out of range'],
  ['2026-02-30T00:00:00Z', 'parsing time "2026-02-30T00:00:00Z": day out of range'],
  ['2026-01-01T24:00:00Z', 'parsing time "2026-01-01T24:00:00Z": hour out of range'],
  ['2026-01-01T00:00:00Zx', 'parsing time "2026-01-01T00:00:00Zx": extra text: "x"'],
])('%s is refused', (text, error) => {
  expect(canonicalTime(text)).toBeUndefined()
  expect(timeParseError(text)).toBe(error)
})

test('times are written in seconds and in microseconds', () => {
  expect(formatTime(new Date('2026-01-02T03:04:05.999Z'))).toBe('2026-01-02T03:04:05Z')
  expect(formatMicroTime(Date.UTC(2026, 0, 2, 3, 4, 5, 6) + 0.007)).toBe('2026-01-02T03:04:05.006007Z')
})

test('reading back what was written', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) => {
    expect(parseTime(formatTime(seconds * 1000))).toBe(seconds * 1000)
  }))
})

test.each([
  ['1h', 3_600_000, '1h0m0s'], ['1.5s', 1500, '1.5s'], ['250ms', 250, '250ms'], ['0', 0, '0s'], ['-2m3s', -123_000, '-2m3s'], ['1us', 0.001, '1µs'],
])('duration %s', (text, ms, printed) => {
  expect(parseDuration(text)).toBeCloseTo(ms, 9)
  expect(formatDuration(ms)).toBe(printed)
})

test.each(['', '-', '1', '1x', '.s'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([
  [-5000, '<invalid>', '<invalid>'], [-500, '0s', '0s'], [90_000, '90s', '1m'], [330_000, '5m30s', '5m'], [7_200_000, '120m', '2h'],
  [5 * 3_600_000 + 60_000, '5h1m', '5h'], [30 * 3_600_000, '30h', '1d'], [75 * 3_600_000, '3d3h', '3d'],
  [400 * 86_400_000, '400d', '1y'], [800 * 86_400_000, '2y70d', '2y'], [4000 * 86_400_000, '10y', '10y'],
])('%d ms is shown as %s', (ms, long, short) => {
  expect(humanDuration(ms)).toBe(long)
  expect(shortHumanDuration(ms)).toBe(short)
})

test('ages', () => {
  expect(ageOf('2026-01-01T00:00:00Z', new Date('2026-01-01T00:00:30Z'))).toBe('30s')
  expect(ageOf(undefined, new Date(0))).toBe('<unknown>')
})

test('counts by number or percentage', () => {
  expect(scaledCount('25%', 10, true)).toBe(3)
  expect(scaledCount('25%', 10, false)).toBe(2)
  expect(scaledCount(4, 10, true)).toBe(4)
  expect(() => scaledCount('4', 10, true)).toThrow('invalid value for IntOrString: invalid type: string is not a percentage')
  expect(() => scaledCount('x%', 10, true)).toThrow('invalid value "x%": strconv.Atoi: parsing "x": invalid syntax')
  expect([intValue('7'), intValue('x'), percentOf('5%'), percentOf(5)]).toEqual([7, 0, 5, undefined])
})
