/** Functions on strings (cel-go ext/strings.go, version 2, which is what Kubernetes has). */
import type { Library } from '../checker/declarations.ts'
import { formatValue } from '../eval/format.ts'
import { DYN, INT, STRING, listType } from '../types.ts'
import { CelError, adapt, itemsOf } from '../values.ts'
import { fn, global, method } from './define.ts'
import { formatString } from './format-string.ts'

const strings = listType(STRING)
const runes = (text: unknown): string[] => Array.from(text as string)
const outOfRange = (index: number): CelError => new CelError(`index out of range: ${String(index)}`)

function charAt(text: unknown, index: unknown): unknown {
  const chars = runes(text)
  const at = Number(index)
  return at < 0 || at > chars.length ? outOfRange(at) : (chars[at] ?? '')
}

const matchesAt = (chars: readonly string[], part: readonly string[], at: number): boolean =>
  part.every((char, index) => chars[at + index] === char)

function indexOf(text: unknown, part: unknown, offset: unknown): unknown {
  const from = Number(offset)
  if (part === '') return offset
  if (from < 0) return outOfRange(from)
  const [chars, sub] = [runes(text), runes(part)]
  for (let at = from; at <= chars.length - sub.length; at++) if (matchesAt(chars, sub, at)) return at
  return -1
}

function lastIndexOf(text: unknown, part: unknown, offset: unknown): unknown {
  const from = Number(offset)
  if (part === '') return offset
  if (from < 0) return outOfRange(from)
  const [chars, sub] = [runes(text), runes(part)]
  if (from >= chars.length) return -1
  for (let at = Math.min(from, chars.length - sub.length); at >= 0; at--) if (matchesAt(chars, sub, at)) return at
  return -1
}

function lastIndex(text: unknown, part: unknown): unknown {
  const { length } = runes(text)
  if (part === '') return length
  return length < runes(part).length ? -1 : lastIndexOf(text, part, length - 1)
}

/** strings.Replace: an empty part stands before every character and at the end. */
function replace(text: unknown, old: unknown, by: unknown, limit: unknown): string {
  const max = Number(limit) < 0 ? Infinity : Number(limit)
  const parts = old === '' ? ['', ...runes(text), ''] : (text as string).split(old as string)
  let result = old === '' ? '' : (parts[0] as string)
  let count = 0
  for (const part of old === '' ? parts.slice(0, -1).map((_, index) => parts[index + 1] as string) : parts.slice(1)) {
    result += (count++ < max ? (by as string) : (old as string)) + part
  }
  return result
}

/** strings.SplitN */
function split(text: unknown, separator: unknown, limit: unknown): string[] {
  const max = Number(limit)
  if (max === 0) return []
  const parts = separator === '' ? runes(text) : (text as string).split(separator as string)
  if (max < 0 || parts.length <= max) return parts
  return [...parts.slice(0, max - 1), parts.slice(max - 1).join(separator as string)]
}

function substring(text: unknown, start: unknown, end: unknown): unknown {
  const chars = runes(text)
  const from = Number(start)
  const to = end === undefined ? chars.length : Number(end)
  if (end !== undefined && from > to) {
    return new CelError(`invalid substring range. start: ${String(from)}, end: ${String(to)}`)
  }
  if (from < 0 || from > chars.length) return outOfRange(from)
  if (to < 0 || to > chars.length) return outOfRange(to)
  return chars.slice(from, to).join('')
}

// What Go's unicode.IsSpace takes for space.
const space = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const around = new RegExp(`^${space}+|${space}+$`, 'g')

function join(list: unknown, separator: string): unknown {
  const parts: string[] = []
  for (const item of itemsOf(list as readonly unknown[])) {
    if (typeof item !== 'string') return new CelError(`join: invalid input: ${formatValue(adapt(item))}`)
    parts.push(item)
  }
  return parts.join(separator)
}

const quotes: Readonly<Record<string, string>> = {
  '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\\': '\\\\', '"': '\\"',
}

const quote = (text: string): string => `"${runes(text.toWellFormed()).map((char) => quotes[char] ?? char).join('')}"`

export const stringsLibrary: Library = {
  functions: [
    fn('charAt', [method('string_char_at_int', [STRING, INT], STRING, charAt)]),
    fn('indexOf', [
      method('string_index_of_string', [STRING, STRING], INT, (text, part) => indexOf(text, part, 0)),
      method('string_index_of_string_int', [STRING, STRING, INT], INT, indexOf),
    ]),
    fn('lastIndexOf', [
      method('string_last_index_of_string', [STRING, STRING], INT, lastIndex),
      method('string_last_index_of_string_int', [STRING, STRING, INT], INT, lastIndexOf),
    ]),
    fn('lowerAscii', [
      method('string_lower_ascii', [STRING], STRING, (text) => (text as string).replace(/[A-Z]/g, (char) => char.toLowerCase())),
    ]),
    fn('replace', [
      method('string_replace_string_string', [STRING, STRING, STRING], STRING, (text, old, by) => replace(text, old, by, -1)),
      method('string_replace_string_string_int', [STRING, STRING, STRING, INT], STRING, replace),
    ]),
    fn('split', [
      method('string_split_string', [STRING, STRING], strings, (text, separator) => split(text, separator, -1)),
      method('string_split_string_int', [STRING, STRING, INT], strings, split),
    ]),
    fn('substring', [
      method('string_substring_int', [STRING, INT], STRING, (text, start) => substring(text, start, undefined)),
      method('string_substring_int_int', [STRING, INT, INT], STRING, substring),
    ]),
    fn('trim', [method('string_trim', [STRING], STRING, (text) => (text as string).replace(around, ''))]),
    fn('upperAscii', [
      method('string_upper_ascii', [STRING], STRING, (text) => (text as string).replace(/[a-z]/g, (char) => char.toUpperCase())),
    ]),
    fn('format', [
      method('string_format', [STRING, listType(DYN)], STRING, (text, args) =>
        formatString(text as string, itemsOf(args as readonly unknown[]).map(adapt))),
    ]),
    fn('strings.quote', [global('strings_quote', [STRING], STRING, (text) => quote(text as string))]),
    fn('join', [
      method('list_join', [strings], STRING, (list) => join(list, '')),
      method('list_join_string', [strings, STRING], STRING, (list, separator) => join(list, separator as string)),
    ]),
  ],
}
