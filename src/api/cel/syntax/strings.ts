/** What string and bytes literals mean (cel-go parser/unescape.go). */
import { Buffer } from 'node:buffer'

const simple: Readonly<Record<string, number>> = {
  a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, "'": 39, '"': 34, '`': 96, '?': 63,
}

/** The value of a literal with its quotes, or what is wrong with it. */
export function unescapeString(literal: string): { value: string } | { error: string } {
  const { body, raw } = unquote(literal)
  if (raw || !body.includes('\\')) return { value: body }
  let value = ''
  for (let i = 0; i < body.length; ) {
    if (body.charAt(i) !== '\\') {
      value += body.charAt(i++)
      continue
    }
    const { code, next } = escapeAt(body, i)
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return { error: 'invalid unicode code point' }
    value += String.fromCodePoint(code)
    i = next
  }
  return { value }
}

/** The same for bytes, without the leading b: \x and octal escapes are single bytes. */
export function unescapeBytes(literal: string): { value: Uint8Array } | { error: string } {
  const { body, raw } = unquote(literal)
  if (raw || !body.includes('\\')) return { value: new Uint8Array(Buffer.from(body)) }
  const parts: Buffer[] = []
  let start = 0
  for (let i = 0; i < body.length; ) {
    if (body.charAt(i) !== '\\') {
      i++
      continue
    }
    parts.push(Buffer.from(body.slice(start, i)))
    if (/[uU]/.test(body.charAt(i + 1))) return { error: 'unable to unescape string' }
    const { code, next } = escapeAt(body, i)
    parts.push(Buffer.of(code & 0xff))
    i = next
    start = next
  }
  parts.push(Buffer.from(body.slice(start)))
  return { value: new Uint8Array(Buffer.concat(parts)) }
}

function unquote(literal: string): { body: string; raw: boolean } {
  const raw = /^[rR]/.test(literal)
  const text = (raw ? literal.slice(1) : literal).replaceAll('\r\n', '\n').replaceAll('\r', '\n')
  const quotes = text.startsWith("'''") || text.startsWith('"""') ? 3 : 1
  return { body: text.length >= 2 * quotes ? text.slice(quotes, -quotes) : text.slice(1, -1), raw }
}

/** The lexer has seen to it that escapes are whole. */
function escapeAt(body: string, at: number): { code: number; next: number } {
  const char = body.charAt(at + 1)
  const known = simple[char]
  if (known !== undefined) return { code: known, next: at + 2 }
  const digits = { x: 2, X: 2, u: 4, U: 8 }[char]
  if (digits === undefined) return { code: Number.parseInt(body.slice(at + 1, at + 4), 8), next: at + 4 }
  return { code: Number.parseInt(body.slice(at + 2, at + 2 + digits), 16), next: at + 2 + digits }
}
