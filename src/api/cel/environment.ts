/** Environments, in which expressions are compiled, and the programs that come of it. */
import { type Checked, check } from './checker/check.ts'
import type { FunctionDeclaration, Library, StructProvider } from './checker/declarations.ts'
import { validate } from './checker/validate.ts'
import type { Declarations, Identifier } from './checker/scope.ts'
import { standardCallCost } from './cost/runtime.ts'
import { CostLimitExceeded, type Eval, Frame } from './eval/frame.ts'
import { PlanError, Planner, type CallCost } from './eval/plan.ts'
import { mergeFunctions } from './library/define.ts'
import { standardLibrary } from './library/standard.ts'
import { type Issue, formatIssues } from './syntax/ast.ts'
import { type Macro, optionalMacros, standardMacros, twoVariableMacros } from './syntax/macros.ts'
import { type ParseOptions, parse } from './syntax/parser.ts'
import { type CelType, isDyn, typeType } from './types.ts'
import { CelError } from './values.ts'

/** The cost at which a single evaluation ends (apiserver/pkg/apis/cel/config.go). */
export const PER_CALL_LIMIT = 1_000_000

export interface EnvironmentOptions {
  /** Variables and their types. */
  readonly variables?: Readonly<Record<string, CelType>>
  /** Types of objects that variables have and expressions may make. */
  readonly structs?: readonly StructProvider[]
  /** Functions beyond the standard ones. */
  readonly libraries?: readonly Library[]
  /** Macros beyond the standard ones, optional values' and those of two variables. */
  readonly macros?: readonly Macro[]
  /** The namespace in which names are looked up. */
  readonly container?: string
  /** Literals are checked beyond their types (checker/validate.ts); true unless said otherwise. */
  readonly validated?: boolean
  /** `1 < 2.0`; true unless said otherwise. */
  readonly crossTypeNumbers?: boolean
  readonly escapedIdentifiers?: boolean
  /** What the checker finds is no hindrance: what is wrong fails when it is evaluated. */
  readonly unchecked?: boolean
  /** Functions whose second argument, when constant, is read when a program is made. */
  readonly patterns?: ReadonlyMap<string, (pattern: string) => unknown>
  /** What calls cost, when not what the standard functions cost. */
  readonly callCost?: CallCost
}

export type Compilation =
  | { readonly ok: true; readonly type: CelType; readonly program: Program; readonly checked: Checked }
  | {
      readonly ok: false
      /** 'compile': the text is wrong; 'program': it is right but a constant in it is not. */
      readonly stage: 'compile' | 'program'
      /** For 'compile' the text of all issues with places, as cel-go prints it. */
      readonly message: string
      readonly issues: readonly Issue[]
    }

export interface EvaluateOptions {
  /** Ends the evaluation when it costs more; PER_CALL_LIMIT unless said otherwise. */
  readonly limit?: number
}

export type Evaluation =
  | { readonly ok: true; readonly value: unknown; readonly cost: number }
  | { readonly ok: false; readonly error: string; readonly cost: number; readonly limitExceeded: boolean }

/** A compiled expression. Evaluating it changes nothing in it, so one program serves every request. */
export class Program {
  private readonly run: Eval
  private readonly names: readonly (readonly [name: string, slot: number])[]
  private readonly size: number

  constructor(run: Eval, names: readonly (readonly [name: string, slot: number])[], size: number) {
    this.run = run
    this.names = names
    this.size = size
  }

  /** The variables that the expression mentions. */
  get variables(): readonly string[] {
    return this.names.map(([name]) => name)
  }

