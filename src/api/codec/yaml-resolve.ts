/** What a plain YAML scalar means to upstream's library (go-yaml v2, which sigs.k8s.io/yaml uses): YAML 1.1, nearly. */

export type ScalarTag = 'null' | 'bool' | 'int' | 'float' | 'timestamp' | 'str'

export interface Resolved {
  tag: ScalarTag
  value: null | boolean | number | string
}

const WORDS = new Map<string, Resolved>()
function words(tag: ScalarTag, value: Resolved['value'], list: string): void {
  for (const word of list.split(' ')) WORDS.set(word, { tag, value })
}
words('bool', true, 'y Y yes Yes YES true True TRUE on On ON')
words('bool', false, 'n N no No NO false False FALSE off Off OFF')
words('null', null, '~ null Null NULL')
words('float', Number.NaN, '.nan .NaN .NAN')
words('float', Number.POSITIVE_INFINITY, '.inf .Inf .INF +.inf +.Inf +.INF')
words('float', Number.NEGATIVE_INFINITY, '-.inf -.Inf -.INF')
WORDS.set('', { tag: 'null', value: null })

const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
const INTEGER = /^([-+]?)(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/
const UINT64 = 2n ** 64n

/** The value of a plain scalar. Dates are texts: nothing in the API is a YAML timestamp. */
export function resolveScalar(text: string): Resolved {
  const word = WORDS.get(text)
  if (word) return word
  const first = text.charCodeAt(0)
  const digit = first >= 48 && first <= 57
  if (!digit && first !== 43 && first !== 45 && first !== 46) return { tag: 'str', value: text }
  if (digit && isTimestamp(text)) return { tag: 'timestamp', value: text }
  // A number that begins with a point may not have underscores.
  const plain = first === 46 ? text : text.replaceAll('_', '')
  return integer(plain) ?? float(plain) ?? { tag: 'str', value: text }
}

function float(plain: string): Resolved | undefined {
  const value = FLOAT.test(plain) ? Number(plain) : Number.NaN
  return Number.isFinite(value) ? { tag: 'float', value } : undefined
}

/** Integers up to 64 bits; longer ones are floats to Go. */
function integer(plain: string): Resolved | undefined {
  const match = INTEGER.exec(plain)
  if (!match) return undefined
  const [, sign, hex, binary, octal, decimal] = match
  const based = hex !== undefined ? `0x${hex}` : binary !== undefined ? `0b${binary}` : `0o${octal}`
  const digits = decimal ?? based
  const magnitude = Number(digits)
  if (magnitude < Number.MAX_SAFE_INTEGER) return { tag: 'int', value: sign === '-' ? 0 - magnitude : magnitude }
  const exact = BigInt(digits)
  if (exact >= UINT64 || (sign === '-' && exact > UINT64 / 2n)) return undefined
  return { tag: 'int', value: toInt64(sign === '-' ? -exact : exact) }
}

/** Beyond 2^53 digits are lost; at the limits of int64 the rounding is towards zero, so that it stays an int64. */
function toInt64(exact: bigint): number {
  const value = Number(exact)
  const inside = BigInt.asIntN(64, exact) === exact
  return inside && Math.abs(value) >= 2 ** 63 ? Math.sign(value) * 9_223_372_036_854_774_784 : value
}

const DATE = String.raw`(\d{4})-(\d\d?)-(\d\d?)`
const CLOCK = String.raw`(\d\d?):(\d\d?):(\d\d?)(?:\.\d+)?`
const TIMESTAMP = new RegExp(String.raw`^${DATE}(?:[Tt]${CLOCK}(?:Z|[+-]\d\d:\d\d)| ${CLOCK})?$`)

function isTimestamp(text: string): boolean {
  const match = TIMESTAMP.exec(text)
  if (!match) return false
  const [year, month, day, h1, m1, s1, h2, m2, s2] = match.slice(1).map((part) => Number(part ?? 0))
  const days = new Date(Date.UTC(2000 + ((year as number) % 400), month as number, 0)).getUTCDate()
  return (month as number) >= 1 && (month as number) <= 12 && (day as number) >= 1 && (day as number) <= days
    && Math.max(h1 as number, h2 as number) < 24 && Math.max(m1 as number, m2 as number) < 60
    && Math.max(s1 as number, s2 as number) < 60
}
