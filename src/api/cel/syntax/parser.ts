/**
 * CEL's parser, by recursive descent (cel-go parser/parser.go with the grammar of parser/gen/CEL.g4). Syntax errors
 * read like those of upstream's generated parser where an expression has one mistake.
 */
import { Double, Uint, fitsInt, fitsUint, intOf, textLength } from '../values.ts'
import { type Ast, type Expr, type FieldInit, type Issue, type MapEntry, Source } from './ast.ts'
import { type LexError, type Token, type TokenType, tokenize } from './lexer.ts'
import type { Macro, MacroBuilder } from './macros.ts'
import { unescapeBytes, unescapeString } from './strings.ts'

export interface ParseOptions {
  readonly macros: readonly Macro[]
  /** `a.?b`, `a[?b]`, `{?a: b}`. */
  readonly optionalSyntax: boolean
  /** a.`b-c` */
  readonly escapedIdentifiers: boolean
}

const maxDepth = 250
const maxSize = 100_000
/** Where upstream gives a broken expression up (parser.go, errorReportingLimit and the two limits of recovery). */
const maxErrors = 100
const maxRecoveries = 30
const maxSkipped = 256

const reserved = new Set([
  'as', 'break', 'const', 'continue', 'else', 'false', 'for', 'function', 'if', 'import', 'in', 'let', 'loop', 'package',
  'namespace', 'null', 'return', 'true', 'var', 'void', 'while',
])

const literalTypes: readonly TokenType[] = [
  "'true'", "'false'", "'null'", 'NUM_FLOAT', 'NUM_INT', 'NUM_UINT', 'STRING', 'BYTES', 'IDENTIFIER',
]
const operandTypes: readonly TokenType[] = ["'['", "'{'", "'('", "'.'", "'-'", "'!'", ...literalTypes]
const elementTypes: readonly TokenType[] = ["'['", "']'", "'{'", "'('", "'.'", "','", "'-'", "'!'", "'?'", ...literalTypes]
const entryTypes: readonly TokenType[] = ["'['", "'{'", "'}'", "'('", "'.'", "','", "'-'", "'!'", "'?'", ...literalTypes]
const indexTypes: readonly TokenType[] = ["'['", "'{'", "'('", "'.'", "'-'", "'!'", "'?'", ...literalTypes]
const fieldTypes: readonly TokenType[] = ["'}'", "','", "'?'", 'IDENTIFIER', 'ESC_IDENTIFIER']
const argumentTypes: readonly TokenType[] = ["'['", "'{'", "'('", "')'", "'.'", "'-'", "'!'", ...literalTypes]

/** What may come between operands. */
const operators: ReadonlySet<TokenType> = new Set([
  "'=='", "'!='", "'in'", "'<'", "'<='", "'>='", "'>'", "'&&'", "'||'", "'['", "'-'", "'?'", "'+'", "'*'", "'/'", "'%'",
])

const relations: Readonly<Partial<Record<TokenType, string>>> = {
  "'<'": '_<_', "'<='": '_<=_', "'>='": '_>=_', "'>'": '_>_', "'=='": '_==_', "'!='": '_!=_', "'in'": '@in',
}
const sums: Readonly<Partial<Record<TokenType, string>>> = { "'+'": '_+_', "'-'": '_-_' }
const products: Readonly<Partial<Record<TokenType, string>>> = { "'*'": '_*_', "'/'": '_/_', "'%'": '_%_' }

/** Ends parsing; what is wrong has been noted. */
class Stop extends Error {}

/** Parses an expression. The tree is worth something only when there are no issues. */
export function parse(text: string, options: ParseOptions): { ast: Ast; issues: Issue[] } {
  const source = new Source(text)
  const parser = new Parser(source, options)
  const size = textLength(text)
  if (size > maxSize) {
    const message = `expression code point size exceeds limit: size: ${String(size)}, limit ${String(maxSize)}`
    const root: Expr = { kind: 'literal', id: 0, value: null }
    return { ast: { root, source, offsets: [] }, issues: [{ message, line: -1, column: -1 }] }
  }
  const root = parser.start()
  return { ast: { root, source, offsets: parser.offsets }, issues: parser.issues }
}

