/** Reads protobuf's text format into plain objects. Fields that stand more than once become arrays. */
export type Message = { [field: string]: Value | Value[] }
export type Value = string | number | boolean | Message

const token = /\s*(?:#[^\n]*\n\s*)*(?:([A-Za-z_][A-Za-z0-9_.]*)|([+-]?(?:\d+\.?\d*[eE][+-]?\d+|\d[\w.+]*|\.\d[\w+]*|[Ii]nf(?:inity)?|nan))|("(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*')|(\[[^\]]*\](?=\s*[:{]))|([{}<>[\]:,;-]))/y

interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'extension' | 'mark'
  readonly text: string
}

const kinds = ['word', 'number', 'text', 'extension', 'mark'] as const

function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  token.lastIndex = 0
  for (;;) {
    const at = token.lastIndex
    const match = token.exec(source)
    if (!match) {
      if (source.slice(at).replace(/#[^\n]*/g, '').trim() !== '') throw new Error(`no token: ${source.slice(at, at + 40)}`)
      return tokens
    }
    const index = match.slice(1).findIndex((group) => group !== undefined)
    tokens.push({ kind: kinds[index] as Token['kind'], text: match[index + 1] as string })
  }
}

/** The message that a file holds. */
export function parseTextproto(source: string): Message {
  const tokens = tokenize(source)
  let at = 0
  const is = (text: string): boolean => tokens[at]?.kind === 'mark' && tokens[at]?.text === text
  const skip = (text: string): boolean => is(text) && (at++, true)

  function message(end: string): Message {
    const fields: Message = {}
    while (at < tokens.length && !skip(end)) {
      const name = (tokens[at++] as Token).text
      skip(':')
      add(fields, name, value())
      if (!skip(',')) skip(';')
    }
    return fields
  }

  function value(): Value | Value[] {
    if (skip('{')) return message('}')
    if (skip('<')) return message('>')
    if (skip('[')) {
      const all: Value[] = []
      while (!skip(']')) {
        const one = value()
        if (Array.isArray(one)) throw new Error('a list in a list')
        all.push(one)
        skip(',')
      }
      return all
    }
    const minus = skip('-') ? '-' : ''
    const { kind, text } = tokens[at++] as Token
    if (kind === 'text') return texts(unquote(text))
    if (text === 'true' || text === 'false') return text === 'true'
    // Numbers stay text: 64 bits do not fit into JSON's.
    return minus + text
  }

  /** Texts that follow each other are one. */
  function texts(first: string): string {
    let all = first
    while (tokens[at]?.kind === 'text') all += unquote((tokens[at++] as Token).text)
    return all
  }

  return message('')
}

function add(fields: Message, name: string, value: Value | Value[]): void {
  const known = fields[name]
  if (known === undefined) fields[name] = value
  else fields[name] = [known, value].flat()
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v' }

/** Text as bytes, one character each, until something is known to be text. */
function unquote(quoted: string): string {
  const bytes: Buffer[] = []
  const body = quoted.slice(1, -1)
  const part = /\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([^]))|[^\\]+/g
  for (const match of body.matchAll(part)) {
    const [whole, hex, short, long, octal, simple] = match
    if (hex !== undefined) bytes.push(Buffer.of(Number.parseInt(hex, 16)))
    else if (octal !== undefined) bytes.push(Buffer.of(Number.parseInt(octal, 8)))
    else if (short !== undefined || long !== undefined) bytes.push(Buffer.from(String.fromCodePoint(Number.parseInt((short ?? long) as string, 16))))
    else bytes.push(Buffer.from(simple === undefined ? whole : (escapes[simple] ?? simple)))
  }
  return Buffer.concat(bytes).toString('latin1')
}
