/** JSON as upstream reads and writes it. */
import { JsonSyntaxError, scanJson } from './json-scan.ts'

export { JsonSyntaxError } from './json-scan.ts'

export interface Decoded {
  value: unknown
  /** What strict decoding finds amiss, in upstream's words: `duplicate field "spec.replicas"`. */
  strictErrors: string[]
}

/** A run of digits that may be an integer beyond what a number holds exactly. */
const LONG_NUMBER = /\d{16}/

/**
 * A document's value. Keys that are given twice are looked for only when `strict`; the last one counts, as in Go.
 * Throws JsonSyntaxError in the words of Go's decoder.
 */
export function decodeJson(source: string | Uint8Array, strict = false): Decoded {
  const text = typeof source === 'string' ? source : asText(source)
  let value: unknown
  try {
    value = LONG_NUMBER.test(text) ? parseLongNumbers(text) : JSON.parse(text)
  } catch (error) {
    scanJson(text)
    throw new JsonSyntaxError(error instanceof Error ? error.message : String(error))
  }
  const strictErrors = strict ? scanJson(text).map((path) => `duplicate field ${JSON.stringify(path)}`) : []
  return { value, strictErrors }
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

const INT64_LIMIT = 2 ** 63
/** The largest double that still is an int64. */
const INT64_BELOW = 9_223_372_036_854_774_784

/**
 * Numbers beyond 2^53 lose their last digits here. Those at int64's limits would be rounded to what no int64 holds, and
 * then every Go client refuses the object; so they are rounded towards zero.
 */
function parseLongNumbers(text: string): unknown {
  type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown
  const reviver: Reviver = (_key, value, context) => {
    if (typeof value !== 'number' || Math.abs(value) < INT64_LIMIT) return value
    const source = context.source ?? ''
    if (!/^-?\d+$/.test(source) || BigInt.asIntN(64, BigInt(source)) !== BigInt(source)) return value
    return value < 0 ? -INT64_BELOW : INT64_BELOW
  }
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown)
}

/** A value as JSON bytes, fields in the order they are in. */
export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

const UNSAFE = /[<>&\u2028\u2029]/g

/** A value as JSON text with the escapes that Go's encoder makes for HTML's sake. */
export function goJsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent)
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
