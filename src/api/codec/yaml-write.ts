/**
 * YAML as upstream prints it (sigs.k8s.io/yaml over go-yaml v2): keys sorted with numbers in order of size, lists not
 * indented under their key, long lines folded at 80 columns, texts quoted only where they would be read as something
 * else.
 */
import { resolveScalar } from './yaml-resolve.ts'

const INDENT = 2
const WIDTH = 80
const LONGEST_SIMPLE_KEY = 128

/** What a text's characters allow. */
interface Analysis {
  multiline: boolean
  plain: boolean
  single: boolean
  block: boolean
}

// A character that may stand in a document as itself; the rest needs escapes.
// oxlint-disable-next-line no-control-regex
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u
// oxlint-disable-next-line no-control-regex
const BREAK = /[\r\n\x85\u2028\u2029]/

function analyze(text: string): Analysis {
  if (text === '') return { multiline: false, plain: true, single: true, block: false }
  const special = UNPRINTABLE.test(text)
  const multiline = BREAK.test(text)
  const indicators = /^(?:---|\.\.\.)/.test(text) || /^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[?:-](?:[ \t]|$)/.test(text)
    // oxlint-disable-next-line no-control-regex
    || /:(?:[ \t]|$)/.test(text) || /[ \t\r\n\x85\u2028\u2029\0]#/.test(text)
  // oxlint-disable-next-line no-control-regex
  const edges = /^[ \r\n\x85\u2028\u2029]|[ \r\n\x85\u2028\u2029]$/.test(text)
  // oxlint-disable-next-line no-control-regex
  const breakSpace = /[\r\n\x85\u2028\u2029] /.test(text)
  // oxlint-disable-next-line no-control-regex
  const spaceBreak = / [\r\n\x85\u2028\u2029]/.test(text)
  return {
    multiline,
    plain: !(edges || breakSpace || spaceBreak || special || multiline || indicators),
    single: !(breakSpace || spaceBreak || special),
    block: !(text.endsWith(' ') || spaceBreak || special),
  }
}

const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/

function isPlainText(text: string): boolean {
  return resolveScalar(text).tag === 'str' && !BASE_60.test(text)
}

/** Writes one document. The format turns on the column and on whether a line has only indents and marks so far. */
class Emitter {
  private out = ''
  private column = 0
  private whitespace = true
  private indention = true

  document(value: unknown): string {
    this.node(value, -1, false, false)
    this.newline(0)
    return this.out
  }

  private write(text: string): void {
    this.out += text
    this.column += text.length
  }

  private lineBreak(): void {
    this.out += '\n'
    this.column = 0
  }

  /** Goes to the indent, on a new line unless this one has nothing but indents and marks. */
  private newline(indent: number): void {
    if (!this.indention || this.column > indent || (this.column === indent && !this.whitespace)) this.lineBreak()
    if (this.column < indent) this.write(' '.repeat(indent - this.column))
    this.whitespace = true
    this.indention = true
  }

  private indicator(mark: string, needsSpace: boolean, isIndention: boolean): void {
    if (needsSpace && !this.whitespace) this.write(' ')
    this.write(mark)
    this.whitespace = false
    this.indention = this.indention && isIndention
  }

  /** `indent` is that of the collection around the node; `inMapping` says that the node is a mapping's value. */
  private node(value: unknown, indent: number, inMapping: boolean, simpleKey: boolean): void {
    if (Array.isArray(value)) {
      if (value.length === 0) this.indicator('[]', true, false)
      else this.sequence(value, indent, inMapping)
    } else if (typeof value === 'object' && value !== null) {
      const map = value as Record<string, unknown>
      const keys = Object.keys(map).filter((key) => map[key] !== undefined)
      if (keys.length === 0) this.indicator('{}', true, false)
      else this.mapping(map, keys, indent)
    } else {
      this.scalar(value, indent, simpleKey)
    }
  }

