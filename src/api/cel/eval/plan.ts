/**
 * Turns a checked tree into closures, once per expression (cel-go interpreter/planner.go with its decorators: constants
 * are folded, `in` a constant list is a set). Every closure counts what it costs (interpreter/runtimecost.go).
 */
import type { Checked, Reference } from '../checker/check.ts'
import type { FunctionDeclaration, Implementation, Overload, StructProvider } from '../checker/declarations.ts'
import { conversions } from '../library/standard.ts'
import type { Call, Expr, ListExpr, MapExpr, Select, StructExpr } from '../syntax/ast.ts'
import { BOOL, STRING, UINT, DOUBLE, CelType, isDyn } from '../types.ts'
import {
  CelError, CelMap, Double, Optional, Uint, adapt, intOf, isInt, mapKey, noSuchOverload, typeOf,
} from '../values.ts'
import { type Attribute, type Step, evaluator, resolver, tester } from './attributes.ts'
import { equal } from './compare.ts'
import { typeName } from './convert.ts'
import { goTypeName, planFold } from './fold.ts'
import { formatValue } from './format.ts'
import { Frame, type Eval } from './frame.ts'

/** What a call costs, by its function and overload; the overload is '' when several fit. */
export type CallCost = (fn: string, overload: string, args: readonly unknown[], result: unknown) => number

export interface PlanOptions {
  readonly structs: readonly StructProvider[]
  readonly callCost: CallCost
  /** Functions whose constant argument is a pattern: it is read when the program is made. */
  readonly patterns: ReadonlyMap<string, (pattern: string) => unknown>
}

/** A program cannot be made: a constant is not what its function needs. */
export class PlanError extends Error {}

/** A planned node. */
export interface Plan {
  readonly eval: Eval
  readonly constant?: { readonly value: unknown }
  readonly attribute?: Attribute
}

const constant = (value: unknown): Plan => ({ eval: () => value, constant: { value } })
const ofAttribute = (attribute: Attribute): Plan => ({ eval: evaluator(attribute), attribute })

export class Planner {
  readonly slots = new Map<string, number>()
  readonly checked: Checked
  private readonly options: PlanOptions
  /** Names of comprehensions' variables in scope, innermost last. */
  private readonly locals: { readonly name: string; readonly slot: number; readonly lazy: Eval | undefined }[] = []
  private places = 0

  constructor(checked: Checked, options: PlanOptions) {
    this.checked = checked
    this.options = options
  }

  place(): number {
    return this.places++
  }

  get size(): number {
    return this.places
  }

  /** Plans `work` with a name bound to a place. */
  bound<T>(names: readonly { name: string; slot: number; lazy?: Eval }[], work: () => T): T {
    for (const { name, slot, lazy } of names) this.locals.push({ name, slot, lazy })
    const result = work()
    this.locals.length -= names.length
    return result
  }

  plan(expr: Expr): Plan {
    switch (expr.kind) {
      case 'literal': return constant(expr.value)
      case 'ident': return this.name(expr.name, this.checked.references[expr.id])
      case 'select': return this.select(expr)
      case 'call': return this.call(expr)
      case 'list': return this.list(expr)
      case 'map': return this.map(expr)
      case 'struct': return { eval: this.struct(expr) }
      case 'fold': return { eval: planFold(this, expr) }
    }
  }

  typeOf(expr: Expr): CelType | undefined {
    return this.checked.types[expr.id]
  }

  private name(name: string, reference: Reference | undefined): Plan {
    if (reference?.value !== undefined) {
      // Types of data have no value.
      if (reference.value instanceof CelType && reference.value.kind === 'struct') {
        throw new PlanError(`reference to undefined type: ${reference.name ?? name}`)
      }
      return constant(reference.value)
    }
    return ofAttribute({ root: this.variable(reference?.name ?? name), steps: [], free: false })
  }

  private variable(name: string): Eval {
    const local = this.locals.findLast((entry) => entry.name === name)
    if (local) {
      const { slot, lazy } = local
      if (!lazy) return (frame) => frame.vars[slot]
      return (frame) => {
        frame.vars[slot] ??= lazy(frame)
        return frame.vars[slot]
      }
    }
    let slot = this.slots.get(name)
    if (slot === undefined) this.slots.set(name, (slot = this.place()))
    const place = slot
    const unknown = new CelError(`no such attribute(s): ${name}`)
    return (frame) => {
      const value = frame.vars[place]
      return value === undefined ? unknown : value
    }
  }

