/**
 * One pass over JSON text that finds what JSON.parse does not tell: keys that are given twice, with their paths, and
 * the error that Go's decoder reports for malformed text. The states are those of JSON's grammar; the texts are Go's.
 */

/** A malformed document, in the words of Go's encoding/json. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonSyntaxError'
  }
}

const QUOTE = 34
const BACKSLASH = 92
/** Upstream's limit on nesting. */
const MAX_DEPTH = 10_000
/** Upstream reports no more than this many strict errors. */
const MAX_ERRORS = 100

interface Level {
  /** Keys seen so far; absent in arrays. */
  keys?: Set<string>
  /** The key or index that is being read. */
  key: string
  index: number
}

class Scanner {
  private readonly text: string
  private at = 0
  private readonly levels: Level[] = []
  readonly duplicates: string[] = []

  constructor(text: string) {
    this.text = text
  }

  document(): void {
    this.space()
    this.value()
    this.space()
    if (this.at < this.text.length) throw this.unexpected('after top-level value')
  }

  private unexpected(context: string): JsonSyntaxError {
    if (this.at >= this.text.length) {
      // Go feeds its scanner a space at the end, which only words, numbers and escapes refuse.
      const refused = /literal (?:true|false|null)|numeric literal|escape/.test(context)
      return new JsonSyntaxError(refused ? `invalid character ' ' ${context}` : 'unexpected end of JSON input')
    }
    return new JsonSyntaxError(`invalid character ${quoteChar(this.text, this.at)} ${context}`)
  }

  private space(): void {
    for (; ; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
    }
  }

  private value(): void {
    switch (this.text[this.at]) {
      case '{': return this.object()
      case '[': return this.array()
      case '"': return this.string()
      case 't': return this.literal('true')
      case 'f': return this.literal('false')
      case 'n': return this.literal('null')
      default: return this.number()
    }
  }

  private push(level: Level): void {
    if (this.levels.push(level) > MAX_DEPTH) throw this.unexpected('exceeded max depth')
    this.at++
    this.space()
  }

  private object(): void {
    const level: Level = { keys: new Set(), key: '', index: -1 }
    this.push(level)
    if (this.text[this.at] !== '}') {
      for (; ;) {
        if (this.text[this.at] !== '"') throw this.unexpected('looking for beginning of object key string')
        const start = this.at
        this.string()
        this.key(level, start)
        this.space()
        if (this.text[this.at] !== ':') throw this.unexpected('after object key')
        this.at++
        this.space()
        this.value()
        this.space()
        if (this.text[this.at] === '}') break
        if (this.text[this.at] !== ',') throw this.unexpected('after object key:value pair')
        this.at++
        this.space()
      }
    }
    this.at++
    this.levels.pop()
  }

  private key(level: Level, start: number): void {
    const raw = this.text.slice(start + 1, this.at - 1)
    level.key = raw.includes('\\') ? (JSON.parse(`"${raw}"`) as string) : raw
    const keys = level.keys as Set<string>
    if (keys.has(level.key)) this.duplicate()
    else keys.add(level.key)
  }

  private duplicate(): void {
    let path = ''
    for (const level of this.levels) {
      if (level.keys === undefined) path += `[${level.index}]`
      else path += path === '' ? level.key : `.${level.key}`
    }
    if (this.duplicates.length < MAX_ERRORS && !this.duplicates.includes(path)) this.duplicates.push(path)
  }

  private array(): void {
    const level: Level = { key: '', index: 0 }
    this.push(level)
    if (this.text[this.at] !== ']') {
      for (; ; level.index++) {
        this.value()
        this.space()
        if (this.text[this.at] === ']') break
        if (this.text[this.at] !== ',') throw this.unexpected('after array element')
        this.at++
        this.space()
      }
    }
    this.at++
    this.levels.pop()
  }

  private string(): void {
    const { text } = this
    for (this.at++; ; this.at++) {
      const code = text.charCodeAt(this.at)
      if (code === QUOTE) break
      if (code === BACKSLASH) this.escape()
      else if (!(code >= 32)) throw this.unexpected('in string literal')
    }
    this.at++
  }

  private escape(): void {
    this.at++
    const escaped = this.text[this.at]
    if (escaped === undefined || !'bfnrtu\\/"'.includes(escaped)) throw this.unexpected('in string escape code')
    if (escaped !== 'u') return
    for (let i = 0; i < 4; i++) {
      this.at++
      if (!/[0-9a-fA-F]/.test(this.text[this.at] ?? '')) throw this.unexpected('in \\u hexadecimal character escape')
    }
  }

  private literal(word: string): void {
    for (let i = 0; i < word.length; i++, this.at++) {
      if (this.text[this.at] !== word[i]) throw this.unexpected(`in literal ${word} (expecting '${word[i]}')`)
    }
  }

  private digits(context: string): void {
    if (!this.isDigit()) throw this.unexpected(context)
    while (this.isDigit()) this.at++
  }

  private isDigit(): boolean {
    const code = this.text.charCodeAt(this.at)
    return code >= 48 && code <= 57
  }

  private number(): void {
    const negative = this.text[this.at] === '-'
    if (negative) this.at++
    if (!this.isDigit()) throw this.unexpected(negative ? 'in numeric literal' : 'looking for beginning of value')
    if (this.text[this.at] === '0') this.at++
    else this.digits('in numeric literal')
    if (this.text[this.at] === '.') {
      this.at++
      this.digits('after decimal point in numeric literal')
    }
    if (this.text[this.at] === 'e' || this.text[this.at] === 'E') {
      this.at++
      if (this.text[this.at] === '+' || this.text[this.at] === '-') this.at++
      this.digits('in exponent of numeric literal')
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\'': '\\\'', '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v',
  '\\': '\\\\',
}

/** The first byte of a character, as Go quotes it: Go reads bytes, so a letter beyond ASCII shows as its first byte. */
function quoteChar(text: string, at: number): string {
  const char = String.fromCodePoint(text.codePointAt(at) as number)
  const byte = Buffer.from(char)[0] as number
  if (char === '"') return `'"'`
  if (ESCAPES[char] !== undefined) return `'${ESCAPES[char]}'`
  if (byte < 0x20 || byte === 0x7f || (byte >= 0x80 && byte < 0xa1) || byte === 0xad) {
    return `'\\x${byte.toString(16).padStart(2, '0')}'`
  }
  return `'${String.fromCharCode(byte)}'`
}

/** The paths of keys that are given twice, such as "spec.replicas". Throws JsonSyntaxError for malformed text. */
export function scanJson(text: string): string[] {
  const scanner = new Scanner(text)
  scanner.document()
  return scanner.duplicates
}
