/** The type checker: gives every node its type and every call its overloads (cel-go checker/checker.go). */
import type { Ast, Call, Expr, Fold, Issue, ListExpr, MapExpr, Select, StructExpr } from '../syntax/ast.ts'
import {
  type CelType, BOOL, BYTES, DOUBLE, DYN, ERROR, INT, NULL, STRING, UINT, formatFunction, isDyn, isOptional, listType,
  mapType, optionalType, paramType, sameType, ANY, DURATION, TIMESTAMP,
} from '../types.ts'
import { typeOf } from '../values.ts'
import type { FunctionDeclaration, Overload } from './declarations.ts'
import { type Declarations, Scope } from './scope.ts'
import { type Substitutions, assign, assignAll, mostGeneral, substitute } from './unify.ts'

/** What a name or call means. */
export interface Reference {
  /** A variable's full name. */
  readonly name?: string
  /** A constant. */
  readonly value?: unknown
  readonly overloads?: readonly Overload[]
  readonly fn?: FunctionDeclaration
}

export interface Checked {
  readonly ast: Ast
  readonly types: readonly (CelType | undefined)[]
  readonly references: readonly (Reference | undefined)[]
}

export interface CheckOptions {
  /** `1 < 2.0` */
  readonly crossTypeNumbers: boolean
}

/** Overloads that compare numbers of two types. */
const crossType = /^(?:less|greater)(?:_equals)?_(?:int64_(?:double|uint64)|uint64_(?:double|int64)|double_(?:int64|uint64))$/

/** Checks a tree, rewriting qualified names in it. */
export function check(ast: Ast, declarations: Declarations, options: CheckOptions): { checked: Checked; issues: Issue[] } {
  const checker = new Checker(ast, declarations, options)
  checker.check(ast.root)
  const types = checker.types.map((type) => type && substitute(checker.known, type, true))
  return { checked: { ast, types, references: checker.references }, issues: checker.issues }
}