  private select(expr: Select): Plan {
    const reference = this.checked.references[expr.id]
    if (reference) return this.name(reference.name ?? '', reference)
    const attribute = this.attributeOf(this.plan(expr.operand))
    const key = this.dataName(expr.operand, expr.field)
    if (expr.test) return { eval: tester(attribute, key) }
    return ofAttribute(withStep(attribute, { key, compute: undefined, optional: false }))
  }

  /** A field's name in data: schemas may have names that expressions cannot spell. */
  private dataName(operand: Expr, field: string): string {
    const type = this.typeOf(operand)
    if (type?.kind !== 'struct') return field
    for (const provider of this.options.structs) {
      if (provider.find(type.name)) return provider.dataName?.(type.name, field) ?? field
    }
    return field
  }

  private attributeOf(plan: Plan): Attribute {
    return plan.attribute ?? { root: plan.eval, steps: [], free: false }
  }

  private call(expr: Call): Plan {
    const operands = expr.target ? [expr.target, ...expr.args] : expr.args
    switch (expr.fn) {
      case '_?_:_': return this.conditional(operands)
      case '_[_]': return this.index(operands, false)
      case '_[?_]': return this.index(operands, true)
      case '_?._': {
        const [operand, field] = operands as [Expr, Expr]
        const name = field.kind === 'literal' ? String(field.value) : ''
        const step: Step = { key: this.dataName(operand, name), compute: undefined, optional: true }
        return ofAttribute(withStep(this.attributeOf(this.plan(operand)), step))
      }
      default:
    }
    const args = operands.map((operand) => this.plan(operand))
    const reference = this.checked.references[expr.id]
    const overload = reference?.overloads?.length === 1 ? (reference.overloads[0] as Overload).id : ''
    const special = this.special(expr.fn, args)
    if (special) return special
    const folded = this.fold(expr, overload, args)
    if (folded) return folded
    this.checkPattern(expr, args)
    const fn = reference?.fn
    return { eval: this.costed(expr.fn, overload, args.map((arg) => arg.eval), implementation(expr.fn, fn, reference?.overloads ?? [], expr.target !== undefined)) }
  }

  /** What is not called like other functions: it may leave arguments out, or see errors. */
  private special(fn: string, args: readonly Plan[]): Plan | undefined {
    const evals = args.map((arg) => arg.eval)
    const [first, second] = evals
    switch (fn) {
      case '_&&_': return { eval: logical(evals, false) }
      case '_||_': return { eval: logical(evals, true) }
      case '@not_strictly_false': return { eval: (frame) => {
        const value = (first as Eval)(frame)
        frame.cost++
        return typeof value === 'boolean' ? value : true
      } }
      case '_==_':
      case '_!=_': return { eval: this.equality(fn, first as Eval, second as Eval) }
      case 'or': return { eval: optionalOr(first as Eval, second as Eval, false) }
      case 'orValue': return { eval: optionalOr(first as Eval, second as Eval, true) }
      default: return undefined
    }
  }

  private equality(fn: string, left: Eval, right: Eval): Eval {
    const id = fn === '_==_' ? 'equals' : 'not_equals'
    const { callCost } = this.options
    return (frame) => {
      const a = left(frame)
      const b = right(frame)
      const failed = a instanceof CelError ? a : b instanceof CelError ? b : undefined
      if (failed) {
        frame.cost++
        return failed
      }
      const same = equal(a, b)
      frame.cost += typeof a === 'number' || typeof b === 'number' ? 1 : callCost(fn, id, [a, b], same)
      if (fn === '_==_') return same
      return same !== true
    }
  }

  private conditional(operands: readonly Expr[]): Plan {
    const [test, yes, no] = operands.map((operand) => this.plan(operand)) as [Plan, Plan, Plan]
    const condition = test.eval
    const branch = (plan: Plan): Eval => (plan.attribute ? resolver(plan.attribute) : plan.eval)
    const [whenTrue, whenFalse] = [branch(yes), branch(no)]
    const root: Eval = (frame) => {
      const value = condition(frame)
      if (value === true) return whenTrue(frame)
      if (value === false) return whenFalse(frame)
      return value instanceof CelError ? value : noSuchOverload()
    }
    return ofAttribute({ root, steps: [], free: true })
  }

