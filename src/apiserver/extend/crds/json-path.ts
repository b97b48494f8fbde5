/**
 * JSONPath as printer columns use it (client-go/util/jsonpath): fields, indexes, slices, wildcards, filters that compare
 * with a literal, recursive descent. Paths are parsed once.
 */
export type JsonPath = (value: unknown) => unknown[]

type Step = (values: readonly unknown[]) => unknown[]

/** Throws on a path that cannot be read. */
export function parseJsonPath(text: string): JsonPath {
  const steps: Step[] = []
  let rest = text.trim().replace(/^\$/, '')
  while (rest !== '') {
    const { step, length } = nextStep(rest, text)
    steps.push(step)
    rest = rest.slice(length)
  }
  return (value) => steps.reduce<unknown[]>((values, step) => step(values), [value])
}

function nextStep(rest: string, whole: string): { step: Step; length: number } {
  if (rest.startsWith('..')) {
    const name = /^\.\.([^.[\]]+)/.exec(rest)
    if (name === null) throw new Error(`unrecognized path in ${JSON.stringify(whole)}`)
    return { step: (values) => values.flatMap(descendants).flatMap((value) => field(value, name[1]!)), length: name[0].length }
  }
  const dotted = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest)
  if (dotted !== null) {
    const name = dotted[1]!.replace(/\\(.)/g, '$1')
    return { step: (values) => values.flatMap((value) => (name === '*' ? elements(value) : field(value, name))), length: dotted[0].length }
  }
  if (rest === '.') return { step: (values) => [...values], length: 1 }
  if (!rest.startsWith('[')) throw new Error(`unrecognized character in ${JSON.stringify(whole)}`)
  const end = closingBracket(rest, whole)
  return { step: bracketStep(rest.slice(1, end).trim(), whole), length: end + 1 }
}

/** The bracket that closes the first one; those in quotes and in nested brackets do not count. */
function closingBracket(rest: string, whole: string): number {
  let depth = 0
  let quote = ''
  for (let i = 0; i < rest.length; i++) {
    const c = rest[i]!
    if (quote !== '') {
      if (c === '\\') i++
      else if (c === quote) quote = ''
    } else if (c === '"' || c === '\'') quote = c
    else if (c === '[') depth++
    else if (c === ']' && --depth === 0) return i
  }
  throw new Error(`unterminated array in ${JSON.stringify(whole)}`)
}

function bracketStep(inner: string, whole: string): Step {
  if (inner === '*') return (values) => values.flatMap(elements)
  if (inner.startsWith('?')) return filterStep(inner, whole)
  if (/^-?\d+$/.test(inner)) return (values) => values.flatMap((value) => at(value, Number(inner)))
  const slice = /^(-?\d*):(-?\d*)$/.exec(inner)
  if (slice !== null) {
    const [, from, to] = slice
    return (values) => values.flatMap((value) => (Array.isArray(value) ? value.slice(from === '' ? 0 : Number(from), to === '' ? undefined : Number(to)) as unknown[] : []))
  }
  const name = literal(inner)
  if (typeof name === 'string') return (values) => values.flatMap((value) => field(value, name))
  throw new Error(`invalid array index ${inner} in ${JSON.stringify(whole)}`)
}

const comparisons: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  '==': (a, b) => a === b, '!=': (a, b) => a !== b,
  '<': (a, b) => comparable(a, b) && (a as number) < (b as number), '<=': (a, b) => comparable(a, b) && (a as number) <= (b as number),
  '>': (a, b) => comparable(a, b) && (a as number) > (b as number), '>=': (a, b) => comparable(a, b) && (a as number) >= (b as number),
}

function comparable(a: unknown, b: unknown): boolean {
  return typeof a === typeof b && (typeof a === 'number' || typeof a === 'string')
}

/** ?(@.type=="Ready"), ?(@.name). */
function filterStep(inner: string, whole: string): Step {
  const match = /^\?\(\s*@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)$/.exec(inner)
  if (match === null) throw new Error(`unrecognized filter in ${JSON.stringify(whole)}`)
  const left = parseJsonPath(match[1]!)
  const operator = match[2]
  const keeps = operator === undefined
    ? (value: unknown) => left(value).length > 0
    : compareWith(left, comparisons[operator]!, match[3]!, whole)
  return (values) => values.flatMap((value) => elements(value).filter(keeps))
}

function compareWith(left: JsonPath, compare: (a: unknown, b: unknown) => boolean, right: string, whole: string): (value: unknown) => boolean {
  const expected = right.startsWith('@') ? undefined : literal(right)
  if (expected === undefined && !right.startsWith('@')) throw new Error(`unrecognized literal ${right} in ${JSON.stringify(whole)}`)
  const path = right.startsWith('@') ? parseJsonPath(right.slice(1)) : undefined
  return (value) => {
    const [found] = left(value)
    return found !== undefined && compare(found, path === undefined ? expected : path(value)[0])
  }
}

function literal(text: string): string | number | boolean | undefined {
  const quoted = /^(["'])(.*)\1$/s.exec(text)
  if (quoted !== null) return quoted[2]!.replace(/\\(.)/g, '$1')
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && !Number.isNaN(Number(text)) ? Number(text) : undefined
}

function field(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return []
  return [(value as Record<string, unknown>)[name]]
}

function elements(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[]
  return typeof value === 'object' && value !== null ? Object.values(value) : []
}

function at(value: unknown, index: number): unknown[] {
  if (!Array.isArray(value)) return []
  const found: unknown = value.at(index)
  return found === undefined ? [] : [found]
}

function descendants(value: unknown): unknown[] {
  return [value, ...elements(value).flatMap(descendants)]
}
