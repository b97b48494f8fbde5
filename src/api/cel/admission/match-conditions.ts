/** Conditions on requests, of webhooks and policies (admission/plugin/webhook/matchconditions/matcher.go). */
import { BOOL } from '../index.ts'
import type { Compiled, ExpressionCompiler, ExpressionOptions } from './compiler.ts'
import { type Activation, Budget, OutOfBudget, evaluateAll, matchConditionsBudget } from './evaluate.ts'

export interface MatchCondition {
  readonly name: string
  readonly expression: string
}

export const compileConditions = (
  compiler: ExpressionCompiler, conditions: readonly MatchCondition[] | undefined, options: ExpressionOptions,
): Compiled[] => (conditions ?? []).map(({ expression }) => compiler.compile(expression, [BOOL], options))

/** Whether the conditions want the request, or why that cannot be said and is to refuse it. */
export type Match = { readonly matches: boolean; readonly error?: undefined } | { readonly error: string }

/** One that is false decides, whatever the others are; else an error does, as `failurePolicy` says. */
export function evaluateConditions(
  conditions: readonly Compiled[], activation: Activation, variables: ReadonlyMap<string, Compiled>, failurePolicy: string | undefined,
): Match {
  if (conditions.length === 0) return { matches: true }
  const failed = (error: string): Match => (failurePolicy === 'Ignore' ? { matches: false } : { error })
  try {
    const outcomes = evaluateAll(conditions, activation, variables, new Budget(matchConditionsBudget))
    if (outcomes.some((outcome) => outcome.error === undefined && outcome.value === false)) return { matches: false }
    const errors = [...new Set(outcomes.flatMap((outcome) => outcome.error ?? []))]
    if (errors.length === 0) return { matches: true }
    return failed(errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`)
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    return failed(error.message)
  }
}
