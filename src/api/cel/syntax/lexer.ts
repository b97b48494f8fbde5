/** CEL's tokens (cel-go parser/gen/CEL.g4). A token's type is the name that upstream's messages show. */
export type TokenType =
  | 'NUM_FLOAT' | 'NUM_INT' | 'NUM_UINT' | 'STRING' | 'BYTES' | 'IDENTIFIER' | 'ESC_IDENTIFIER' | '<EOF>'
  | "'=='" | "'!='" | "'in'" | "'<'" | "'<='" | "'>='" | "'>'" | "'&&'" | "'||'" | "'['" | "']'" | "'{'" | "'}'"
  | "'('" | "')'" | "'.'" | "','" | "'-'" | "'!'" | "'?'" | "':'" | "'+'" | "'*'" | "'/'" | "'%'"
  | "'true'" | "'false'" | "'null'"

export interface Token {
  readonly type: TokenType
  readonly text: string
  readonly offset: number
}

export interface LexError {
  readonly offset: number
  readonly message: string
}

const escape = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[0-3][0-7][0-7]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`
// Three quotes come before one: the longest match wins.
const plainString = [
  String.raw`"""(?:${escape}|[^\\])*?"""`,
  String.raw`'''(?:${escape}|[^\\])*?'''`,
  String.raw`"(?:${escape}|[^\\"\n\r])*"`,
  String.raw`'(?:${escape}|[^\\'\n\r])*'`,
  String.raw`[rR]"""[^]*?"""`,
  String.raw`[rR]'''[^]*?'''`,
  String.raw`[rR]"[^"\n\r]*"`,
  String.raw`[rR]'[^'\n\r]*'`,
].join('|')

const pattern = new RegExp(
  [
    String.raw`(?<space>[\t \r\n\f]+|//[^\n]*)`,
    String.raw`(?<bytes>[bB](?:${plainString}))`,
    `(?<string>${plainString})`,
    String.raw`(?<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)`,
    String.raw`(?<uint>0x[0-9a-fA-F]+[uU]|\d+[uU])`,
    String.raw`(?<int>0x[0-9a-fA-F]+|\d+)`,
    '(?<ident>[A-Za-z_][A-Za-z0-9_]*)',
    '(?<escaped>`[A-Za-z0-9_.\\-/ ]+`)',
    String.raw`(?<op>==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%])`,
  ].join('|'),
  'uy',
)

const wordTokens: Readonly<Record<string, TokenType>> = {
  in: "'in'", true: "'true'", false: "'false'", null: "'null'",
}

/** Splits a text into tokens, the last of which is '<EOF>'. What is no token is reported and skipped. */
export function tokenize(text: string): { tokens: Token[]; errors: LexError[] } {
  const tokens: Token[] = []
  const errors: LexError[] = []
  let offset = 0
  while (offset < text.length) {
    pattern.lastIndex = offset
    const match = pattern.exec(text)
    if (!match) {
      const bad = badText(text, offset)
      errors.push({ offset, message: `token recognition error at: '${visible(bad)}'` })
      offset += bad.length
      continue
    }
    const type = typeOf(match)
    if (type !== undefined) tokens.push({ type, text: match[0], offset })
    offset += match[0].length
  }
  tokens.push({ type: '<EOF>', text: '<EOF>', offset: text.length })
  return { tokens, errors }
}

function typeOf(match: RegExpExecArray): TokenType | undefined {
  const [text] = match
  const groups = match.groups as Record<string, string | undefined>
  if (groups.space !== undefined) return undefined
  if (groups.ident !== undefined) return wordTokens[text] ?? 'IDENTIFIER'
  if (groups.op !== undefined) return `'${text}'` as TokenType
  if (groups.string !== undefined) return 'STRING'
  if (groups.int !== undefined) return 'NUM_INT'
  if (groups.float !== undefined) return 'NUM_FLOAT'
  if (groups.uint !== undefined) return 'NUM_UINT'
  return groups.bytes === undefined ? 'ESC_IDENTIFIER' : 'BYTES'
}

/** The text that upstream's lexer reads before it gives up: an unfinished string, or a single character and the next. */
function badText(text: string, offset: number): string {
  const first = text.charAt(offset)
  if (first === '|' || first === '&' || first === '=') return text.slice(offset, offset + 2)
  if (first !== '"' && first !== "'") return String.fromCodePoint(text.codePointAt(offset) as number)
  const body = new RegExp(String.raw`(?:${escape}|[^\\${first}\n\r])*`, 'uy')
  body.lastIndex = offset + 1
  let end = offset + 1 + (body.exec(text)?.[0].length ?? 0)
  if (text.charAt(end) === '\\') {
    const partial = /\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/uy
    partial.lastIndex = end
    end += partial.exec(text)?.[0].length ?? 1
  }
  // The character that broke the token belongs to the message.
  if (end < text.length) end += String.fromCodePoint(text.codePointAt(end) as number).length
  return text.slice(offset, end)
}

const visible = (text: string): string => text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