  private sequence(items: readonly unknown[], around: number, inMapping: boolean): void {
    const indent = around < 0 ? 0 : inMapping && !this.indention ? around : around + INDENT
    for (const item of items) {
      this.newline(indent)
      this.indicator('-', true, true)
      this.node(item === undefined ? null : item, indent, false, false)
    }
  }

  private mapping(map: Record<string, unknown>, keys: string[], around: number): void {
    const indent = around < 0 ? 0 : around + INDENT
    for (const key of keys.sort(compareKeys)) {
      this.newline(indent)
      if (!BREAK.test(key) && Buffer.byteLength(key) <= LONGEST_SIMPLE_KEY) {
        this.scalar(key, indent, true)
        this.indicator(':', false, false)
      } else {
        this.indicator('?', true, true)
        this.scalar(key, indent, false)
        this.newline(indent)
        this.indicator(':', true, true)
      }
      this.node(map[key], indent, true, false)
    }
  }

  private scalar(value: unknown, around: number, simpleKey: boolean): void {
    const indent = around < 0 ? INDENT : around + INDENT
    if (typeof value !== 'string') {
      this.plain(typeof value === 'number' ? goNumber(value) : String(value), indent, false)
      return
    }
    const allowed = analyze(value)
    const style = this.styleOf(value, allowed, simpleKey)
    if (style === 'plain') this.plain(value, indent, !simpleKey)
    else if (style === 'single') this.single(value, indent, !simpleKey)
    else if (style === 'literal') this.literal(value, indent)
    else this.double(value, indent, !simpleKey)
  }

  private styleOf(text: string, allowed: Analysis, simpleKey: boolean): 'plain' | 'single' | 'double' | 'literal' {
    if (text.includes('\n')) return allowed.block && !simpleKey ? 'literal' : 'double'
    if (!isPlainText(text) || (simpleKey && allowed.multiline)) return 'double'
    if (allowed.plain) return 'plain'
    return allowed.single ? 'single' : 'double'
  }

  /** Spaces where a long line may break; returns true when it was broken there. */
  private fold(text: string, at: number, spaces: boolean, indent: number, mayBreak: boolean): boolean {
    if (!mayBreak || spaces || this.column <= WIDTH || text[at + 1] === ' ') return false
    this.newline(indent)
    return true
  }

  private plain(text: string, indent: number, mayBreak: boolean): void {
    if (!this.whitespace) this.write(' ')
    let spaces = false
    for (const [at, char] of characters(text)) {
      if (char === ' ') {
        if (!this.fold(text, at, spaces, indent, mayBreak)) this.character(char)
        spaces = true
      } else {
        this.character(char)
        this.indention = false
        spaces = false
      }
    }
    this.whitespace = false
    this.indention = false
  }

  private character(char: string): void {
    this.out += char
    this.column++
  }

  private single(text: string, indent: number, mayBreak: boolean): void {
    this.indicator(`'`, true, false)
    let spaces = false
    for (const [at, char] of characters(text)) {
      if (char === ' ') {
        const inside = at > 0 && at < text.length - 1
        if (!this.fold(text, at, spaces, indent, mayBreak && inside)) this.character(char)
        spaces = true
      } else {
        if (char === `'`) this.character(char)
        this.character(char)
        this.indention = false
        spaces = false
      }
    }
    this.indicator(`'`, false, false)
  }

  private double(text: string, indent: number, mayBreak: boolean): void {
    this.indicator('"', true, false)
    let spaces = false
    // Upstream's library looks for the byte order mark at the start of the text, whichever character it writes.
    const all = text.startsWith('\ufeff')
    for (const [at, char] of characters(text)) {
      if (char === ' ' && !all) {
        const inside = at > 0 && at < text.length - 1
        if (mayBreak && !spaces && this.column > WIDTH && inside) {
          this.newline(indent)
          if (text[at + 1] === ' ') this.write('\\')
        } else this.character(char)
        spaces = true
      } else {
        const escaped = all || char === '"' || char === '\\' || BREAK.test(char) || UNPRINTABLE.test(char)
        if (escaped) this.write(escapeOf(char))
        else this.character(char)
        spaces = false
      }
    }
    this.indicator('"', false, false)
  }