class Parser {
  readonly issues: Issue[] = []
  readonly offsets: number[] = [-1]
  private readonly source: Source
  private readonly options: ParseOptions
  private readonly tokens: readonly Token[]
  private readonly lexErrors: readonly LexError[]
  private readonly macros: ReadonlyMap<string, Macro>
  private at = 0
  /** The token at which the last error left off: what it causes next is not told. */
  private failedAt = -1
  private depth = 0
  private errors = 0
  private recoveries = 0

  constructor(source: Source, options: ParseOptions) {
    this.source = source
    this.options = options
    const { tokens, errors } = tokenize(source.text)
    this.tokens = tokens
    this.lexErrors = errors
    this.macros = new Map(options.macros.map((macro) => [macroKey(macro.name, macro.member, macro.args), macro]))
  }

  start(): Expr {
    try {
      for (const error of this.lexErrors) this.syntaxError(error.offset, error.message, false)
      const root = this.expression()
      const token = this.peek()
      if (token.type !== '<EOF>') {
        const problem = this.peek(1).type === '<EOF>' ? 'extraneous' : 'mismatched'
        this.syntaxError(token.offset, `${problem} input '${token.text}' expecting <EOF>`)
        if (this.tokens.length - 1 - this.at > maxSkipped) this.lookedTooFar()
      }
      return root
    } catch (error) {
      if (!(error instanceof Stop)) throw error
      return { kind: 'literal', id: 0, value: null }
    }
  }

