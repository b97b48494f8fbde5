/**
 * Macros: calls that the parser replaces (cel-go parser/macro.go, ext/comprehensions.go, cel/library.go). Each answers
 * the new tree, undefined to leave the call as it is, or what is wrong.
 */
import { ACCUMULATOR, type Expr, type Fold } from './ast.ts'

export interface MacroError { readonly id: number; readonly error: string }

/** Makes nodes at the place of the macro's call. */
export interface MacroBuilder {
  id(): number
  /** The same tree with ids of its own. */
  copy(expr: Expr): Expr
}

export type Expander = (make: MacroBuilder, target: Expr | undefined, args: readonly Expr[]) => Expr | MacroError | undefined

export interface Macro {
  readonly name: string
  readonly member: boolean
  /** -1: any number. */
  readonly args: number
  readonly expand: Expander
}

export const literal = (make: MacroBuilder, value: unknown): Expr => ({ kind: 'literal', id: make.id(), value })
export const ident = (make: MacroBuilder, name: string): Expr => ({ kind: 'ident', id: make.id(), name })
export const call = (make: MacroBuilder, fn: string, ...args: Expr[]): Expr =>
  ({ kind: 'call', id: make.id(), fn, target: undefined, args })
export const member = (make: MacroBuilder, fn: string, target: Expr, ...args: Expr[]): Expr =>
  ({ kind: 'call', id: make.id(), fn, target, args })
const list = (make: MacroBuilder, ...elements: Expr[]): Expr =>
  ({ kind: 'list', id: make.id(), elements, optional: [] })
const accu = (make: MacroBuilder): Expr => ident(make, ACCUMULATOR)

const overwrites = (name: string): boolean => name === ACCUMULATOR || name === '__result__'

interface Variables { readonly first: string; readonly second?: string }

/** The loop variables: one or two plain names. */
function variables(args: readonly Expr[], two: boolean, text: string): Variables | MacroError {
  const names: string[] = []
  for (const arg of two ? args.slice(0, 2) : args.slice(0, 1)) {
    if (arg.kind !== 'ident') return { id: arg.id, error: text }
    names.push(arg.name)
  }
  const [first = '', second] = names
  if (first === second) return { id: (args[1] as Expr).id, error: `duplicate variable name: ${first}` }
  for (const [index, name] of names.entries()) {
    if (overwrites(name)) {
      return { id: (args[index] as Expr).id, error: 'iteration variable overwrites accumulator variable' }
    }
  }
  return second === undefined ? { first } : { first, second }
}

type Parts = Pick<Fold, 'init' | 'condition' | 'step' | 'result'>

/** A macro that becomes a loop. `build` gets the arguments after the variables. */
function loop(name: string, args: number, two: boolean, text: string, build: (make: MacroBuilder, rest: readonly Expr[], vars: Variables, all: readonly Expr[]) => Parts): Macro {
  return {
    name,
    member: true,
    args,
    expand: (make, target, all) => {
      const vars = variables(all, two, text)
      if ('error' in vars) return vars
      const parts = build(make, all.slice(two ? 2 : 1), vars, all)
      return {
        kind: 'fold',
        id: make.id(),
        range: target as Expr,
        iterVar: vars.first,
        iterVar2: vars.second,
        accuVar: ACCUMULATOR,
        ...parts,
      }
    },
  }
}

const allOf = (make: MacroBuilder, [body]: readonly Expr[]): Parts => ({
  init: literal(make, true),
  condition: call(make, '@not_strictly_false', accu(make)),
  step: call(make, '_&&_', accu(make), body as Expr),
  result: accu(make),
})

const anyOf = (make: MacroBuilder, [body]: readonly Expr[]): Parts => ({
  init: literal(make, false),
  condition: call(make, '@not_strictly_false', call(make, '!_', accu(make))),
  step: call(make, '_||_', accu(make), body as Expr),
  result: accu(make),
})

const oneOf = (make: MacroBuilder, [body]: readonly Expr[]): Parts => ({
  init: literal(make, 0),
  condition: literal(make, true),
  step: call(make, '_?_:_', body as Expr, call(make, '_+_', accu(make), literal(make, 1)), accu(make)),
  result: call(make, '_==_', accu(make), literal(make, 1)),
})

const guarded = (make: MacroBuilder, filter: Expr | undefined, step: Expr): Expr =>
  filter === undefined ? step : call(make, '_?_:_', filter, step, accu(make))