  evaluate(activation: Readonly<Record<string, unknown>>, { limit = PER_CALL_LIMIT }: EvaluateOptions = {}): Evaluation {
    const vars: unknown[] = Array.from({ length: this.size })
    for (const [name, slot] of this.names) vars[slot] = activation[name]
    const frame = new Frame(vars, limit)
    try {
      const value = this.run(frame)
      frame.spend(0)
      if (value instanceof CelError) return { ok: false, error: value.message, cost: frame.cost, limitExceeded: false }
      return { ok: true, value, cost: frame.cost }
    } catch (error) {
      if (!(error instanceof CostLimitExceeded)) throw error
      return { ok: false, error: error.message, cost: frame.cost, limitExceeded: true }
    }
  }
}

/** Immutable; extend() makes a larger one. Make it once, compile many expressions in it. */
export class Environment {
  private readonly options: EnvironmentOptions
  private readonly declarations: Declarations
  private readonly parsing: ParseOptions

  constructor(options: EnvironmentOptions = {}, base?: ReadonlyMap<string, FunctionDeclaration>) {
    this.options = options
    const libraries = [standardLibrary, ...(options.libraries ?? [])]
    this.declarations = {
      container: options.container ?? '',
      identifiers: identifiersOf(libraries, options.variables ?? {}),
      functions: base ?? mergeFunctions(libraries.flatMap((library) => library.functions)),
      structs: options.structs ?? [],
    }
    this.parsing = {
      macros: [...standardMacros, ...optionalMacros, ...twoVariableMacros, ...(options.macros ?? [])],
      optionalSyntax: true,
      escapedIdentifiers: options.escapedIdentifiers ?? false,
    }
  }

  /** This environment with more variables and types. */
  extend(more: Pick<EnvironmentOptions, 'variables' | 'structs'>): Environment {
    const options: EnvironmentOptions = {
      ...this.options,
      variables: { ...this.options.variables, ...more.variables },
      structs: [...(this.options.structs ?? []), ...(more.structs ?? [])],
    }
    return new Environment(options, this.declarations.functions)
  }

  /** Parses, checks and plans an expression. */
  compile(expression: string): Compilation {
    const { ast, issues } = parse(expression, this.parsing)
    if (issues.length > 0) return { ok: false, stage: 'compile', message: formatIssues(ast.source, issues), issues }
    const found = check(ast, this.declarations, {
      crossTypeNumbers: this.options.crossTypeNumbers ?? true,
    })
    if (found.issues.length > 0 && this.options.unchecked !== true) {
      return { ok: false, stage: 'compile', message: formatIssues(ast.source, found.issues), issues: found.issues }
    }
    const invalid = this.options.validated === false ? [] : validate(found.checked)
    if (invalid.length > 0) {
      return { ok: false, stage: 'compile', message: formatIssues(ast.source, invalid), issues: invalid }
    }
    return this.program(found.checked)
  }

  private program(checked: Checked): Compilation {
    const planner = new Planner(checked, {
      structs: this.declarations.structs,
      callCost: this.options.callCost ?? standardCallCost,
      patterns: this.options.patterns ?? new Map<string, (pattern: string) => unknown>(),
    })
    try {
      const { eval: run } = planner.plan(checked.ast.root)
      const program = new Program(run, [...planner.slots], planner.size)
      const type = checked.types[checked.ast.root.id] as CelType
      return { ok: true, type, program, checked }
    } catch (error) {
      if (!(error instanceof PlanError)) throw error
      return { ok: false, stage: 'program', message: error.message, issues: [] }
    }
  }
}

function identifiersOf(libraries: readonly Library[], variables: Readonly<Record<string, CelType>>): Map<string, Identifier> {
  const all = new Map<string, Identifier>()
  for (const { types = [] } of libraries) {
    for (const type of types) all.set(type.name, { name: type.name, type: typeType(type), value: type })
  }
  for (const [name, type] of Object.entries(variables)) all.set(name, { name, type })
  return all
}

/** Whether an expression of a type may stand where `wanted` is: dyn may be anything. */
export const mayBe = (type: CelType, ...wanted: readonly CelType[]): boolean =>
  isDyn(type) || wanted.some((each) => each.kind === type.kind && String(each) === String(type))