/** a.b.c as a name; undefined for anything else. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name
  if (expr.kind !== 'select' || expr.test) return undefined
  const operand = qualifiedName(expr.operand)
  return operand === undefined ? undefined : `${operand}.${expr.field}`
}

class Checker {
  readonly types: (CelType | undefined)[] = []
  readonly references: (Reference | undefined)[] = []
  readonly issues: Issue[] = []
  known: Substitutions = new Map()
  private readonly ast: Ast
  private readonly options: CheckOptions
  private readonly scope: Scope
  private readonly container: string
  private variables = 0

  constructor(ast: Ast, declarations: Declarations, options: CheckOptions) {
    this.ast = ast
    this.options = options
    this.scope = new Scope(declarations)
    this.container = declarations.container
  }

  check(expr: Expr): void {
    switch (expr.kind) {
      case 'literal': return this.set(expr, typeOf(expr.value))
      case 'ident': {
        const found = this.scope.identifier(expr.name)
        if (!found) return this.undeclared(expr, expr.name)
        this.references[expr.id] = found.value === undefined ? { name: found.name } : found
        expr.name = found.name
        return this.set(expr, found.type)
      }
      case 'select': return this.select(expr)
      case 'call': return this.call(expr)
      case 'list': return this.list(expr)
      case 'map': return this.map(expr)
      case 'struct': return this.struct(expr)
      case 'fold': return this.fold(expr)
    }
  }

  private issue(id: number, message: string): void {
    this.issues.push(this.ast.source.issue(this.ast.offsets[id] ?? -1, message))
  }

  private undeclared(expr: Expr, name: string): void {
    this.issue(expr.id, `undeclared reference to '${name}' (in container '${this.container}')`)
    this.set(expr, ERROR)
  }

  private set(expr: Expr, type: CelType): void {
    this.types[expr.id] = type
  }

  private typeOf(expr: Expr): CelType {
    return this.types[expr.id] ?? ERROR
  }

  private assignable(from: CelType, to: CelType): boolean {
    const next = assign(this.known, from, to)
    if (next) this.known = next
    return next !== undefined
  }

  private mismatch(id: number, expected: CelType, actual: CelType): void {
    this.issue(id, `expected type '${String(expected)}' but found '${String(actual)}'`)
  }

  private select(expr: Select): void {
    const name = qualifiedName(expr)
    const found = name === undefined ? undefined : this.scope.identifier(name)
    if (found) {
      this.references[expr.id] = found.value === undefined ? { name: found.name } : found
      return this.set(expr, found.type)
    }
    const type = this.selectField(expr, expr.operand, expr.field, false)
    this.set(expr, substitute(this.known, expr.test ? BOOL : type, false))
  }

  private selectField(expr: Expr, operand: Expr, field: string, optional: boolean): CelType {
    this.check(operand)
    const operandType = substitute(this.known, this.typeOf(operand), false)
    const unwrapped = isOptional(operandType)
    const target = unwrapped ? (operandType.params[0] as CelType) : operandType
    const result = this.fieldType(expr, target, field)
    return unwrapped || optional ? optionalType(result) : result
  }

  private fieldType(expr: Expr, target: CelType, field: string): CelType {
    switch (target.kind) {
      case 'map': return target.params[1] as CelType
      case 'struct': return this.structField(expr.id, target.name, field) ?? ERROR
      case 'param':
        this.assignable(DYN, target)
        return DYN
      default:
        if (!isDyn(target) && target.kind !== 'error') {
          this.issue(expr.id, `type '${String(target)}' does not support field selection`)
        }
        return DYN
    }
  }

  private structField(id: number, struct: string, field: string): CelType | undefined {
    const type = this.scope.field(struct, field)
    if (type === null) this.issue(id, `unexpected failed resolution of '${struct}'`)
    else if (type === undefined) this.issue(id, `undefined field '${field}'`)
    return type ?? undefined
  }

  private call(expr: Call): void {
    if (expr.fn === '_?._') return this.optionalSelect(expr)
    for (const arg of expr.args) this.check(arg)
    const { target } = expr
    if (!target) {
      const fn = this.scope.function(expr.fn)
      if (!fn) return this.undeclared(expr, expr.fn)
      expr.fn = fn.name
      return this.resolve(expr, fn, [])
    }
    const prefix = qualifiedName(target)
    const namespaced = prefix === undefined ? undefined : this.scope.function(`${prefix}.${expr.fn}`)
    if (namespaced) {
      expr.fn = namespaced.name
      expr.target = undefined
      return this.resolve(expr, namespaced, [])
    }
    this.check(target)
    const fn = this.scope.function(expr.fn)
    if (!fn) return this.undeclared(expr, expr.fn)
    this.resolve(expr, fn, [target])
  }

  private optionalSelect(expr: Call): void {
    const [operand, field] = expr.args as [Expr, Expr]
    const name = field.kind === 'literal' ? String(field.value) : ''
    const type = this.selectField(expr, operand, name, true)
    this.set(expr, substitute(this.known, type, false))
    const fn = this.scope.function(expr.fn)
    if (fn) this.references[expr.id] = { overloads: fn.overloads, fn }
  }

  private resolve(expr: Call, fn: FunctionDeclaration, target: readonly Expr[]): void {
    const operands = [...target, ...expr.args]
    const args = operands.map((operand) => this.typeOf(operand))
    if (fn.name === '_&&_' || fn.name === '_||_') return this.logical(expr, fn, operands)
    const member = target.length > 0
    const matches: Overload[] = []
    let result: CelType | undefined
    for (const overload of fn.overloads) {
      if (overload.member !== member || (!this.options.crossTypeNumbers && crossType.test(overload.id))) continue
      if (overload.params.length !== args.length) continue
      const fresh = this.instantiate(overload)
      const next = assignAll(this.known, args, fresh.params)
      if (!next) continue
      this.known = next
      matches.push(overload)
      const type = substitute(this.known, fresh.result, false)
      if (result === undefined) result = type
      else if (!isDyn(result) && !sameType(type, result)) result = DYN
    }
    if (result === undefined) {
      const shown = args.map((arg) => substitute(this.known, arg, true))
      const signature = formatFunction(undefined, shown, member)
      this.issue(expr.id, `found no matching overload for '${fn.name}' applied to '${signature}'`)
      this.references[expr.id] = { overloads: fn.overloads, fn }
      return this.set(expr, ERROR)
    }
    this.references[expr.id] = { overloads: matches, fn }
    this.set(expr, result)
  }

  private logical(expr: Call, fn: FunctionDeclaration, operands: readonly Expr[]): void {
    let bad = false
    for (const operand of operands) {
      if (this.assignable(this.typeOf(operand), BOOL)) continue
      this.mismatch(operand.id, BOOL, this.typeOf(operand))
      bad = true
    }
    this.references[expr.id] = { overloads: fn.overloads, fn }
    this.set(expr, bad ? ERROR : BOOL)
  }

  /** The overload's types with type parameters of their own. */
  private instantiate({ params, result }: Overload): { params: readonly CelType[]; result: CelType } {
    const fresh = new Map<string, CelType>()
    const collect = (type: CelType): void => {
      if (type.kind === 'param' && !fresh.has(type.name)) fresh.set(type.name, this.variable())
      for (const inner of type.params) collect(inner)
    }
    for (const param of params) collect(param)
    collect(result)
    if (fresh.size === 0) return { params, result }
    return { params: params.map((type) => substitute(fresh, type, false)), result: substitute(fresh, result, false) }
  }

  private variable(): CelType {
    return paramType(`_var${String(this.variables++)}`)
  }

  /** The value's type without its optional; `?x` needs one. */
  private optionalValue(value: Expr): CelType {
    const type = this.typeOf(value)
    if (isOptional(type)) return type.params[0] as CelType
    if (!isDyn(type)) this.mismatch(value.id, optionalType(type), type)
    return type
  }

  private join(previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current
    if (this.assignable(previous, current)) return mostGeneral(previous, current)
    return DYN
  }

  private list(expr: ListExpr): void {
    let type: CelType | undefined
    for (const [index, element] of expr.elements.entries()) {
      this.check(element)
      const own = expr.optional.includes(index) ? this.optionalValue(element) : this.typeOf(element)
      type = this.join(type, own)
    }
    this.set(expr, listType(type ?? this.variable()))
  }

  private map(expr: MapExpr): void {
    let keyType: CelType | undefined
    let valueType: CelType | undefined
    for (const { key, value, optional } of expr.entries) {
      this.check(key)
      keyType = this.join(keyType, this.typeOf(key))
      this.check(value)
      valueType = this.join(valueType, optional ? this.optionalValue(value) : this.typeOf(value))
    }
    const key = keyType ?? this.variable()
    this.set(expr, mapType(key, valueType ?? this.variable()))
  }

  private struct(expr: StructExpr): void {
    const found = this.scope.identifier(expr.name)
    if (!found) return this.undeclared(expr, expr.name)
    expr.name = found.name
    this.references[expr.id] = { name: found.name }
    let type = ERROR
    let { name } = found
    if (found.type.kind !== 'type') this.issue(expr.id, `'${found.type.name}' is not a type`)
    else {
      type = found.type.params[0] as CelType
      const known = wellKnown.get(type.kind)
      if (known !== undefined && isWellKnown(type)) name = known
      else if (type.kind === 'struct') name = type.name
      else {
        this.issue(expr.id, `'${type.name}' is not a message type`)
        type = ERROR
      }
    }
    this.set(expr, type)
    for (const field of expr.fields) {
      this.check(field.value)
      const fieldType = this.structField(field.id, name, field.name) ?? ERROR
      const own = field.optional ? this.optionalValue(field.value) : this.typeOf(field.value)
      if (this.assignable(fieldType, own)) continue
      const shown = `'${String(fieldType)}' but provided type is '${String(own)}'`
      this.issue(field.id, `expected type of field '${field.name}' is ${shown}`)
    }
  }

  private fold(expr: Fold): void {
    this.check(expr.range)
    this.check(expr.init)
    const range = substitute(this.known, this.typeOf(expr.range), false)
    const accuType = this.typeOf(expr.init)
    this.scope.enter([[expr.accuVar, accuType]])
    this.scope.enter(this.loopVariables(expr, range))
    this.check(expr.condition)
    this.assertType(expr.condition, BOOL)
    this.check(expr.step)
    this.assertType(expr.step, accuType)
    this.scope.leave()
    this.check(expr.result)
    this.scope.leave()
    this.set(expr, substitute(this.known, this.typeOf(expr.result), false))
  }

  private loopVariables(expr: Fold, range: CelType): [string, CelType][] {
    let [first, second] = [ERROR, ERROR]
    const [key = DYN, value = DYN] = range.params
    switch (range.kind) {
      case 'list':
        ;[first, second] = expr.iterVar2 === undefined ? [key, DYN] : [INT, key]
        break
      case 'map':
        ;[first, second] = [key, value]
        break
      case 'dyn':
      case 'any':
      case 'error':
      case 'param':
        this.assignable(DYN, range)
        ;[first, second] = [DYN, DYN]
        break
      default: {
        const what = `expression of type '${String(range)}' cannot be range of a comprehension`
        this.issue(expr.range.id, `${what} (must be list, map, or dynamic)`)
      }
    }
    return expr.iterVar2 === undefined ? [[expr.iterVar, first]] : [[expr.iterVar, first], [expr.iterVar2, second]]
  }

  private assertType(expr: Expr, type: CelType): void {
    if (!this.assignable(type, this.typeOf(expr))) this.mismatch(expr.id, type, this.typeOf(expr))
  }
}