const mapTo = (make: MacroBuilder, rest: readonly Expr[]): Parts => ({
  init: list(make),
  condition: literal(make, true),
  step: guarded(make, rest.length > 1 ? rest[0] : undefined, call(make, '_+_', accu(make), list(make, rest.at(-1) as Expr))),
  result: accu(make),
})

const filterBy = (make: MacroBuilder, [body]: readonly Expr[], _vars: Variables, all: readonly Expr[]): Parts => ({
  init: list(make),
  condition: literal(make, true),
  step: guarded(make, body, call(make, '_+_', accu(make), list(make, all[0] as Expr))),
  result: accu(make),
})

const toMap = (entries: boolean) => (make: MacroBuilder, rest: readonly Expr[], vars: Variables): Parts => {
  const value = rest.at(-1) as Expr
  const insert = entries
    ? call(make, 'cel.@mapInsert', accu(make), value)
    : call(make, 'cel.@mapInsert', accu(make), ident(make, vars.first), value)
  return {
    init: { kind: 'map', id: make.id(), entries: [] },
    condition: literal(make, true),
    step: guarded(make, rest.length > 1 ? rest[0] : undefined, insert),
    result: accu(make),
  }
}

const simpleName = 'argument must be a simple name'
const identifier = 'argument is not an identifier'

export const standardMacros: readonly Macro[] = [
  {
    name: 'has',
    member: false,
    args: 1,
    expand: (make, _target, [arg]) =>
      arg?.kind === 'select'
        ? { kind: 'select', id: make.id(), operand: arg.operand, field: arg.field, test: true }
        : { id: (arg as Expr).id, error: 'invalid argument to has() macro' },
  },
  loop('all', 2, false, simpleName, allOf),
  loop('exists', 2, false, simpleName, anyOf),
  loop('exists_one', 2, false, simpleName, oneOf),
  loop('map', 2, false, identifier, mapTo),
  loop('map', 3, false, identifier, mapTo),
  loop('filter', 2, false, identifier, filterBy),
]

export const twoVariableMacros: readonly Macro[] = [
  loop('all', 3, true, simpleName, allOf),
  loop('exists', 3, true, simpleName, anyOf),
  loop('existsOne', 3, true, simpleName, oneOf),
  loop('exists_one', 3, true, simpleName, oneOf),
  loop('transformList', 3, true, simpleName, mapTo),
  loop('transformList', 4, true, simpleName, mapTo),
  loop('transformMap', 3, true, simpleName, toMap(false)),
  loop('transformMap', 4, true, simpleName, toMap(false)),
  loop('transformMapEntry', 3, true, simpleName, toMap(true)),
  loop('transformMapEntry', 4, true, simpleName, toMap(true)),
]

/** A name bound to a value, as a loop that never turns. */
export function bindFold(make: MacroBuilder, name: string, value: Expr, body: Expr): Expr {
  return {
    kind: 'fold',
    id: make.id(),
    range: list(make),
    iterVar: '#unused',
    iterVar2: undefined,
    accuVar: name,
    init: value,
    condition: literal(make, false),
    step: ident(make, name),
    result: body,
  }
}

const optionalMap = (name: string, wrap: boolean): Macro => ({
  name,
  member: true,
  args: 2,
  expand: (make, target, [variable, body]) => {
    if (variable?.kind !== 'ident') {
      return { id: (variable as Expr).id, error: `${name}() variable name must be a simple identifier` }
    }
    const from = target as Expr
    const present = member(make, 'hasValue', from)
    const bound = bindFold(make, variable.name, member(make, 'value', make.copy(from)), body as Expr)
    return call(make, '_?_:_', present, wrap ? call(make, 'optional.of', bound) : bound, call(make, 'optional.none'))
  },
})

export const optionalMacros: readonly Macro[] = [optionalMap('optMap', true), optionalMap('optFlatMap', false)]

/** cel.bind(name, value, body); not part of Kubernetes' set. */
export const bindMacro: Macro = {
  name: 'bind',
  member: true,
  args: 3,
  expand: (make, target, [variable, value, body]) => {
    if (target?.kind !== 'ident' || target.name !== 'cel') return undefined
    if (variable?.kind !== 'ident') {
      return { id: (variable as Expr).id, error: 'cel.bind() variable names must be simple identifiers' }
    }
    return bindFold(make, variable.name, value as Expr, body as Expr)
  },
}