  private literal(text: string, indent: number): void {
    this.indicator('|', true, false)
    if (/^[ \n]/.test(text)) this.write(String(INDENT))
    if (!text.endsWith('\n')) this.write('-')
    else if (text.length === 1 || text.endsWith('\n\n')) this.write('+')
    this.lineBreak()
    this.indention = true
    this.whitespace = true
    const lines = text.split('\n')
    for (const [i, line] of lines.entries()) {
      if (line !== '') {
        this.newline(indent)
        this.write(line)
        this.indention = false
      }
      if (i < lines.length - 1) {
        this.lineBreak()
        this.indention = true
      }
    }
  }
}

/** Characters, not UTF-16 units, with their places. */
function* characters(text: string): Generator<[number, string]> {
  let at = 0
  for (const char of text) {
    yield [at, char]
    at += char.length
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '0', '\u0007': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', '\u001b': 'e', '"': '"',
  '\\': '\\', '\u0085': 'N', '\u00a0': '_', '\u2028': 'L', '\u2029': 'P',
}

function escapeOf(char: string): string {
  const short = ESCAPES[char]
  if (short !== undefined) return `\\${short}`
  const code = char.codePointAt(0) as number
  const hex = code.toString(16).toUpperCase()
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}

/** Integers of 64 bits as they are, others as Go's %g: with an exponent of two digits from 1e6 on and below 1e-4. */
function goNumber(value: number): string {
  if (Number.isInteger(value) && value < 2 ** 64 && value >= -(2 ** 63)) return BigInt(value).toString()
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf'
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  const power = Number(exponent)
  if (power >= -4 && power < 6) return String(value)
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const LETTER = /\p{L}/u
const DIGIT = /\p{Nd}/u

/** The order of go-yaml's keys: letters after other characters, runs of digits by their number. */
export function compareKeys(left: string, right: string): number {
  const a = Array.from(left)
  const b = Array.from(right)
  for (let i = 0; i < a.length && i < b.length; i++) {
    const x = a[i] as string
    const y = b[i] as string
    if (x === y) continue
    const xLetter = LETTER.test(x)
    const yLetter = LETTER.test(y)
    if (xLetter && yLetter) return x < y ? -1 : 1
    if (xLetter || yLetter) return yLetter ? -1 : 1
    return compareDigits(a, b, i) || (x < y ? -1 : 1)
  }
  return a.length - b.length
}

function compareDigits(a: readonly string[], b: readonly string[], from: number): number {
  const inNumber = (a[from] === '0' || b[from] === '0') && afterNonZero(a, from)
  const [x, xEnd] = numberAt(a, from, inNumber)
  const [y, yEnd] = numberAt(b, from, inNumber)
  return x === y ? xEnd - yEnd : x < y ? -1 : 1
}

/** Whether the digit here goes on a number that has begun with something other than zeros. */
function afterNonZero(chars: readonly string[], from: number): boolean {
  for (let i = from - 1; i >= 0 && DIGIT.test(chars[i] as string); i--) if (chars[i] !== '0') return true
  return false
}

/** The number in Go's int64, which long ones overflow. */
function numberAt(chars: readonly string[], from: number, inNumber: boolean): [number: bigint, end: number] {
  let end = from
  while (end < chars.length && DIGIT.test(chars[end] as string)) end++
  const digits = chars.slice(from, end).map((char) => char.charCodeAt(0) - 48)
  let value = inNumber ? 1n : 0n
  for (const digit of digits) value = BigInt.asIntN(64, value * 10n + BigInt(digit))
  return [value, end]
}

/** A value as a YAML document that ends with a newline. */
export function writeYaml(value: unknown): string {
  return new Emitter().document(value)
}
