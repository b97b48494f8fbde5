/** Expressions over a token's claims, and over the user that they make (upstream: apiserver/pkg/authentication/cel). */
import { BOOL, type CelType, DYN, LazyMap, type Program, STRING, kubernetesEnvironment, listType, mapType, structType } from '../../../api/cel/index.ts'
import { unescapeName } from '../../../api/cel/schema/escape.ts'
import type { Expr } from '../../../api/cel/syntax/ast.ts'
import { Double, TypedList, itemsOf } from '../../../api/cel/values.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInternal, fieldInvalid } from '../../../api/meta/field-errors.ts'
import type { UserInfo } from '../../handler.ts'

/** A compiled expression, with what is needed to speak of it. */
export interface Expression {
  readonly text: string
  readonly program: Program
  readonly root: Expr
}

const userType = structType('kubernetes.UserInfo')
const userFields: Readonly<Record<string, CelType>> = { username: STRING, uid: STRING, groups: listType(STRING), extra: mapType(STRING, listType(STRING)) }

const environments = {
  claims: () => kubernetesEnvironment({ variables: { claims: mapType(STRING, DYN) } }),
  user: () => kubernetesEnvironment({
    variables: { user: userType },
    structs: [{ find: (name) => (name === userType.name ? userType : undefined), field: (struct, field) => (struct === userType.name && Object.hasOwn(userFields, field) ? userFields[field] : undefined) }],
  }),
}
const made: { -readonly [K in keyof typeof environments]?: ReturnType<(typeof environments)[K]> } = {}

/** `condition`: it must be a bool. The error is that of its field. */
export function compileExpression(variable: keyof typeof environments, text: string, condition: boolean, path: string): Expression | FieldError {
  const compiled = (made[variable] ??= environments[variable]()).compile(text)
  if (!compiled.ok) {
    return compiled.stage === 'compile' ? fieldInvalid(path, text, `compilation failed: ${compiled.message}`) : fieldInternal(path, `program instantiation failed: ${compiled.message}`)
  }
  if (condition && compiled.type !== BOOL) return fieldInvalid(path, text, 'must evaluate to bool')
  return { text, program: compiled.program, root: compiled.checked.ast.root }
}

export const isExpression = (value: Expression | FieldError): value is Expression => 'program' in value

/** Whether an expression reads `operand.field`, or `operand.?field`. */
export function selects(expr: Expr | undefined, operand: string, field: string): boolean {
  if (expr === undefined) return false
  const any = (...parts: readonly (Expr | undefined)[]): boolean => parts.some((part) => selects(part, operand, field))
  const isOperand = (of: Expr | undefined): boolean => of?.kind === 'ident' && of.name === operand
  switch (expr.kind) {
    case 'literal': case 'ident': return false
    case 'select': return (isOperand(expr.operand) && expr.field === field) || any(expr.operand)
    case 'call': {
      const [first, second] = expr.args
      if (expr.target === undefined && expr.fn === '_?._' && isOperand(first) && second?.kind === 'literal' && second.value === field) return true
      return any(expr.target, ...expr.args)
    }
    case 'list': return any(...expr.elements)
    case 'map': return expr.entries.some(({ key, value }) => any(key, value))
    case 'struct': return expr.fields.some(({ value }) => any(value))
    case 'fold': return any(expr.range, expr.init, expr.condition, expr.step, expr.result)
  }
}

/** An object of JSON whose names may also be spelt as expressions must spell them: `claims.example__dot__org`. */
class UnescapedMap extends LazyMap {
  readonly #value: Readonly<Record<string, unknown>>
  readonly #convert: (value: unknown) => unknown
  constructor(value: Readonly<Record<string, unknown>>, convert: (value: unknown) => unknown) {
    super()
    this.#value = value
    this.#convert = convert
  }

  #name(key: string): string {
    return unescapeName(key) ?? key
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, this.#name(key))
  }

  get(key: string): unknown {
    return this.#convert(this.#value[this.#name(key)])
  }

  keys(): readonly string[] {
    return Object.keys(this.#value)
  }
}

/** Numbers of claims are doubles, as Go's decoder reads them. */
function claimValue(value: unknown): unknown {
  if (typeof value === 'number') return new Double(value)
  if (Array.isArray(value)) return value.map(claimValue)
  return value !== null && typeof value === 'object' ? new UnescapedMap(value as Record<string, unknown>, claimValue) : value
}

/** What `claims` is. */
export const claimsValue = (claims: Readonly<Record<string, unknown>>): unknown => claimValue(claims)

/** What `user` is. */
export function userValue({ name, uid = '', groups, extra = {} }: UserInfo): unknown {
  const plain = (value: unknown): unknown => (value !== null && typeof value === 'object' && !Array.isArray(value) ? new UnescapedMap(value as Record<string, unknown>, plain) : value)
  return plain({ username: name, uid, groups, extra })
}

/** Throws an Error with what went wrong. */
export function evaluate(expression: Expression, variables: Readonly<Record<string, unknown>>): unknown {
  const result = expression.program.evaluate(variables)
  if (!result.ok) throw new Error(`expression '${expression.text}' resulted in error: ${result.error}`)
  return result.value
}

/** A string or strings; those that are empty are not there. Throws for anything else. */
export function stringsOf(value: unknown): readonly string[] {
  if (value === null) return []
  if (typeof value === 'string') return value === '' ? [] : [value]
  if (!Array.isArray(value) && !(value instanceof TypedList)) throw new Error('expression must return a string or a list of strings')
  return itemsOf(value).filter((item): item is string => {
    if (typeof item !== 'string') throw new Error('expression must return a string or a list of strings')
    return item !== ''
  })
}
