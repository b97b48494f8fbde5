/** String formats that custom resources may state (kube-openapi validation/strfmt). Unknown formats are not checked. */
import { RE2JS } from 're2js'
import { parseCIDR, parseIP } from '../meta/ip.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../meta/names.ts'
import { parseDuration, parseTime } from '../meta/time.ts'

const patterns = new Map<string, RE2JS>()
const patternLimit = 2000

/** A pattern as Go reads it (RE2: linear in time, whatever the pattern). Throws when it cannot be read. */
export function compilePattern(pattern: string): RE2JS {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) {
    compiled = RE2JS.compile(pattern)
    if (patterns.size >= patternLimit) patterns.clear()
    patterns.set(pattern, compiled)
  }
  return compiled
}

/** Whether a text has a match anywhere. */
export function matchesPattern(text: string, pattern: string): boolean {
  return compilePattern(pattern).matcher(text).find()
}

type Check = (text: string) => boolean

const regex = (expression: RegExp): Check => (text) => expression.test(text)

function checksum(digits: string, weights: (index: number) => number, modulus: number): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) sum += weights(i) * (digits[i] === 'X' ? 10 : Number(digits[i]))
  return sum % modulus === 0
}

const bare = (text: string): string => text.replace(/[\s-]/g, '')
const isISBN10: Check = (text) =>
  /^(?:[0-9]{9}X|[0-9]{10})$/.test(bare(text)) && checksum(bare(text), (i) => 10 - i, 11)
const isISBN13: Check = (text) =>
  /^[0-9]{13}$/.test(bare(text)) && checksum(bare(text), (i) => (i % 2 === 0 ? 1 : 3), 10)

const cardPattern = /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D/g, '')
  if (!cardPattern.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const doubled = i % 2 === 1 ? digit * 2 : digit
    sum += doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

const isMAC = regex(
  /^(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4,18}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2,9}[0-9a-fA-F]{4})$/,
)

function isRequestURI(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (text === '' || /[\u0000-\u0020\u007f]/.test(text)) return false
  if (text.startsWith('/') || text === '*') return true
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:\/?/.test(text)
}

const hostnamePattern = String.raw`^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.)){1,}([a-zA-Z\p{L}]){2,63})$`

const isHostname: Check = (text) =>
  matchesPattern(text, hostnamePattern) && Buffer.byteLength(text) <= 255
    && text.split('.').every((part) => part.length <= 63)

const isDate: Check = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && parseTime(`${text}T00:00:00Z`) !== undefined

/** RFC 3339's date-time, with z in either case; the clock's fields are not checked, as upstream does not. */
function isDateTime(text: string): boolean {
  if (text.length < 4) return false
  const parts = text.toLowerCase().split('t')
  if (parts.length < 2 || !isDate(parts[0]!)) return false
  const match = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/.exec(parts[1]!)
  return match !== null && match[1]! <= '23' && match[2]! <= '59' && match[3]! <= '59'
}

const scalaUnits = [
  'd', 'day', 'days', 'h', 'hr', 'hour', 'hours', 'm', 'min', 'minute', 'minutes', 's', 'sec', 'second', 'seconds',
  'ms', 'milli', 'millis', 'millisecond', 'milliseconds', 'us', 'µs', 'micro', 'micros', 'microsecond', 'microseconds',
  'ns', 'nano', 'nanos', 'nanosecond', 'nanoseconds', 'w', 'wk', 'week', 'weeks',
]

function isDuration(text: string): boolean {
  if (parseDuration(text) !== undefined) return true
  const words = [...text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)]
  return words.length > 0 && words.every((word) => scalaUnits.includes(word[2]!.toLowerCase()))
}

const uuid = (version: string, variant: string): Check =>
  regex(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}-?${variant}-?[0-9a-f]{12}$`, 'i'))
const four = '[0-9a-f]{4}'
const byte = '(?:0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])'

const checks: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['bsonobjectid', regex(/^[0-9a-fA-F]{24}$/)],
  ['uri', isRequestURI],
  ['email', regex(/^(?:[^<>]*<)?[^\s@<>(),;:\\"[\]]+@[^\s@<>(),;:\\"[\]]+>?$/)],
  ['hostname', isHostname],
  ['ipv4', (text) => parseIP(text) !== undefined && text.includes('.')],
  ['ipv6', (text) => parseIP(text) !== undefined && text.includes(':')],
  ['cidr', (text) => parseCIDR(text) !== undefined],
  ['mac', isMAC],
  ['uuid', uuid(four, four)], ['uuid3', uuid('3[0-9a-f]{3}', four)],
  ['uuid4', uuid('4[0-9a-f]{3}', '[89ab][0-9a-f]{3}')], ['uuid5', uuid('5[0-9a-f]{3}', '[89ab][0-9a-f]{3}')],
  ['isbn', (text) => isISBN10(text) || isISBN13(text)], ['isbn10', isISBN10], ['isbn13', isISBN13],
  ['creditcard', isCreditCard],
  ['ssn', regex(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/)],
  ['hexcolor', regex(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['rgbcolor', regex(new RegExp(`^rgb\\(\\s*${byte}\\s*,\\s*${byte}\\s*,\\s*${byte}\\s*\\)$`))],
  ['byte', regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/)],
  ['password', () => true],
  ['date', isDate],
  ['duration', isDuration],
  ['datetime', isDateTime],
  ['k8sshortname', (text) => isDNS1123Label(text).length === 0],
  ['k8slongname', (text) => isDNS1123Subdomain(text).length === 0],
])

/** The check of a format ("date-time" and "datetime" are one), or undefined when it is not known. */
export function formatCheck(format: string): Check | undefined {
  return checks.get(format.replaceAll('-', ''))
}
