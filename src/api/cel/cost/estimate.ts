/**
 * What an expression may cost at least and at most, by its text and what schemas say of sizes (cel-go checker/cost.go).
 * Whether a rule may be stored depends on it, so every number is upstream's.
 */
import type { Checked } from '../checker/check.ts'
import type { Call, Expr, Fold, ListExpr, MapExpr, Select } from '../syntax/ast.ts'
import { type CelType, DYN, isOptional } from '../types.ts'
import { textLength } from '../values.ts'
import { estimateCall } from './calls.ts'
import { MAX, NOTHING, ONE, type Range, UNKNOWN, fixed, plus, range, scaled, times, union } from './range.ts'

/** What is known of the size at a path: a variable, then fields, "@items", "@keys" and "@values". */
export type SizeOf = (path: readonly string[]) => Range | undefined

/** A node as functions see it. */
export interface CostNode {
  readonly path: readonly string[]
  readonly type: CelType
  readonly expr: Expr | undefined
  readonly size: Range | undefined
}

export interface CallEstimate {
  readonly cost: Range
  /** Of the result. */
  readonly size?: Range
}

interface EntrySize {
  readonly kind: 'list' | 'map'
  readonly key: Range
  readonly value: Range
}

interface Local {
  readonly path: readonly string[]
  readonly size: Range | undefined
  readonly entry: EntrySize | undefined
}

/** The least and the most that a checked expression costs. */
export function estimateCost(checked: Checked, sizeOf: SizeOf): Range {
  return new Estimator(checked, sizeOf).cost(checked.ast.root)
}

class Estimator {
  private readonly checked: Checked
  private readonly sizeOf: SizeOf
  private readonly paths = new Map<number, readonly string[]>()
  private readonly locals = new Map<string, Local[]>()
  private readonly sizes = new Map<number, Range>()
  private readonly entries = new Map<number, EntrySize>()