/** Messages that stand for types of the language. */
const wellKnown: ReadonlyMap<string, string> = new Map([
  ['any', 'google.protobuf.Any'], ['bool', 'google.protobuf.BoolValue'], ['bytes', 'google.protobuf.BytesValue'],
  ['double', 'google.protobuf.DoubleValue'], ['duration', 'google.protobuf.Duration'], ['dyn', 'google.protobuf.Value'],
  ['int', 'google.protobuf.Int64Value'], ['list', 'google.protobuf.ListValue'], ['null', 'google.protobuf.NullValue'],
  ['map', 'google.protobuf.Struct'], ['string', 'google.protobuf.StringValue'],
  ['timestamp', 'google.protobuf.Timestamp'], ['uint', 'google.protobuf.UInt64Value'],
])

const primitives: ReadonlySet<string> = new Set([BOOL, BYTES, DOUBLE, INT, STRING, UINT].map(({ kind }) => kind))
const always: ReadonlySet<string> = new Set([ANY, TIMESTAMP, DURATION, DYN, NULL].map(({ kind }) => kind))

function isWellKnown(type: CelType): boolean {
  if (always.has(type.kind)) return true
  if (primitives.has(type.kind)) return type.nullable
  if (type.kind === 'list') return type.params[0] === DYN
  return type.kind === 'map' && type.params[0] === STRING && type.params[1] === DYN
}
