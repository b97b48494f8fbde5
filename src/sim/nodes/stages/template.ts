/**
 * Go's text/template, as much of it as stages use: pipelines, variables, if, range, with, comments, trimming, and the
 * built-in functions. Values are JSON's; what is missing is undefined, and false. Parsed once, rendered often.
 */
export type TemplateFunctions = Readonly<Record<string, (...args: unknown[]) => unknown>>
export type Template = (data: unknown, functions: TemplateFunctions) => string

/** Throws on what is no template. */
export function parseTemplate(text: string): Template {
  const parser = new Parser(tokenize(text))
  const nodes = parser.list()
  if (parser.end !== 'eof') throw new Error(`template: unexpected {{${parser.end}}}`)
  return (data, functions) => {
    const out: string[] = []
    renderAll(nodes, { data, root: data, functions, scope: new Scope() }, out)
    return out.join('')
  }
}

type Token = { readonly text: string } | { readonly action: string }

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let rest = text
  for (;;) {
    const start = rest.indexOf('{{')
    if (start < 0) break
    let before = rest.slice(0, start)
    const close = closingOf(rest, start + 2)
    let action = rest.slice(start + 2, close)
    rest = rest.slice(close + 2)
    if (/^-\s/.test(action)) {
      before = before.trimEnd()
      action = action.slice(1)
    }
    if (/\s-$/.test(action)) {
      rest = rest.trimStart()
      action = action.slice(0, -1)
    }
    tokens.push({ text: before })
    if (!action.trim().startsWith('/*')) tokens.push({ action: action.trim() })
  }
  tokens.push({ text: rest })
  return tokens
}

/** Where the action ends; "}}" in a quoted text is none. */
function closingOf(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text[i]!
    if (c === '"' || c === '`') {
      for (i++; i < text.length && text[i] !== c; i++) if (c === '"' && text[i] === '\\') i++
    } else if (text.startsWith('}}', i)) return i
  }
  throw new Error('template: unclosed action')
}

type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'print'; readonly pipe: Pipe }
  | { readonly type: 'if' | 'with'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly type: 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }

interface Pipe {
  /** "$i", "$x" before := or =. */
  readonly variables: readonly string[]
  readonly declares: boolean
  readonly commands: readonly (readonly Operand[])[]
}

type Operand = (context: Context) => unknown

class Parser {
  /** What ended the last list: "end", "else …", "eof". */
  end = 'eof'
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  list(): Node[] {
    const nodes: Node[] = []
    while (this.#at < this.#tokens.length) {
      const token = this.#tokens[this.#at++]!
      if ('text' in token) {
        if (token.text !== '') nodes.push({ type: 'text', text: token.text })
        continue
      }
      const [, word = '', rest = ''] = /^(\w*)\s*([^]*)$/.exec(token.action)!
      if (word === 'end' || word === 'else') {
        this.end = `${word} ${rest}`.trim()
        return nodes
      }
      if (word === 'if' || word === 'with' || word === 'range') nodes.push(this.#block(word, rest))
      else nodes.push({ type: 'print', pipe: parsePipe(token.action) })
    }
    this.end = 'eof'
    return nodes
  }

  #block(type: 'if' | 'with' | 'range', head: string): Node {
    const pipe = parsePipe(head)
    const body = this.list()
    let otherwise: Node[] = []
    const chained = /^else (if|with) ([^]+)$/.exec(this.end)
    if (chained !== null) otherwise = [this.#block(chained[1] as 'if' | 'with', chained[2]!)]
    else if (this.end === 'else') otherwise = this.list()
    if (this.end !== 'end') throw new Error(`template: {{${type}}} is not ended`)
    return { type, pipe, body, otherwise }
  }
}

const lexeme = /\s*("(?:\\.|[^"\\])*"|`[^`]*`|'(?:\\.|[^'\\])'|:=|[|(),=]|\$?[\w]*(?:\.[\w-]+)+|\$\w*|-?\d+(?:\.\d+)?|\w+|\.)/y

function parsePipe(text: string): Pipe {
  const words: string[] = []
  lexeme.lastIndex = 0
  for (let at = 0; at < text.trimEnd().length; at = lexeme.lastIndex) {
    lexeme.lastIndex = at
    const match = lexeme.exec(text)
    if (match === null) throw new Error(`template: cannot read ${JSON.stringify(text.slice(at))}`)
    words.push(match[1]!)
  }
  const reader = { words, at: 0 }
  const pipe = readPipe(reader)
  if (reader.at < words.length) throw new Error(`template: unexpected ${JSON.stringify(words[reader.at])}`)
  return pipe
}