  constructor(checked: Checked, sizeOf: SizeOf) {
    this.checked = checked
    this.sizeOf = sizeOf
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal': return NOTHING
      case 'ident': return this.ident(expr, expr.name)
      case 'select': return this.select(expr)
      case 'call': return this.call(expr)
      case 'list': return this.list(expr)
      case 'map': return this.map(expr)
      case 'struct': return plus(fixed(40), ...expr.fields.map(({ value }) => this.cost(value)))
      case 'fold': return isBinding(expr) ? this.binding(expr) : this.fold(expr)
    }
  }

  private typeOf(expr: Expr): CelType {
    return this.checked.types[expr.id] ?? DYN
  }

  private local(name: string): Local | undefined {
    return this.locals.get(name)?.at(-1)
  }

  private push(name: string, local: Local): void {
    const stack = this.locals.get(name)
    if (stack) stack.push(local)
    else this.locals.set(name, [local])
  }

  private pop(name: string): void {
    this.locals.get(name)?.pop()
  }

  private path(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.local(expr.name) : undefined
    return local?.path ?? this.paths.get(expr.id) ?? []
  }

  private ident(expr: Expr, name: string): Range {
    this.paths.set(expr.id, this.local(name)?.path ?? [name])
    return ONE
  }

  private select(expr: Select): Range {
    const { operand, field, test } = expr
    const name = this.checked.references[expr.id]?.name
    if (name !== undefined) return this.ident(expr, name)
    const inner = this.cost(operand)
    // has() itself is free.
    if (test) return inner
    this.paths.set(expr.id, [...this.path(operand), field])
    return ['map', 'struct', 'param'].includes(this.typeOf(operand).kind) ? plus(inner, ONE) : inner
  }

  private call(expr: Call): Range {
    const { args, target } = expr
    if (expr.fn === 'dyn') {
      const [arg] = args as [Expr]
      const cost = plus(ONE, this.cost(arg))
      this.copySizes(expr, arg)
      return cost
    }
    const argCosts: Range[] = []
    const nodes: CostNode[] = []
    for (const arg of args) {
      argCosts.push(this.cost(arg))
      nodes.push(this.node(arg))
    }
    const overloads = this.checked.references[expr.id]?.overloads ?? []
    if (overloads.length === 0) return NOTHING
    const targetCost = target ? this.cost(target) : NOTHING
    const targetNode = target && this.node(target)
    let cost = range(MAX, 0n)
    let size: Range | undefined
    for (const { id } of overloads) {
      const estimate = this.function(expr, id, targetNode, nodes, argCosts)
      cost = union(cost, estimate.cost)
      if (estimate.size) size = size ? union(size, estimate.size) : estimate.size
      if (id === 'index_list' || id === 'index_map') {
        const [operand] = args as [Expr]
        size = this.entry(operand)?.value
        this.paths.set(expr.id, [...this.path(operand), id === 'index_list' ? '@items' : '@values'])
      }
      size ??= this.size(expr)
    }
    if (size) this.sizes.set(expr.id, size)
    return plus(targetCost, cost)
  }

  private list(expr: ListExpr): Range {
    let cost = fixed(10)
    let size = range(expr.elements.length === 0 ? 0n : MAX, 0n)
    for (const element of expr.elements) {
      cost = plus(cost, this.cost(element))
      size = union(size, this.sizeOrUnknown(element))
    }
    this.entries.set(expr.id, { kind: 'list', key: ONE, value: size })
    return cost
  }

  private map(expr: MapExpr): Range {
    let cost = fixed(30)
    const start = range(expr.entries.length === 0 ? 0n : MAX, 0n)
    let [keys, values] = [start, start]
    for (const { key, value } of expr.entries) {
      cost = plus(cost, this.cost(key), this.cost(value))
      keys = union(keys, this.sizeOrUnknown(key))
      values = union(values, this.sizeOrUnknown(value))
    }
    this.entries.set(expr.id, { kind: 'map', key: keys, value: values })
    return cost
  }

  private fold(expr: Fold): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.init))
    this.pushBound(expr.accuVar, expr.init)
    if (expr.iterVar2 === undefined) this.pushLoop(expr.iterVar, expr.range, 'single')
    else {
      this.pushLoop(expr.iterVar, expr.range, 'key')
      this.pushLoop(expr.iterVar2, expr.range, 'value')
    }
    const turn = plus(this.cost(expr.condition), this.cost(expr.step))
    this.pop(expr.iterVar)
    if (expr.iterVar2 !== undefined) this.pop(expr.iterVar2)
    const result = this.cost(expr.result)
    this.pop(expr.accuVar)
    const count = this.sizeOrUnknown(expr.range)
    if (expr.init.kind === 'literal') {
      const size = this.size(expr.init)
      if (size) this.sizes.set(expr.id, size)
    } else if (expr.init.kind === 'list' || expr.init.kind === 'map') {
      this.sizes.set(expr.id, count)
      const entry = this.entry(expr.step)
      if (entry) this.entries.set(expr.id, entry)
    }
    return plus(before, result, times(count, turn))
  }

  private binding(expr: Fold): Range {
    const before = plus(this.cost(expr.range), this.cost(expr.init))
    this.pushBound(expr.accuVar, expr.init)
    const cost = plus(before, this.cost(expr.result))
    this.pop(expr.accuVar)
    this.copySizes(expr, expr.result)
    return cost
  }

  private pushBound(name: string, expr: Expr): void {
    this.push(name, { path: this.path(expr), size: this.size(expr), entry: this.entry(expr) })
  }

  private pushLoop(name: string, over: Expr, what: 'single' | 'key' | 'value'): void {
    const entry = this.entry(over)
    const isList = (entry?.kind ?? this.typeOf(over).kind) === 'list'
    const value = what === 'value' || (what === 'single' && isList)
    const part = value ? (isList ? '@items' : '@values') : isList ? '@indices' : '@keys'
    this.push(name, { path: [...this.path(over), part], size: value ? entry?.value : entry?.key, entry: undefined })
  }

  private function(expr: Call, overload: string, target: CostNode | undefined, args: readonly CostNode[], argCosts: readonly Range[]): CallEstimate {
    const own = estimateCall(expr.fn, overload, target, args, this.sizeOf)
    if (own) return { ...own, cost: plus(own.cost, ...argCosts) }
    const [first, second] = args
    switch (overload) {
      case 'logical_or':
      case 'logical_and': {
        const [left = NOTHING, right = NOTHING] = argCosts
        return { cost: range(left.min, plus(left, right).max) }
      }
      case 'conditional': return this.conditional(expr, args, argCosts)
      case 'add_string':
      case 'add_bytes':
      case 'add_list': return this.sum(expr, overload, args, argCosts)
      default:
    }
    const estimate = standardEstimate(overload, target, first, second)
    return { ...estimate, cost: plus(estimate.cost, ...argCosts) }
  }

  private conditional(expr: Call, args: readonly CostNode[], argCosts: readonly Range[]): CallEstimate {
    const [, yes, no] = args as [CostNode, CostNode, CostNode]
    const [test = NOTHING, whenTrue = NOTHING, whenFalse = NOTHING] = argCosts
    this.joinEntries(expr, yes, no)
    return { cost: plus(test, union(whenTrue, whenFalse)), size: union(yes.size ?? UNKNOWN, no.size ?? UNKNOWN) }
  }

  private sum(expr: Call, overload: string, args: readonly CostNode[], argCosts: readonly Range[]): CallEstimate {
    const [left, right] = args as [CostNode, CostNode]
    const size = plus(left.size ?? UNKNOWN, right.size ?? UNKNOWN)
    this.joinEntries(expr, left, right)
    return { cost: plus(overload === 'add_list' ? ONE : scaled(size, 0.1), ...argCosts), size }
  }

  private joinEntries(expr: Expr, a: CostNode, b: CostNode): void {
    const [left, right] = [a.expr && this.entry(a.expr), b.expr && this.entry(b.expr)]
    if (!left || !right) return
    this.entries.set(expr.id, {
      kind: left.kind, key: union(left.key, right.key), value: union(left.value, right.value),
    })
  }

  private node(expr: Expr): CostNode {
    const path = this.path(expr)
    const hidden = path[0] === '@result' || path[0] === '__result__'
    return { path: hidden ? [] : path, type: this.typeOf(expr), expr, size: this.size(expr) }
  }

  private sizeOrUnknown(expr: Expr): Range {
    return this.size(expr) ?? UNKNOWN
  }

  private size(expr: Expr): Range | undefined {
    const known = this.sizes.get(expr.id) ?? literalSize(expr)
    if (known) return known
    const path = this.path(expr)
    const told = path.length > 0 ? this.sizeOf(path) : undefined
    if (told) {
      this.sizes.set(expr.id, told)
      return told
    }
    if (isScalar(this.typeOf(expr))) return ONE
    return expr.kind === 'ident' ? this.local(expr.name)?.size : undefined
  }

  private entry(expr: Expr): EntrySize | undefined {
    return this.entries.get(expr.id) ?? (expr.kind === 'ident' ? this.local(expr.name)?.entry : undefined)
  }

  private copySizes(to: Expr, from: Expr): void {
    const size = this.size(from)
    if (size) this.sizes.set(to.id, size)
    const entry = this.entry(from)
    if (entry) this.entries.set(to.id, entry)
  }
}

