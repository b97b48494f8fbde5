/**
 * The jq expressions of stages: paths (".a.b", ".[]", "[0]", ["quoted"]), pipes, select, comparisons, and/or/not, "//",
 * literals and a few functions. An expression gives any number of values.
 */
export type Query = (value: unknown) => unknown[]

/** Throws on what is no expression. */
export function parseQuery(text: string): Query {
  const words: string[] = []
  const lexeme = /\s*("(?:\\.|[^"\\])*"|\.\.|\/\/|==|!=|<=|>=|[|(),<>[\]?.]|-?\d+(?:\.\d+)?|[A-Za-z_]\w*)\s*/y
  for (let at = 0; at < text.length; at = lexeme.lastIndex) {
    lexeme.lastIndex = at
    const match = lexeme.exec(text)
    if (match === null) throw new Error(`query: cannot read ${JSON.stringify(text.slice(at))}`)
    words.push(match[1]!)
  }
  const reader: Reader = { words, at: 0 }
  const query = pipe(reader)
  if (reader.at < words.length) throw new Error(`query: unexpected ${JSON.stringify(words[reader.at])} in ${text}`)
  return query
}

interface Reader {
  readonly words: readonly string[]
  at: number
}

function taken(reader: Reader, ...words: readonly string[]): string | undefined {
  const word = reader.words[reader.at]
  if (word === undefined || !words.includes(word)) return undefined
  reader.at++
  return word
}

function pipe(reader: Reader): Query {
  let left = alternative(reader)
  while (taken(reader, '|') !== undefined) {
    const [before, after] = [left, alternative(reader)]
    left = (value) => before(value).flatMap(after)
  }
  return left
}

function alternative(reader: Reader): Query {
  const left = logical(reader)
  if (taken(reader, '//') === undefined) return left
  const right = alternative(reader)
  return (value) => {
    const found = left(value).filter((v) => v !== undefined && v !== null && v !== false)
    return found.length > 0 ? found : right(value)
  }
}

function logical(reader: Reader): Query {
  let left = comparison(reader)
  for (let word = taken(reader, 'and', 'or'); word !== undefined; word = taken(reader, 'and', 'or')) {
    const [a, b, and] = [left, comparison(reader), word === 'and']
    left = (value) => [and ? truthy(a(value)) && truthy(b(value)) : truthy(a(value)) || truthy(b(value))]
  }
  return left
}

const operators: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  '==': (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null), '!=': (a, b) => JSON.stringify(a ?? null) !== JSON.stringify(b ?? null),
  '<': (a, b) => (a as number) < (b as number), '<=': (a, b) => (a as number) <= (b as number),
  '>': (a, b) => (a as number) > (b as number), '>=': (a, b) => (a as number) >= (b as number),
}

function comparison(reader: Reader): Query {
  const left = term(reader)
  const operator = taken(reader, ...Object.keys(operators))
  if (operator === undefined) return left
  const [right, holds] = [term(reader), operators[operator]!]
  return (value) => left(value).flatMap((a) => right(value).map((b) => holds(a, b)))
}

const functions: Readonly<Record<string, (value: unknown) => unknown[]>> = {
  not: (value) => [!truthy([value])],
  length: (value) => [typeof value === 'string' || Array.isArray(value) ? value.length : isRecord(value) ? Object.keys(value).length : 0],
  keys: (value) => [isRecord(value) ? Object.keys(value).sort() : []],
  tostring: (value) => [typeof value === 'string' ? value : JSON.stringify(value ?? null)],
  tonumber: (value) => [Number(value)],
  empty: () => [],
}

function term(reader: Reader): Query {
  const word = reader.words[reader.at++]
  if (word === undefined) throw new Error('query: the expression ends too early')
  if (word === '(') {
    const inner = pipe(reader)
    expect(reader, ')')
    return suffixes(reader, inner)
  }
  if (word.startsWith('"')) return constant(JSON.parse(word))
  if (/^-?\d/.test(word)) return constant(Number(word))
  if (word === 'true' || word === 'false') return constant(word === 'true')
  if (word === 'null') return constant(null)
  if (word === '.') {
    reader.at--
    return path(reader)
  }
  if (word === 'select' || word === 'map' || word === 'has') return applied(reader, word)
  const run = functions[word]
  if (run === undefined) throw new Error(`query: ${word} is not known`)
  return run
}

function applied(reader: Reader, name: 'select' | 'map' | 'has'): Query {
  expect(reader, '(')
  const inner = pipe(reader)
  expect(reader, ')')
  if (name === 'select') return (value) => (truthy(inner(value)) ? [value] : [])
  if (name === 'map') return (value) => [Array.isArray(value) ? value.flatMap(inner) : []]
  return (value) => inner(value).map((key) => isRecord(value) && Object.hasOwn(value, String(key)))
}

function path(reader: Reader): Query {
  expect(reader, '.')
  const next = reader.words[reader.at]
  if (next !== undefined && /^[A-Za-z_"]/.test(next) && !['and', 'or'].includes(next)) {
    reader.at++
    return suffixes(reader, field(next.startsWith('"') ? JSON.parse(next) as string : next))
  }
  return suffixes(reader, (value) => [value])
}

function suffixes(reader: Reader, first: Query): Query {
  let query = first
  for (;;) {
    if (taken(reader, '?') !== undefined) continue
    const [word, next] = [reader.words[reader.at], reader.words[reader.at + 1]]
    if (word === '[' || (word === '.' && next === '[')) {
      reader.at += word === '[' ? 1 : 2
      query = then(query, subscript(reader))
    } else if (word === '.' && next !== undefined && /^[A-Za-z_"]/.test(next)) {
      reader.at += 2
      query = then(query, field(next.startsWith('"') ? JSON.parse(next) as string : next))
    } else return query
  }
}

function subscript(reader: Reader): Query {
  if (taken(reader, ']') !== undefined) return (value) => (Array.isArray(value) ? value as unknown[] : isRecord(value) ? Object.values(value) : [])
  const key = reader.words[reader.at++] ?? ''
  expect(reader, ']')
  if (key.startsWith('"')) return field(JSON.parse(key) as string)
  const index = Number(key)
  return (value) => [Array.isArray(value) ? value.at(index) as unknown : undefined]
}

const then = (first: Query, second: Query): Query => (value) => first(value).flatMap(second)
const field = (name: string): Query => (value) => [isRecord(value) ? value[name] : undefined]
const constant = (value: unknown): Query => () => [value]

function expect(reader: Reader, word: string): void {
  if (taken(reader, word) === undefined) throw new Error(`query: ${word} is missing`)
}

function truthy(values: readonly unknown[]): boolean {
  return values.some((value) => value !== undefined && value !== null && value !== false)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
