/**
 * What is checked once types are right: literals that conversions cannot read, literals of mixed elements, and formats
 * with their arguments (cel-go cel/validator.go and ext/formatting.go).
 */
import { toDuration, toTimestamp } from '../eval/convert.ts'
import { compileRegex } from '../eval/regex.ts'
import { type Clause, FormatError, clauseErrors, parseFormat } from '../library/format-string.ts'
import type { Call, Expr, Issue, ListExpr, MapExpr } from '../syntax/ast.ts'
import { type CelType, isDyn, isOptional, sameType } from '../types.ts'
import { CelError } from '../values.ts'
import type { Checked } from './check.ts'

const literals: ReadonlyMap<string, (value: unknown) => unknown> = new Map([
  ['duration', toDuration],
  ['timestamp', toTimestamp],
  ['matches', (value: unknown) => (typeof value === 'string' ? compileRegex(value) : value)],
])

/** The parts of a node. */
function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'select': return [expr.operand]
    case 'call': return expr.target ? [expr.target, ...expr.args] : expr.args
    case 'list': return expr.elements
    case 'map': return expr.entries.flatMap(({ key, value }) => [key, value])
    case 'struct': return expr.fields.map(({ value }) => value)
    case 'fold': return [expr.range, expr.init, expr.condition, expr.step, expr.result]
    default: return []
  }
}

/** What is wrong with a tree that the checker has passed. */
export function validate(checked: Checked): Issue[] {
  const { ast, types } = checked
  const issues: Issue[] = []
  const report = (id: number, message: string): void => {
    issues.push(ast.source.issue(ast.offsets[id] ?? -1, message))
  }
  const mismatch = (expr: Expr, expected: CelType, actual: CelType): void => {
    report(expr.id, `expected type '${String(expected)}' but found '${String(actual)}'`)
  }
  const typeOf = (expr: Expr): CelType => types[expr.id] as CelType
  /** Arguments of format() may be of different types. */
  const visit = (expr: Expr, formatted: boolean): void => {
    if (expr.kind === 'call') {
      checkLiteral(expr, report)
      checkFormat(expr, typeOf, report)
    }
    if (!formatted && expr.kind === 'list') checkList(expr, typeOf, mismatch)
    if (!formatted && expr.kind === 'map') checkMap(expr, typeOf, mismatch)
    const inside = formatted || (expr.kind === 'call' && expr.fn === 'format')
    for (const child of children(expr)) visit(child, inside)
  }
  visit(ast.root, false)
  return issues
}

type Report = (id: number, message: string) => void
type TypeOf = (expr: Expr) => CelType
type Mismatch = (expr: Expr, expected: CelType, actual: CelType) => void

function checkLiteral({ fn, args }: Call, report: Report): void {
  const [arg] = args
  const read = literals.get(fn)
  if (!read || arg?.kind !== 'literal') return
  if (read(arg.value) instanceof CelError) report(arg.id, `invalid ${fn} argument`)
}

const unwrapped = (type: CelType): CelType => (isOptional(type) ? (type.params[0] as CelType) : type)

function checkList({ elements, optional }: ListExpr, typeOf: TypeOf, mismatch: Mismatch): void {
  let wanted: CelType | undefined
  for (const [index, element] of elements.entries()) {
    const type = optional.includes(index) ? unwrapped(typeOf(element)) : typeOf(element)
    wanted ??= type
    if (!sameType(wanted, type)) return mismatch(element, wanted, type)
  }
}

function checkMap({ entries }: MapExpr, typeOf: TypeOf, mismatch: Mismatch): void {
  let keys: CelType | undefined
  let values: CelType | undefined
  for (const { key, value, optional } of entries) {
    const [keyType, valueType] = [typeOf(key), optional ? unwrapped(typeOf(value)) : typeOf(value)]
    keys ??= keyType
    values ??= valueType
    if (!sameType(keys, keyType)) mismatch(key, keys, keyType)
    if (!sameType(values, valueType)) mismatch(value, values, valueType)
  }
}

const clauseKinds: Readonly<Record<string, readonly string[]>> = {
  s: ['list', 'map', 'int', 'uint', 'double', 'bool', 'string', 'timestamp', 'bytes', 'duration', 'type', 'null'],
  d: ['int', 'uint'],
  f: ['double', 'string'],
  e: ['double', 'string'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
}

/** A constant format with a list of arguments. */
function checkFormat({ id, fn, target, args }: Call, typeOf: TypeOf, report: Report): void {
  const [list] = args
  if (fn !== 'format' || target?.kind !== 'literal' || typeof target.value !== 'string' || list?.kind !== 'list') return
  let used = 0
  try {
    parseFormat(target.value, () => undefined, ({ letter }: Clause, index) => {
      used++
      const bad = unfit(letter, list.elements[index] as Expr, typeOf)
      if (!bad) return
      const text = `error during formatting: ${clauseErrors[letter] as string}${typeOf(bad).name}`
      throw new FormatError(text, bad.id)
    }, list.elements.length)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return report(error.id ?? id, error.message)
  }
  if (list.elements.length > used) {
    const counts = `expected ${String(used)}, got ${String(list.elements.length)}`
    report(id, `too many arguments supplied to string.format (${counts})`)
  }
}

/** The part of an argument that a clause does not take. */
function unfit(letter: string, arg: Expr, typeOf: TypeOf): Expr | undefined {
  const type = typeOf(arg)
  if (!isDyn(type) && !(clauseKinds[letter] as readonly string[]).includes(type.kind)) return arg
  if (letter !== 's') return undefined
  for (const part of arg.kind === 'list' || arg.kind === 'map' ? children(arg) : []) {
    const bad = unfit(letter, part, typeOf)
    if (bad) return bad
  }
  return undefined
}