  private peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)] as Token
  }

  private next(): Token {
    const token = this.peek()
    this.at++
    return token
  }

  private take(type: TokenType): Token | undefined {
    return this.peek().type === type ? this.next() : undefined
  }

  private id(offset: number): number {
    this.offsets.push(offset)
    return this.offsets.length - 1
  }

  private issue(offset: number, message: string): void {
    this.issues.push(this.source.issue(offset, message))
  }

  private syntaxError(offset: number, message: string, recovers = true): void {
    if (this.errors++ >= maxErrors) {
      this.issue(offset, `Syntax error: More than ${String(maxErrors)} syntax errors`)
      throw new Stop()
    }
    this.issue(offset, `Syntax error: ${message}`)
    if (!recovers || this.recoveries++ < maxRecoveries) return
    this.issue(this.peek().offset, `Syntax error: error recovery attempt limit exceeded: ${String(maxRecoveries)}`)
    throw new Stop()
  }

  private expect(type: TokenType, set: readonly TokenType[] = [type]): Token {
    const token = this.peek()
    if (token.type === type) return this.next()
    if (this.peek(1).type === type) {
      if (this.failedAt !== this.at) this.syntaxError(token.offset, `extraneous input '${token.text}' expecting ${setText(set)}`)
      this.next()
      return this.next()
    }
    // A closing mark may be missed where what comes then may follow it.
    if (set.length === 1 && (type === "')'" || type === "']'") && this.mayFollow(token.type)) {
      this.syntaxError(token.offset, `missing ${type} at '${token.text}'`)
      return token
    }
    this.syntaxError(token.offset, `mismatched input '${token.text}' expecting ${setText(set)}`)
    throw new Stop()
  }

  /** Sees to it that an operand comes next, skipping what cannot begin one; false when there is none here. */
  private expectOperand(set: readonly TokenType[] = operandTypes): boolean {
    for (;;) {
      const token = this.peek()
      if (set.includes(token.type)) return true
      const extra = set.includes(this.peek(1).type)
      const problem = extra ? 'extraneous' : 'mismatched'
      this.syntaxError(token.offset, `${problem} input '${token.text}' expecting ${setText(set)}`)
      if (token.type === '<EOF>') throw new Stop()
      if (extra || operators.has(token.type)) this.next()
      else {
        this.skip()
        this.failedAt = this.at
        return false
      }
    }
  }

  /** Whether an operand may be over before a token. */
  private mayFollow(type: TokenType): boolean {
    if (type === '<EOF>') return this.closers.length === 0
    return operators.has(type) || this.closers.includes(type) || (type === "','" && this.closers.length > 0)
  }

  /** Goes on to where parsing may go on. */
  private skip(): void {
    const end = this.at + maxSkipped
    while (this.peek().type !== '<EOF>' && !this.mayFollow(this.peek().type)) {
      if (this.at >= end) this.lookedTooFar()
      this.next()
    }
  }

  private lookedTooFar(): never {
    this.issues.push({ message: `error recovery token lookahead limit exceeded: ${String(maxSkipped)}`, line: -1, column: -1 })
    throw new Stop()
  }

  /** Between elements: a comma, or what ends them; true when that was it. */
  private separated(closer: TokenType): boolean {
    const set: readonly TokenType[] = [closer, "','"]
    if (!set.includes(this.peek().type) && set.includes(this.peek(1).type)) {
      const token = this.next()
      this.syntaxError(token.offset, `extraneous input '${token.text}' expecting ${setText(set)}`)
    }
    if (this.take(closer)) return true
    this.expect("','", set)
    return this.ended(closer)
  }

  /** Whether a list that ended with a comma is over. */
  private ended(closer: TokenType): boolean {
    if (this.take(closer)) return true
    if (this.peek().type !== '<EOF>' || this.closers.length > 0) return false
    this.syntaxError(this.peek().offset, `missing ${closer} at '<EOF>'`)
    throw new Stop()
  }

  /** What is open, and would end here. */
  private readonly closers: TokenType[] = []

  private inside<T>(closer: TokenType, work: () => T): T {
    this.closers.push(closer)
    const result = work()
    this.closers.pop()
    return result
  }

  private enter(): void {
    if (++this.depth <= maxDepth) return
    this.issues.push({ message: `expression recursion limit exceeded: ${String(maxDepth)}`, line: -1, column: -1 })
    throw new Stop()
  }

  private expression(): Expr {
    this.enter()
    const condition = this.logical("'||'", '_||_', () => this.logical("'&&'", '_&&_', () => this.relation()))
    const question = this.take("'?'")
    let result = condition
    if (question) {
      const id = this.id(question.offset)
      const yes = this.logical("'||'", '_||_', () => this.logical("'&&'", '_&&_', () => this.relation()))
      this.expect("':'")
      result = this.call(id, '_?_:_', undefined, [condition, yes, this.expression()])
    }
    this.depth--
    return result
  }

  /** Chains of && and || become balanced trees, as upstream makes them. */
  private logical(type: TokenType, fn: string, operand: () => Expr): Expr {
    const terms = [operand()]
    const ids: number[] = []
    for (let op = this.take(type); op; op = this.take(type)) {
      terms.push(operand())
      ids.push(this.id(op.offset))
    }
    const balance = (low: number, high: number): Expr => {
      const mid = (low + high + 1) >> 1
      const left = mid === low ? (terms[mid] as Expr) : balance(low, mid - 1)
      const right = mid === high ? (terms[mid + 1] as Expr) : balance(mid + 1, high)
      return { kind: 'call', id: ids[mid] as number, fn, target: undefined, args: [left, right] }
    }
    return ids.length === 0 ? (terms[0] as Expr) : balance(0, ids.length - 1)
  }

  private binary(ops: Readonly<Partial<Record<TokenType, string>>>, operand: () => Expr): Expr {
    let left = operand()
    for (;;) {
      const fn = ops[this.peek().type]
      if (fn === undefined) return left
      const id = this.id(this.next().offset)
      this.enter()
      left = this.call(id, fn, undefined, [left, operand()])
      this.depth--
    }
  }

  private relation(): Expr {
    return this.binary(relations, () => this.binary(sums, () => this.binary(products, () => this.unary())))
  }

  private unary(): Expr {
    if (!this.expectOperand()) return this.nothing()
    const token = this.peek()
    if (token.type === "'!'") return this.prefixed("'!'", '!_')
    const number = this.peek(1).type
    if (token.type === "'-'" && number !== 'NUM_INT' && number !== 'NUM_FLOAT') return this.prefixed("'-'", '-_')
    return this.member()
  }

  /** What stands for an operand that is not there. */
  private nothing(): Expr {
    return { kind: 'literal', id: this.id(this.peek().offset), value: null }
  }

  private prefixed(type: TokenType, fn: string): Expr {
    const first = this.peek()
    let count = 0
    while (this.take(type)) count++
    const token = this.peek()
    if (!operandTypes.includes(token.type) || token.type === "'-'" || token.type === "'!'") {
      if (token.type === '<EOF>' && type === "'!'") {
        this.syntaxError(token.offset, `extraneous input '<EOF>' expecting ${setText(operandTypes)}`)
        throw new Stop()
      }
      if (token.type === '<EOF>') this.syntaxError(token.offset, `no viable alternative at input '${first.text}'`)
      this.expectOperand()
    }
    if (count % 2 === 0) return this.member()
    const id = this.id(first.offset)
    return this.call(id, fn, undefined, [this.member()])
  }

  private member(): Expr {
    let operand = this.primary()
    for (;;) {
      const token = this.peek()
      if (token.type === "'.'") operand = this.dotted(operand)
      else if (token.type === "'['") operand = this.indexed(operand)
      else return operand
      this.enter()
      this.depth--
    }
  }

  private dotted(operand: Expr): Expr {
    const dot = this.next()
    const optional = this.take("'?'")
    const name = this.fieldName(dot, optional)
    if (!name) return operand
    const open = this.peek()
    if (open.type === "'('" && !optional && name.type === 'IDENTIFIER') {
      this.next()
      const id = this.id(open.offset)
      return this.call(id, name.text, operand, this.args())
    }
    if (!optional) return { kind: 'select', id: this.id(dot.offset), operand, field: fieldText(name), test: false }
    if (!this.options.optionalSyntax) this.issue(dot.offset, "unsupported syntax '.?'")
    const id = this.id(dot.offset)
    const field: Expr = { kind: 'literal', id: this.id(name.offset), value: fieldText(name) }
    return { kind: 'call', id, fn: '_?._', target: undefined, args: [operand, field] }
  }

  private fieldName(dot: Token, optional: Token | undefined): Token | undefined {
    const token = this.peek()
    if (token.type === 'IDENTIFIER') return this.next()
    if (token.type === 'ESC_IDENTIFIER') {
      if (!this.options.escapedIdentifiers) this.issue(token.offset, "unsupported syntax: '`'")
      return this.next()
    }
    if (optional) {
      this.syntaxError(token.offset, `mismatched input '${token.text}' expecting {IDENTIFIER, ESC_IDENTIFIER}`)
      this.issue(token.offset, 'unsupported ident kind')
    } else if (["'true'", "'false'", "'null'"].includes(token.type)) {
      this.syntaxError(token.offset, `mismatched input '${token.text}' expecting IDENTIFIER`)
    } else {
      const seen = token.type === '<EOF>' ? '' : this.source.text.slice(dot.offset + 1, token.offset + token.text.length)
      this.syntaxError(token.offset, `no viable alternative at input '.${seen}'`)
    }
    if (this.peek().type !== "'.'") this.skip()
    return undefined
  }

  private indexed(operand: Expr): Expr {
    const open = this.next()
    const optional = this.take("'?'")
    if (optional && !this.options.optionalSyntax) this.issue(open.offset, "unsupported syntax '[?'")
    const id = this.id(open.offset)
    if (!optional && this.peek().type === '<EOF>') this.expectOperand(indexTypes)
    const index = this.inside("']'", () => this.expression())
    this.expect("']'")
    return this.call(id, optional ? '_[?_]' : '_[_]', undefined, [operand, index])
  }

  private args(): Expr[] {
    const args: Expr[] = []
    if (this.take("')'")) return args
    this.expectOperand(argumentTypes)
    do args.push(this.inside("')'", () => this.expression()))
    while (this.take("','"))
    this.expect("')'")
    return args
  }

  private primary(): Expr {
    const token = this.next()
    switch (token.type) {
      case "'('": {
        const inner = this.inside("')'", () => this.expression())
        this.expect("')'")
        return inner
      }
      case "'['": return this.list(token)
      case "'{'": return this.map(token)
      case "'-'": return this.literal(this.next(), token)
      case "'.'": return this.named(this.expect('IDENTIFIER'), token)
      case 'IDENTIFIER': return this.named(token, undefined)
      default: return this.literal(token, undefined)
    }
  }

  private list(open: Token): Expr {
    const id = this.id(open.offset)
    const elements: Expr[] = []
    const optional: number[] = []
    if (this.peek().type === "','" && this.peek(1).type === "']'") this.next()
    while (!this.take("']'")) {
      if (elements.length > 0 && this.separated("']'")) break
      this.expectOperand(elementTypes)
      if (this.optional()) optional.push(elements.length)
      elements.push(this.inside("']'", () => this.expression()))
    }
    return { kind: 'list', id, elements, optional }
  }

  private optional(): boolean {
    const mark = this.take("'?'")
    if (mark && !this.options.optionalSyntax) this.issue(mark.offset, "unsupported syntax '?'")
    return mark !== undefined
  }

  private map(open: Token): Expr {
    const id = this.id(open.offset)
    const entries: MapEntry[] = []
    if (this.peek().type === "','" && this.peek(1).type === "'}'") this.next()
    while (!this.take("'}'")) {
      if (entries.length > 0 && this.separated("'}'")) break
      this.expectOperand(entryTypes)
      const optional = this.optional()
      const key = this.inside("'}'", () => this.expression())
      if (optional && this.peek().type === "'}'") continue
      const colon = this.expect("':'")
      const value = this.inside("'}'", () => this.expression())
      entries.push({ id: this.id(colon.offset), key, value, optional })
    }
    return { kind: 'map', id, entries }
  }

  /** A name, a call of a function, or a message. */
  private named(token: Token, dot: Token | undefined): Expr {
    const prefix = dot ? '.' : ''
    const after = this.peek()
    const message = this.messageName(token)
    if (message !== undefined) return this.message(prefix + message)
    if (reserved.has(token.text)) {
      this.issue((dot ?? token).offset, `reserved identifier: ${token.text}`)
      if (after.type === "'('") {
        this.next()
        this.args()
      }
      return { kind: 'literal', id: this.id(token.offset), value: null }
    }
    if (after.type !== "'('") return { kind: 'ident', id: this.id(token.offset), name: prefix + token.text }
    this.next()
    const id = this.id(after.offset)
    return this.call(id, prefix + token.text, undefined, this.args())
  }

  /** a.b.C when a '{' follows; nothing is taken otherwise. */
  private messageName(first: Token): string | undefined {
    let ahead = 0
    let name = first.text
    while (this.peek(ahead).type === "'.'" && this.peek(ahead + 1).type === 'IDENTIFIER') {
      name += `.${this.peek(ahead + 1).text}`
      ahead += 2
    }
    if (this.peek(ahead).type !== "'{'") return undefined
    this.at += ahead
    return name
  }

  private message(name: string): Expr {
    const id = this.id(this.next().offset)
    const fields: FieldInit[] = []
    while (!this.take("'}'")) {
      if (fields.length > 0 && this.separated("'}'")) break
      if (!this.inside("'}'", () => this.expectOperand(fieldTypes))) throw new Stop()
      const optional = this.optional()
      const field = this.next()
      if (field.type === 'ESC_IDENTIFIER' && !this.options.escapedIdentifiers) {
        this.issue(field.offset, "unsupported syntax: '`'")
      }
      const colon = this.expect("':'")
      const at = this.id(colon.offset)
      fields.push({ id: at, name: fieldText(field), value: this.inside("'}'", () => this.expression()), optional })
    }
    return { kind: 'struct', id, name, fields }
  }

  private literal(token: Token, minus: Token | undefined): Expr {
    const { offset } = minus ?? token
    const value = this.literalValue(token, minus !== undefined, offset)
    return { kind: 'literal', id: this.id(offset), value }
  }

  private literalValue({ type, text }: Token, negative: boolean, offset: number): unknown {
    switch (type) {
      case "'true'": return true
      case "'false'": return false
      case 'NUM_INT': {
        const value = negative ? -BigInt(text) : BigInt(text)
        if (!fitsInt(value)) this.issue(offset, 'invalid int literal')
        return intOf(value)
      }
      case 'NUM_UINT': {
        const value = BigInt(text.slice(0, -1))
        if (!fitsUint(value)) this.issue(offset, 'invalid uint literal')
        return new Uint(value)
      }
      case 'NUM_FLOAT': {
        const value = Number(text)
        if (!Number.isFinite(value)) this.issue(offset, 'invalid double literal')
        return new Double(negative ? -value : value)
      }
      case 'STRING': return this.unescaped(unescapeString(text), offset)
      case 'BYTES': return this.unescaped(unescapeBytes(text.slice(1)), offset)
      default: return null
    }
  }

  private unescaped(result: { value: unknown } | { error: string }, offset: number): unknown {
    if ('value' in result) return result.value
    this.issue(offset, result.error)
    return ''
  }

  private call(id: number, fn: string, target: Expr | undefined, args: readonly Expr[]): Expr {
    const macro =
      this.macros.get(macroKey(fn, target !== undefined, args.length)) ?? this.macros.get(macroKey(fn, target !== undefined, -1))
    const offset = this.offsets[id] as number
    if (macro) {
      const make: MacroBuilder = { id: () => this.id(offset), copy: (expr) => this.copy(expr) }
      const expanded = macro.expand(make, target, args)
      if (expanded !== undefined) {
        if (!('error' in expanded)) return expanded
        this.issue(this.offsets[expanded.id] ?? offset, expanded.error)
        return { kind: 'literal', id, value: null }
      }
    }
    return { kind: 'call', id, fn, target, args }
  }

  private copy(expr: Expr): Expr {
    const id = this.id(this.offsets[expr.id] ?? -1)
    const again = (inner: Expr): Expr => this.copy(inner)
    switch (expr.kind) {
      case 'literal':
      case 'ident': return { ...expr, id }
      case 'select': return { ...expr, id, operand: again(expr.operand) }
      case 'call': return { ...expr, id, target: expr.target && again(expr.target), args: expr.args.map(again) }
      case 'list': return { ...expr, id, elements: expr.elements.map(again) }
      case 'map': return { ...expr, id, entries: expr.entries.map((e) => ({ ...e, key: again(e.key), value: again(e.value) })) }
      case 'struct': return { ...expr, id, fields: expr.fields.map((f) => ({ ...f, value: again(f.value) })) }
      case 'fold': return {
        ...expr,
        id,
        range: again(expr.range),
        init: again(expr.init),
        condition: again(expr.condition),
        step: again(expr.step),
        result: again(expr.result),
      }
    }
  }
}

const macroKey = (name: string, member: boolean, args: number): string => `${name}:${String(args)}:${String(member)}`
const fieldText = ({ type, text }: Token): string => (type === 'ESC_IDENTIFIER' ? text.slice(1, -1) : text)
const setText = (set: readonly TokenType[]): string => (set.length === 1 ? String(set[0]) : `{${set.join(', ')}}`)