interface Reader {
  readonly words: readonly string[]
  at: number
}

function readPipe(reader: Reader): Pipe {
  const { words } = reader
  const variables: string[] = []
  let declares = false
  const sign = words.findIndex((word, i) => i >= reader.at && (word === ':=' || word === '='))
  if (sign > 0 && words[reader.at]!.startsWith('$') && words.slice(reader.at, sign).every((word) => word === ',' || /^\$\w+$/.test(word))) {
    variables.push(...words.slice(reader.at, sign).filter((word) => word !== ','))
    declares = words[sign] === ':='
    reader.at = sign + 1
  }
  const commands: Operand[][] = [[]]
  while (reader.at < words.length && words[reader.at] !== ')') {
    if (words[reader.at] === '|') {
      commands.push([])
      reader.at++
    } else commands.at(-1)!.push(readOperand(reader))
  }
  return { variables, declares, commands }
}

function readOperand(reader: Reader): Operand {
  const word = reader.words[reader.at++]!
  if (word === '(') {
    const pipe = readPipe(reader)
    if (reader.words[reader.at++] !== ')') throw new Error('template: unclosed (')
    const fields = fieldsBehind(reader)
    return (context) => fieldOf(evaluate(pipe, context), fields)
  }
  if (word.startsWith('"')) return constant(JSON.parse(word))
  if (word.startsWith('`')) return constant(word.slice(1, -1))
  if (word.startsWith('\'')) return constant(word.charCodeAt(1))
  if (/^-?\d/.test(word)) return constant(Number(word))
  if (word === 'true' || word === 'false') return constant(word === 'true')
  if (word === 'nil') return constant(undefined)
  if (word === '.') return ({ data }) => data
  const [head = '', ...fields] = word.split('.')
  if (head === '') return ({ data }) => fieldOf(data, fields)
  if (head === '$') return ({ root }) => fieldOf(root, fields)
  if (head.startsWith('$')) return ({ scope }) => fieldOf(scope.get(head), fields)
  return Object.assign((context: Context) => call(head, [], context), { functionName: head })
}

/** Fields that follow a parenthesis at once: "(index . 0).name". */
function fieldsBehind(reader: Reader): string[] {
  const word = reader.words[reader.at]
  if (word === undefined || !/^\.[\w-]/.test(word)) return []
  reader.at++
  return word.slice(1).split('.')
}

const constant = (value: unknown): Operand => () => value