  private index(operands: readonly Expr[], optional: boolean): Plan {
    const [operand, key] = operands.map((each) => this.plan(each)) as [Plan, Plan]
    const attribute = this.attributeOf(operand)
    if (key.constant && !isPrimitive(key.constant.value)) {
      throw new PlanError(`invalid qualifier type: ${goTypeName(key.constant.value)}`)
    }
    if (key.constant) return ofAttribute(withStep(attribute, { key: key.constant.value, compute: undefined, optional }))
    const compute = key.attribute ? resolver(key.attribute) : key.eval
    return ofAttribute(withStep(attribute, { key: undefined, compute, optional }))
  }

  /** Conversions of constants, and membership in a constant list, are found out now. */
  private fold(expr: Call, overload: string, args: readonly Plan[]): Plan | undefined {
    const [first, second] = args
    if (args.length === 1 && first?.constant && conversions.has(expr.fn)) {
      const reference = this.checked.references[expr.id]
      const work = implementation(expr.fn, reference?.fn, reference?.overloads ?? [], false)
      const value = work(first.constant.value)
      if (value instanceof CelError) throw new PlanError(value.message)
      return constant(value)
    }
    if (overload !== 'in_list' || !Array.isArray(second?.constant?.value)) return undefined
    const items = second.constant.value as readonly unknown[]
    if (items.length === 0) return constant(false)
    const keys = new Set<unknown>()
    for (const item of items) {
      if (!isPrimitive(item)) return undefined
      keys.add(setKey(item))
    }
    const value = (first as Plan).eval
    return { eval: (frame) => {
      const found = value(frame)
      return found instanceof CelError ? found : isPrimitive(found) && keys.has(setKey(found))
    } }
  }

  private checkPattern(expr: Call, args: readonly Plan[]): void {
    const read = this.options.patterns.get(expr.fn)
    const pattern = args[1]?.constant?.value
    if (!read || typeof pattern !== 'string') return
    const result = read(pattern)
    if (result instanceof CelError) throw new PlanError(result.message)
  }

  private costed(fn: string, overload: string, args: readonly Eval[], work: Implementation): Eval {
    const { callCost } = this.options
    const [first, second] = args
    if (args.length === 1 && first) {
      return (frame) => {
        const a = first(frame)
        // Calls with one or two arguments are counted even when an argument fails.
        const result = a instanceof CelError ? a : work(a)
        frame.spend(callCost(fn, overload, [a], result))
        return result
      }
    }
    if (args.length === 2 && first && second) {
      return (frame) => {
        const a = first(frame)
        const b = second(frame)
        const result = a instanceof CelError ? a : b instanceof CelError ? b : work(a, b)
        frame.spend(typeof a === 'number' && typeof b === 'number' ? 1 : callCost(fn, overload, [a, b], result))
        return result
      }
    }
    return (frame) => {
      const values: unknown[] = []
      for (const arg of args) {
        const value = arg(frame)
        if (value instanceof CelError) return value
        values.push(value)
      }
      const result = work(...values)
      frame.spend(callCost(fn, overload, values, result))
      return result
    }
  }

  private list(expr: ListExpr): Plan {
    const plans = expr.elements.map((element) => this.plan(element))
    const optional = new Set(expr.optional)
    const evals = plans.map((plan) => plan.eval)
    const make: Eval = (frame) => {
      const items: unknown[] = []
      for (let i = 0; i < evals.length; i++) {
        let value = (evals[i] as Eval)(frame)
        if (value instanceof CelError) return value
        if (optional.has(i)) {
          if (!(value instanceof Optional)) {
            return new CelError(`cannot initialize optional list element from non-optional value ${formatValue(value)}`)
          }
          if (!value.present) continue
          ;({ value } = value)
        }
        items.push(value)
      }
      return items
    }
    return this.literal(plans, make, 10)
  }

  private map(expr: MapExpr): Plan {
    const plans = expr.entries.flatMap(({ key, value }) => [this.plan(key), this.plan(value)])
    const entries = expr.entries.map(({ optional }, i) => ({
      key: (plans[2 * i] as Plan).eval, value: (plans[2 * i + 1] as Plan).eval, optional,
    }))
    const make: Eval = (frame) => {
      const map = new CelMap()
      for (const entry of entries) {
        const key = entry.key(frame)
        if (key instanceof CelError) return key
        let value = entry.value(frame)
        if (value instanceof CelError) return value
        if (entry.optional) {
          if (!(value instanceof Optional)) return badOptional(key, value)
          if (!value.present) {
            map.entries.delete(mapKey(key))
            continue
          }
          ;({ value } = value)
        }
        map.set(key, value)
      }
      return map
    }
    return this.literal(plans, make, 30)
  }

