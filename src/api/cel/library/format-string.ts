/** `'%s has %d'.format([name, count])` (cel-go ext/formatting.go, in the en_US locale as Kubernetes has it). */
import { Buffer } from 'node:buffer'
import { compareText, goQuote } from '../../meta/go-text.ts'
import { toText, typeName } from '../eval/convert.ts'
import {
  CelError, Double, Duration, Timestamp, Uint, adapt, isInt, isList, isMap, itemsOf, mapGet, mapKeys, typeOf,
} from '../values.ts'
import { CelType } from '../types.ts'

/** What is wrong, and in which argument when that is known. */
export class FormatError extends Error {
  readonly id: number | undefined

  constructor(message: string, id?: number) {
    super(message)
    this.id = id
  }
}

const named = (value: unknown): string => typeName(typeOf(value)).replace(/\(.*/s, '')

/** One clause of a format: its letter, its precision, and how long it is. */
export interface Clause {
  readonly letter: string
  readonly precision: number | undefined
  readonly length: number
}

/** Walks over a format: plain text and clauses in turn. Throws FormatError. */
export function parseFormat(format: string, text: (part: string) => void, clause: (clause: Clause, index: number) => void, size: number): void {
  let index = 0
  for (let at = 0; at < format.length; ) {
    const percent = format.indexOf('%', at)
    if (percent < 0) return text(format.slice(at))
    text(format.slice(at, percent))
    if (format.charAt(percent + 1) === '%') {
      text('%')
      at = percent + 2
      continue
    }
    if (index >= size) throw new FormatError(`index ${String(index)} out of range`)
    if (percent + 1 >= format.length) throw new FormatError('unexpected end of string')
    const next = readClause(format.slice(percent + 1))
    clause(next, index++)
    at = percent + 1 + next.length
  }
}

function readClause(text: string): Clause {
  const bad = (message: string): FormatError => new FormatError(`could not parse formatting clause: ${message}`)
  const dotted = /^\.(\d*)/.exec(text)
  const rest = dotted ? text.slice(dotted[0].length) : text
  if (dotted && rest === '') throw bad('error while parsing precision: could not find end of precision specifier')
  if (dotted?.[1] === '') {
    throw bad('error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax')
  }
  const letter = rest.charAt(0)
  if (!/^[sdfebxXo]$/.test(letter)) throw bad(`unrecognized formatting clause "${letter}"`)
  const precision = dotted ? Number(dotted[1]) : undefined
  return { letter, precision, length: (dotted?.[0].length ?? 0) + 1 }
}

/** The formatted text, or the error. */
export function formatString(format: string, args: readonly unknown[]): string | CelError {
  let result = ''
  try {
    parseFormat(format, (part) => { result += part }, (clause, index) => {
      result += formatClause(clause, args[index])
    }, args.length)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return new CelError(error.message)
  }
  return result
}

/** What each clause takes, for the message when it is given something else. */
export const clauseErrors: Readonly<Record<string, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ',
  d: 'decimal clause can only be used on integers, was given ',
  f: 'fixed-point clause can only be used on doubles, was given ',
  e: 'scientific clause can only be used on doubles, was given ',
  b: 'only integers and bools can be formatted as binary, was given ',
  x: 'only integers, byte buffers, and strings can be formatted as hex, was given ',
  X: 'only integers, byte buffers, and strings can be formatted as hex, was given ',
  o: 'octal clause can only be used on integers, was given ',
}

function formatClause({ letter, precision = 6 }: Clause, value: unknown): string {
  const text = clauseText(letter, precision, value)
  if (text !== undefined) return text
  throw new FormatError(`error during formatting: ${clauseErrors[letter] as string}${named(value)}`)
}

function clauseText(letter: string, precision: number, value: unknown): string | undefined {
  switch (letter) {
    case 's': return stringText(value)
    case 'd': return integerText(value, 10)
    case 'f': return doubleText(value, (double) => grouped(fixed(double, precision)))
    case 'e': return doubleText(value, scientific)?.padStart(Number.isFinite(doubleOf(value)) ? 0 : Math.min(precision, maxPrecision))
    case 'b': return typeof value === 'boolean' ? (value ? '1' : '0') : integerText(value, 2)
    case 'o': return integerText(value, 8)
    default: return hexText(value, letter === 'X')
  }
}

function integerText(value: unknown, radix: number): string | undefined {
  if (isInt(value)) return value.toString(radix)
  return value instanceof Uint ? value.value.toString(radix) : undefined
}

