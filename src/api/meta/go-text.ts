/** Text as Go's fmt and strconv print it: upstream's messages carry values in these forms. */

const plainText = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
const shortEscapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '"': '\\"', '\\': '\\\\',
}

/** strconv.Quote (fmt's %q). */
export function goQuote(text: string): string {
  if (plainText.test(text)) return `"${text}"`
  let out = '"'
  for (const char of text) out += shortEscapes[char] ?? (printable.test(char) ? char : escapeRune(char.codePointAt(0)!))
  return `${out}"`
}

function escapeRune(rune: number): string {
  if (rune < 0x80) return `\\x${rune.toString(16).padStart(2, '0')}`
  if (rune <= 0xffff) return `\\u${rune.toString(16).padStart(4, '0')}`
  return `\\U${rune.toString(16).padStart(8, '0')}`
}

/** A value as encoding/json marshals it: JSON with <, > and & and the line separators escaped. */
export function goJSON(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  return /[<>&\u2028\u2029]/.test(text)
    ? text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : text
}

/** A map with its keys in the order in which encoding/json prints them. */
export function goMap<T>(map: Readonly<Record<string, T>>): Record<string, T>
export function goMap<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined
export function goMap<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  return map && Object.fromEntries(Object.entries(map).sort(([a], [b]) => compareText(a, b)))
}

/** fmt's %v of a JSON-shaped value: maps in key order as map[a:1 b:2], lists as [1 2], null as <nil>. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'number') return goNumber(value)
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b))
    return `map[${entries.map(([key, item]) => `${key}:${goValue(item)}`).join(' ')}]`
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** fmt's %v of a float64 (shortest form, exponent from 1e+21 on), which equals %d for integers below that. */
export function goNumber(value: number): string {
  const text = String(value)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Go's string order: by bytes. JavaScript's own order differs for characters beyond the BMP only. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const surrogateX = x >= 0xd800 && x <= 0xdfff
    const surrogateY = y >= 0xd800 && y <= 0xdfff
    if (surrogateX !== surrogateY) return surrogateX ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

/** Bytes of the UTF-8 form: Go's len(). */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}