  /** A literal of constants is one itself. */
  private literal(parts: readonly Plan[], make: Eval, cost: number): Plan {
    if (parts.every((part) => part.constant)) {
      const value = make(new Frame([], Infinity))
      if (!(value instanceof CelError)) return constant(value)
    }
    return { eval: (frame) => {
      const value = make(frame)
      frame.spend(cost)
      return value
    } }
  }

  private struct(expr: StructExpr): Eval {
    const fields = expr.fields.map(({ name, value, optional }) => ({ name, value: this.plan(value).eval, optional }))
    const provider = this.options.structs.find((each) => each.find(expr.name))
    const { name } = expr
    return (frame) => {
      const values = new Map<string, unknown>()
      for (const field of fields) {
        let value = field.value(frame)
        if (value instanceof CelError) return value
        if (field.optional) {
          if (!(value instanceof Optional)) return badOptional(field.name, value)
          if (!value.present) {
            values.delete(field.name)
            continue
          }
          ;({ value } = value)
        }
        values.set(field.name, value)
      }
      frame.spend(40)
      return provider?.create ? provider.create(name, values) : new CelError(`unknown type '${name}'`)
    }
  }
}

const withStep = (attribute: Attribute, step: Step): Attribute => ({ ...attribute, steps: [...attribute.steps, step] })

const badOptional = (key: unknown, value: unknown): CelError =>
  new CelError(`cannot initialize optional entry '${formatValue(key)}' from non-optional value ${formatValue(value)}`)

/** && and ||: the deciding value wins over errors, wherever they stand. */
function logical(terms: readonly Eval[], decides: boolean): Eval {
  const [left, right] = terms as [Eval, Eval]
  return (frame) => {
    const a = left(frame)
    if (a === decides) return decides
    const b = right(frame)
    if (b === decides) return decides
    if (a !== !decides) return a instanceof CelError ? a : noSuchOverload()
    if (b !== !decides) return b instanceof CelError ? b : noSuchOverload()
    return !decides
  }
}

function optionalOr(left: Eval, right: Eval, unwrap: boolean): Eval {
  return (frame) => {
    const value = left(frame)
    if (!(value instanceof Optional)) return value
    if (value.present) return unwrap ? value.value : value
    return right(frame)
  }
}

const isPrimitive = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'boolean' || isInt(value) || value instanceof Uint || value instanceof Double

/** Equal primitives have one key. */
function setKey(value: unknown): unknown {
  if (value instanceof Uint) return intOf(value.value)
  if (!(value instanceof Double)) return value
  return Number.isInteger(value.value) ? adapt(value.value) : `double ${String(value.value)}`
}

/** Whether a value may be given for a parameter. */
function accepts(param: CelType, value: unknown): boolean {
  if (isDyn(param) || param.kind === 'param') return true
  if (param === STRING) return typeof value === 'string'
  if (param === BOOL) return typeof value === 'boolean'
  if (param === UINT) return value instanceof Uint
  if (param === DOUBLE) return value instanceof Double
  const type = typeOf(value)
  if (param.kind !== type.kind || param.name !== type.name) return false
  if (param.kind === 'list') {
    const items = value as readonly unknown[] | { readonly items: readonly unknown[] }
    const list = Array.isArray(items) ? (items as readonly unknown[]) : (items as { readonly items: readonly unknown[] }).items
    return list.length === 0 || accepts(param.params[0] as CelType, adapt(list[0]))
  }
  return true
}

/** The work of a call, choosing among overloads by the types of values. */
function implementation(name: string, fn: FunctionDeclaration | undefined, matches: readonly Overload[], member: boolean): Implementation {
  if (fn?.call) return fn.call
  const pool = matches.length === 1 ? matches : (fn?.overloads ?? []).filter((overload) => overload.member === member)
  return (...args) => {
    for (const { params, call } of pool) {
      if (!call || params.length !== args.length) continue
      if (params.every((param, i) => accepts(param, args[i]))) return call(...args)
    }
    return new CelError(`no such overload: ${name}(${args.map((arg) => typeName(typeOf(arg)).replace(/\(.*/s, '')).join(', ')})`)
  }
}

