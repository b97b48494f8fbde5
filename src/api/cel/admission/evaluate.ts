/** Evaluation of compiled expressions within a budget (admission/plugin/cel/{activation,composition}.go). */
import { CelError, LazyMap } from '../index.ts'
import type { Compiled } from './compiler.ts'

/** What all expressions of one policy may cost together; those of match conditions. */
export const policyBudget = 10_000_000
export const matchConditionsBudget = 2_500_000

export type Activation = Readonly<Record<string, unknown>>

/** The value of an expression, or why there is none. */
export type Outcome = { readonly value: unknown; readonly error?: undefined } | { readonly error: string }

/** The budget is spent: nothing more is evaluated. */
export class OutOfBudget extends Error {
  override readonly name = 'OutOfBudget'
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
  }
}

/** What may still be spent. */
export class Budget {
  #left: number

  constructor(limit: number) {
    this.#left = limit
  }

  /** Throws OutOfBudget. */
  spend(cost: number): void {
    if (cost > this.#left) throw new OutOfBudget()
    this.#left -= cost
  }
}

/** Variables of a policy, each evaluated when it is first read. */
class Variables extends LazyMap {
  cost = 0
  readonly #compiled: ReadonlyMap<string, Compiled>
  readonly #values = new Map<string, unknown>()
  #activation: Activation = {}

  constructor(compiled: ReadonlyMap<string, Compiled>) {
    super()
    this.#compiled = compiled
  }

  /** The variables that the variables see: these among them. */
  within(activation: Activation): Activation {
    this.#activation = { ...activation, variables: this }
    return this.#activation
  }

  has(key: string): boolean {
    return this.#compiled.has(key)
  }

  keys(): readonly string[] {
    return [...this.#compiled.keys()]
  }

  get(key: string): unknown {
    if (!this.#values.has(key)) this.#values.set(key, this.#evaluate(key))
    return this.#values.get(key)
  }

  #evaluate(name: string): unknown {
    const { program, error = '' } = this.#compiled.get(name) ?? {}
    if (program === undefined) return new CelError(`composited variable ${JSON.stringify(name)} fails to compile: ${error}`)
    const result = program.evaluate(this.#activation)
    this.cost += result.cost
    return result.ok ? result.value : new CelError(`composited variable ${JSON.stringify(name)} fails to evaluate: ${result.error}`)
  }
}

/** The outcomes of all expressions, in order. Throws OutOfBudget. */
export function evaluateAll(
  expressions: readonly Compiled[], activation: Activation, variables: ReadonlyMap<string, Compiled>, budget: Budget,
): Outcome[] {
  const lazy = new Variables(variables)
  const whole = lazy.within(activation)
  return expressions.map((compiled) => evaluateOne(compiled, whole, lazy, budget))
}

function evaluateOne({ expression, program, error }: Compiled, activation: Activation, variables: Variables, budget: Budget): Outcome {
  if (program === undefined) return { error: `compilation error: ${error ?? ''}` }
  const result = program.evaluate(activation)
  budget.spend(variables.cost)
  variables.cost = 0
  budget.spend(result.cost)
  return result.ok ? { value: result.value } : { error: `expression '${expression}' resulted in error: ${result.error}` }
}
