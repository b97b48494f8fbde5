/**
 * Resource quantities (apimachinery pkg/api/resource): an exact decimal with the unit family it was written in. Small
 * amounts are numbers, others BigInts; every function takes the text of the wire as well as a parsed quantity.
 */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/** unscaled * 10^scale. */
export interface Quantity {
  readonly unscaled: number | bigint
  readonly scale: number
  readonly format: QuantityFormat
  /** The text it was parsed from, where upstream keeps that instead of the canonical form. */
  readonly text?: string
}

export type QuantityLike = Quantity | string | number

export class QuantityError extends Error {
  override readonly name = 'QuantityError'
}

const formatError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const suffixError = "unable to parse quantity's suffix"

const decimalSuffixes: ReadonlyMap<string, number> = new Map([
  ['n', -9], ['u', -6], ['m', -3], ['', 0], ['k', 3], ['M', 6], ['G', 9], ['T', 12], ['P', 15], ['E', 18],
])
const binarySuffixes: ReadonlyMap<string, number> = new Map([
  ['Ki', 10], ['Mi', 20], ['Gi', 30], ['Ti', 40], ['Pi', 50], ['Ei', 60],
])
const decimalNames = new Map([...decimalSuffixes].map(([name, exponent]) => [exponent, name]))
const binaryNames = new Map([...binarySuffixes].map(([name, exponent]) => [exponent, name]))