class Scope {
  readonly #variables = new Map<string, unknown>()
  readonly #outer: Scope | undefined
  constructor(outer?: Scope) {
    this.#outer = outer
  }
  get(name: string): unknown {
    if (this.#variables.has(name)) return this.#variables.get(name)
    if (this.#outer === undefined) throw new Error(`template: undefined variable ${JSON.stringify(name)}`)
    return this.#outer.get(name)
  }
  declare(name: string, value: unknown): void {
    this.#variables.set(name, value)
  }
  assign(name: string, value: unknown): void {
    if (this.#variables.has(name) || this.#outer === undefined) this.#variables.set(name, value)
    else this.#outer.assign(name, value)
  }
}

interface Context {
  readonly data: unknown
  readonly root: unknown
  readonly functions: TemplateFunctions
  readonly scope: Scope
}

function renderAll(nodes: readonly Node[], context: Context, out: string[]): void {
  for (const node of nodes) render(node, context, out)
}

function render(node: Node, context: Context, out: string[]): void {
  if (node.type === 'text') out.push(node.text)
  else if (node.type === 'print') {
    const value = evaluate(node.pipe, context)
    if (node.pipe.variables.length === 0) out.push(goText(value))
  } else if (node.type === 'range') renderRange(node, context, out)
  else {
    const inner = { ...context, scope: new Scope(context.scope) }
    const value = evaluate(node.pipe, inner)
    if (isTrue(value)) renderAll(node.body, node.type === 'with' ? { ...inner, data: value } : inner, out)
    else renderAll(node.otherwise, inner, out)
  }
}

function renderRange({ pipe, body, otherwise }: Extract<Node, { type: 'range' }>, context: Context, out: string[]): void {
  const value = evaluate({ ...pipe, variables: [] }, context)
  const items: [unknown, unknown][] = Array.isArray(value) ? value.map((item, i) => [i, item])
    : isRecord(value) ? Object.keys(value).sort().map((key) => [key, value[key]])
      : typeof value === 'number' ? Array.from({ length: value }, (_, i) => [i, i]) : []
  if (items.length === 0) return renderAll(otherwise, { ...context, scope: new Scope(context.scope) }, out)
  for (const [key, item] of items) {
    const scope = new Scope(context.scope)
    const [first, second] = pipe.variables
    const set = (name: string, to: unknown) => (pipe.declares ? scope.declare(name, to) : scope.assign(name, to))
    if (second !== undefined) {
      set(first!, key)
      set(second, item)
    } else if (first !== undefined) set(first, item)
    renderAll(body, { ...context, scope, data: item }, out)
  }
}

function evaluate(pipe: Pipe, context: Context): unknown {
  let value: unknown
  pipe.commands.forEach((operands, i) => {
    const [first, ...rest] = operands
    if (first === undefined) throw new Error('template: missing value for command')
    const name = (first as { functionName?: string }).functionName
    const piped = i === 0 ? [] : [value]
    if (name !== undefined) value = call(name, [...rest.map((operand) => () => operand(context)), ...piped.map((v) => () => v)], context)
    else if (rest.length > 0 || piped.length > 0) throw new Error('template: can\'t give argument to non-function')
    else value = first(context)
  })
  const [variable] = pipe.variables
  if (variable !== undefined) {
    if (pipe.declares) context.scope.declare(variable, value)
    else context.scope.assign(variable, value)
  }
  return value
}

/** `and` and `or` look no further than they must. */
function call(name: string, args: readonly (() => unknown)[], { functions }: Context): unknown {
  if (name === 'or' || name === 'and') {
    let value: unknown
    for (const arg of args) {
      value = arg()
      if (isTrue(value) === (name === 'or')) return value
    }
    return value
  }
  const run = functions[name] ?? builtins[name]
  if (run === undefined) throw new Error(`template: function ${JSON.stringify(name)} not defined`)
  return run(...args.map((arg) => arg()))
}

const compare = (a: unknown, b: unknown): number => ((a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0)

const builtins: TemplateFunctions = {
  not: (a) => !isTrue(a),
  eq: (a, ...others) => others.some((b) => a === b),
  ne: (a, b) => a !== b,
  lt: (a, b) => compare(a, b) < 0, le: (a, b) => compare(a, b) <= 0, gt: (a, b) => compare(a, b) > 0, ge: (a, b) => compare(a, b) >= 0,
  len: (a) => (typeof a === 'string' || Array.isArray(a) ? a.length : isRecord(a) ? Object.keys(a).length : 0),
  index: (value, ...keys) => keys.reduce((at: unknown, key) => (Array.isArray(at) ? at[Number(key)] as unknown : isRecord(at) ? at[String(key)] : undefined), value),
  print: (...args) => args.map(goText).join(' '),
  println: (...args) => `${args.map(goText).join(' ')}\n`,
  printf: (format, ...args) => {
    let next = 0
    return String(format).replace(/%(?:%|[+#]?(\d*)(?:\.(\d+))?([svdqtf]))/g, (all, width: string, digits: string, verb: string) => {
      if (all === '%%') return '%'
      const value = args[next++]
      const text = verb === 'q' ? JSON.stringify(goText(value)) : verb === 'f' ? Number(value).toFixed(digits === undefined ? 6 : Number(digits)) : goText(value)
      return text.padStart(Number(width === '' ? 0 : width), width.startsWith('0') ? '0' : ' ')
    })
  },
  dict: (...pairs) => Object.fromEntries(Array.from({ length: pairs.length >> 1 }, (_, i) => [String(pairs[2 * i]), pairs[2 * i + 1]])),
  list: (...items) => items,
  default: (otherwise, value) => (isTrue(value) ? value : otherwise),
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return isRecord(value) ? Object.keys(value).length > 0 : Boolean(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldOf(value: unknown, path: readonly string[]): unknown {
  return path.reduce((at, field) => (isRecord(at) ? at[field] : undefined), value)
}

/** As Go prints a value. */
export function goText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (isRecord(value)) return `map[${Object.keys(value).sort().map((key) => `${key}:${goText(value[key])}`).join(' ')}]`
  return String(value as string | number | boolean)
}