function isBinding({ range: over, condition }: Fold): boolean {
  return over.kind === 'list' && over.elements.length === 0 && condition.kind === 'literal' && condition.value === false
}

function literalSize(expr: Expr): Range | undefined {
  if (expr.kind === 'list') return fixed(expr.elements.length)
  if (expr.kind === 'map') return fixed(expr.entries.length)
  if (expr.kind !== 'literal') return undefined
  if (typeof expr.value === 'string') return fixed(textLength(expr.value))
  return expr.value instanceof Uint8Array ? fixed(expr.value.length) : ONE
}

const scalars: ReadonlySet<string> = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint'])
const isScalar = (type: CelType): boolean =>
  scalars.has(type.kind) || (isOptional(type) && isScalar(type.params[0] as CelType))

const comparison = /^(?:(?:less|greater)(?:_equals)?_(?:string|bytes)|(?:not_)?equals)$/

/** What standard functions cost, without their arguments. */
function standardEstimate(
  overload: string, target: CostNode | undefined, first: CostNode | undefined, second: CostNode | undefined,
): CallEstimate {
  const a = first?.size ?? UNKNOWN
  const b = second?.size ?? UNKNOWN
  const text = target?.size ?? UNKNOWN
  if (comparison.test(overload)) {
    const max = a.max < b.max ? a.max : b.max
    return { cost: scaled(range(max > 0n ? 1n : 0n, max), 0.1) }
  }
  switch (overload) {
    case 'string_format': return { cost: scaled(text, 0.1) }
    case 'string_to_bytes': return { cost: scaled(a, 0.1), size: range(a.min, BigInt.asUintN(64, a.max * 4n)) }
    case 'bytes_to_string': return { cost: scaled(a, 0.1), size: range(a.min / 4n, a.max) }
    case 'strings_quote':
      return { cost: scaled(a, 0.1), size: range(BigInt.asUintN(64, a.min + 2n), BigInt.asUintN(64, a.max * 2n + 2n)) }
    case 'starts_with_string':
    case 'ends_with_string': return { cost: scaled(a, 0.1) }
    case 'in_list': return { cost: scaled(b, 1) }
    case 'matches_string': return { cost: times(scaled(plus(text, ONE), 0.1), scaled(a, 0.25)) }
    case 'contains_string': return { cost: times(scaled(text, 0.1), scaled(a, 0.1)) }
    default: return { cost: ONE }
  }
}