const maxInt64 = (1n << 63n) - 1n
const shape = /^([+-]?)([0-9]*)(?:(\.)([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/

/** Parsed quantities are shared: the same few texts come again in every pod. */
const parsed = new Map<string, Quantity>()
const parsedLimit = 4096

/** Reads a quantity; throws QuantityError in upstream's words. */
export function parseQuantity(value: string | number): Quantity {
  const text = typeof value === 'number' ? numberText(value) : value
  const known = parsed.get(text)
  if (known !== undefined) return known
  const quantity = parseText(text)
  if (parsed.size >= parsedLimit) parsed.clear()
  parsed.set(text, quantity)
  return quantity
}

/** JSON numbers reach upstream's parser as they were written; JavaScript's "1e+21" is "1e21" to it. */
function numberText(value: number): string {
  return String(value).replace('e+', 'e')
}

function parseText(text: string): Quantity {
  if (text === '') throw new QuantityError(formatError)
  if (text === '0') return { unscaled: 0, scale: 0, format: 'DecimalSI', text }
  const match = shape.exec(text)
  if (match === null) throw new QuantityError(formatError)
  const negative = match[1] === '-'
  const whole = match[2]!.replace(/^0+/, '') || '0'
  const fraction = match[4] ?? ''
  const unit = readSuffix(match[5]!)
  const digits = whole + fraction
  return unit.format === 'BinarySI'
    ? parseBinary(text, negative, whole, fraction, unit.exponent)
    : parseDecimal(text, negative, digits, fraction.length, unit)
}

function readSuffix(suffix: string): { exponent: number; format: QuantityFormat } {
  const decimal = decimalSuffixes.get(suffix)
  if (decimal !== undefined) return { exponent: decimal, format: 'DecimalSI' }
  const binary = binarySuffixes.get(suffix)
  if (binary !== undefined) return { exponent: binary, format: 'BinarySI' }
  if (/^[eE][+-]?[0-9]+$/.test(suffix)) {
    const exponent = Number(suffix.slice(1))
    if (Math.abs(exponent) <= 2147483647) return { exponent, format: 'DecimalExponent' }
  }
  throw new QuantityError(suffixError)
}

function parseDecimal(
  text: string, negative: boolean, digits: string, fractionLength: number, unit: { exponent: number; format: QuantityFormat },
): Quantity {
  const scale = unit.exponent - fractionLength
  const { format } = unit
  if (digits.length <= 18 && scale >= -9) {
    const kept = scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
    const unscaled = signed(small(BigInt(digits)), negative)
    return kept ? { unscaled, scale, format, text } : { unscaled, scale, format }
  }
  const rounded = roundUpTo(small(BigInt(digits)), scale, -9)
  return { unscaled: signed(rounded.unscaled, negative), scale: rounded.scale, format }
}

function parseBinary(text: string, negative: boolean, whole: string, fraction: string, exponent: number): Quantity {
  const shifted = BigInt(whole + fraction) << BigInt(exponent)
  if (fraction === '') {
    const precision = 15 - whole.length - Math.trunc((exponent * 3) / 10) - 1
    const unscaled = signed(small(shifted > maxInt64 ? maxInt64 : shifted), negative)
    const kept = precision >= 0 && shifted <= maxInt64 && (BigInt(whole) & 7n) !== 0n
    return kept ? { unscaled, scale: 0, format: 'BinarySI', text } : { unscaled, scale: 0, format: 'BinarySI' }
  }
  const rounded = roundUpTo(small(shifted), -fraction.length, -9)
  const amount: Quantity = { ...rounded, format: 'BinarySI' }
  if (compareAmounts(amount, { unscaled: maxInt64, scale: 0 }) > 0) {
    return { unscaled: signed(maxInt64, negative), scale: 0, format: 'BinarySI' }
  }
  const below = rounded.unscaled !== 0 && compareAmounts(amount, { unscaled: 1, scale: 0 }) < 0
  return { unscaled: signed(rounded.unscaled, negative), scale: rounded.scale, format: below ? 'DecimalSI' : 'BinarySI' }
}

interface Amount {
  readonly unscaled: number | bigint
  readonly scale: number
}

const signed = (value: number | bigint, negative: boolean): number | bigint =>
  (negative && value !== 0 ? -value : value)

/** A number where it is exact. */
function small(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value
}

/** Digits an exponent may shift by; beyond it amounts are outside anything that compares or sums in practice. */
const shiftLimit = 4000

function pow10(exponent: number): bigint {
  return 10n ** BigInt(Math.min(exponent, shiftLimit))
}

/** The same amount at a scale no finer than `scale`, away from zero where digits are lost. */
function roundUpTo(unscaled: number | bigint, from: number, scale: number): Amount {
  if (from >= scale) return { unscaled, scale: from }
  const big = BigInt(unscaled)
  const divisor = pow10(scale - from)
  const quotient = big / divisor
  const rest = big % divisor
  return { unscaled: small(rest === 0n ? quotient : big < 0n ? quotient - 1n : quotient + 1n), scale }
}

/** The unscaled value at a scale that is at most the amount's own. */
function atScale(amount: Amount, scale: number): bigint {
  return BigInt(amount.unscaled) * pow10(amount.scale - scale)
}

function compareAmounts(a: Amount, b: Amount): number {
  if (a.scale === b.scale) return a.unscaled < b.unscaled ? -1 : a.unscaled > b.unscaled ? 1 : 0
  if (a.unscaled === 0 || b.unscaled === 0) return Math.sign(Number(a.unscaled)) - Math.sign(Number(b.unscaled))
  const scale = Math.min(a.scale, b.scale)
  const x = atScale(a, scale)
  const y = atScale(b, scale)
  return x < y ? -1 : x > y ? 1 : 0
}

function of(value: QuantityLike): Quantity {
  return typeof value === 'object' ? value : parseQuantity(value)
}

/** -1, 0 or 1. */
export function compareQuantity(a: QuantityLike, b: QuantityLike): number {
  return Math.sign(compareAmounts(of(a), of(b)))
}

export function quantityIsZero(value: QuantityLike): boolean {
  return of(value).unscaled === 0
}

export function quantitySign(value: QuantityLike): number {
  const { unscaled } = of(value)
  return unscaled < 0 ? -1 : unscaled > 0 ? 1 : 0
}

/** The sum. It keeps the first operand's format, unless that is zero: then the second's (as upstream). */
export function addQuantity(a: QuantityLike, b: QuantityLike): Quantity {
  const x = of(a)
  const y = of(b)
  const format = x.unscaled === 0 ? y.format : x.format
  if (y.unscaled === 0) return { unscaled: x.unscaled, scale: x.scale, format }
  if (x.unscaled === 0) return { unscaled: y.unscaled, scale: y.scale, format }
  return sum(x, y, format)
}

export function subQuantity(a: QuantityLike, b: QuantityLike): Quantity {
  return addQuantity(a, negQuantity(b))
}

export function negQuantity(value: QuantityLike): Quantity {
  const { unscaled, scale, format } = of(value)
  return { unscaled: unscaled === 0 ? 0 : -unscaled, scale, format }
}

/** `factor` is an integer. */
export function mulQuantity(value: QuantityLike, factor: number): Quantity {
  const { unscaled, scale, format } = of(value)
  return { unscaled: small(BigInt(unscaled) * BigInt(factor)), scale, format }
}

function sum(x: Amount, y: Amount, format: QuantityFormat): Quantity {
  if (x.scale === y.scale && typeof x.unscaled === 'number' && typeof y.unscaled === 'number') {
    const total = x.unscaled + y.unscaled
    if (Number.isSafeInteger(total)) return { unscaled: total, scale: x.scale, format }
  }
  const scale = Math.min(x.scale, y.scale)
  return { unscaled: small(atScale(x, scale) + atScale(y, scale)), scale, format }
}

/** The amount in units of 10^scale, rounded up (away from zero). */
export function scaledValue(value: QuantityLike, scale: number): number {
  const quantity = of(value)
  if (quantity.scale === scale) return Number(quantity.unscaled)
  if (quantity.scale > scale) {
    if (quantity.unscaled === 0) return 0
    const direct = Number(quantity.unscaled) * 10 ** (quantity.scale - scale)
    return Number.isSafeInteger(direct) ? direct : Number(atScale(quantity, scale))
  }
  return Number(roundUpTo(quantity.unscaled, quantity.scale, scale).unscaled)
}

/** Whole units, rounded up: bytes of memory, whole cores. */
export function quantityValue(value: QuantityLike): number {
  return scaledValue(value, 0)
}

/** Thousandths, rounded up: millicores. */
export function quantityMilliValue(value: QuantityLike): number {
  return scaledValue(value, -3)
}

/** A float near the amount. */
export function quantityAsFloat(value: QuantityLike): number {
  const { unscaled, scale } = of(value)
  return scale === 0 ? Number(unscaled) : Number(unscaled) * 10 ** scale
}

export function newQuantity(value: number | bigint, format: QuantityFormat): Quantity {
  return { unscaled: typeof value === 'bigint' ? small(value) : value, scale: 0, format }
}

export function newMilliQuantity(value: number, format: QuantityFormat): Quantity {
  return { unscaled: value, scale: -3, format }
}

/** Rounded up to 10^scale. */
export function roundUpQuantity(value: QuantityLike, scale: number): Quantity {
  const quantity = of(value)
  return quantity.scale >= scale ? quantity
    : { ...roundUpTo(quantity.unscaled, quantity.scale, scale), format: quantity.format }
}

/** The text that goes on the wire. */
export function formatQuantity(value: QuantityLike): string {
  const quantity = of(value)
  return quantity.text ?? canonicalText(quantity)
}

/** What upstream stores for a quantity given as `value`; throws QuantityError. */
export function canonicalQuantity(value: string | number): string {
  const quantity = parseQuantity(value)
  return quantity.text ?? canonicalText(quantity)
}

function canonicalText(quantity: Quantity): string {
  if (quantity.unscaled === 0) return '0'
  if (quantity.format === 'BinarySI') {
    const within = compareAmounts(quantity, { unscaled: 1024, scale: 0 }) < 0
      && compareAmounts(quantity, { unscaled: -1024, scale: 0 }) > 0
    if (!within) {
      const whole = wholeUnits(quantity)
      if (whole !== undefined) return binaryText(whole)
    }
    return decimalText(quantity, 'DecimalSI')
  }
  return decimalText(quantity, quantity.format)
}

function wholeUnits(quantity: Quantity): bigint | undefined {
  if (quantity.scale >= 0) return atScale(quantity, 0)
  const divisor = pow10(-quantity.scale)
  const big = BigInt(quantity.unscaled)
  return big % divisor === 0n ? big / divisor : undefined
}

function binaryText(whole: bigint): string {
  let mantissa = whole
  let exponent = 0
  while (mantissa % 1024n === 0n) {
    mantissa /= 1024n
    exponent += 10
  }
  return `${mantissa}${binaryNames.get(exponent) ?? ''}`
}

function decimalText(quantity: Quantity, format: QuantityFormat): string {
  let mantissa = BigInt(quantity.unscaled)
  let exponent = quantity.scale
  while (mantissa % 10n === 0n) {
    mantissa /= 10n
    exponent += 1
  }
  while (exponent % 3 !== 0) {
    mantissa *= 10n
    exponent -= 1
  }
  if (format === 'DecimalExponent') return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`
  return `${mantissa}${decimalNames.get(exponent) ?? ''}`
}