function hexText(value: unknown, upper: boolean): string | undefined {
  const bytes = typeof value === 'string' || value instanceof Uint8Array
  const text = bytes ? Buffer.from(value as string).toString('hex') : integerText(value, 16)
  return upper ? text?.toUpperCase() : text
}

/** A double, or a text that names one which numbers cannot write. */
function doubleOf(value: unknown): number | undefined {
  if (value instanceof Double) return value.value
  return typeof value === 'string' ? { NaN: NaN, Infinity, '-Infinity': -Infinity }[value] : undefined
}

function doubleText(value: unknown, format: (value: number) => string): string | undefined {
  const double = doubleOf(value)
  if (double === undefined) return undefined
  if (Number.isNaN(double)) return 'NaN'
  if (!Number.isFinite(double)) return double < 0 ? '-∞' : '∞'
  return format(double)
}

/** JavaScript rounds ties away from zero, Go to the even digit. `exact` has all digits. */
function toEven(rounded: string, exact: string, precision: number): string {
  const point = exact.indexOf('.')
  const rest = exact.slice(point + 1).replace(/e.*$/, '')
  if (!/^50*$/.test(rest.slice(precision))) return rounded
  const kept = precision === 0 ? exact.slice(0, point) : exact.slice(0, point + 1 + precision)
  return Number(kept.at(-1)) % 2 === 0 ? kept + (/e.*$/.exec(exact)?.[0] ?? '') : rounded
}

/** As many digits as JavaScript writes. */
const allDigits = 100
const maxPrecision = 1_000_000

function fixed(value: number, precision: number): string {
  const zeros = (count: number): string => '0'.repeat(Math.min(count, maxPrecision))
  if (Math.abs(value) >= 1e21) return String(BigInt(value)) + (precision > 0 ? `.${zeros(precision)}` : '')
  if (precision > allDigits) return value.toFixed(allDigits) + zeros(precision - allDigits)
  return toEven(value.toFixed(precision), value.toFixed(allDigits), precision)
}

const grouped = (text: string): string => {
  const [whole = '', fraction] = text.split('.')
  const parts = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? parts : `${parts}.${fraction}`
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** The locale's printer has six digits, whatever is asked. */
function scientific(value: number): string {
  const [mantissa = '', exponent = '0'] = toEven(value.toExponential(6), value.toExponential(allDigits), 6).split('e')
  const digits = exponent.replace(/^[+-]/, '').padStart(2, '0')
  const raised = Array.from(digits, (digit) => superscripts.charAt(Number(digit))).join('')
  return `${mantissa}×10${exponent.startsWith('-') ? '⁻' : ''}${raised}`
}

function stringText(value: unknown): string | undefined {
  if (value === null) return 'null'
  if (value instanceof CelType) return value.name
  if (isList(value)) return `[${itemsOf(value).map((item) => memberText(adapt(item))).join(', ')}]`
  if (isMap(value)) {
    const entries = mapKeys(value).map((key) => [keyText(key), memberText(mapGet(value, key))] as const)
    return `{${entries.sort(([a], [b]) => compareText(a, b)).map(([key, item]) => `${key}:${item}`).join(', ')}}`
  }
  const text = toText(value)
  if (typeof text === 'string') return text
  // Bytes that are no text are a conversion's error; other types are the clause's.
  if (value instanceof Uint8Array) throw new FormatError(`error during formatting: could not convert argument "${String((text as CelError).message)}" to string`)
  return undefined
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return goQuote(key)
  const text = typeof key === 'boolean' ? String(key) : integerText(key, 10)
  if (text === undefined) throw new FormatError(`error during formatting: no formatting function for map key of type ${named(key)}`)
  return text
}

/** A value inside a list or map: strings are quoted, doubles have six digits. */
function memberText(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  if (value instanceof Uint8Array) return `b${goQuote(Buffer.from(value).toString())}`
  if (value instanceof Double) return Number.isFinite(value.value) ? fixed(value.value, 6) : `"${infinite(value.value)}"`
  if (value instanceof Timestamp) return `timestamp(${goQuote(String(toText(value)))})`
  if (value instanceof Duration) return `duration(${goQuote(String(toText(value)))})`
  const text = stringText(value)
  if (text === undefined) throw new FormatError(`error during formatting: no formatting function for ${named(value)}`)
  return text
}

const infinite = (value: number): string => (Number.isNaN(value) ? 'NaN' : value < 0 ? '-Inf' : '+Inf')
