/** What a ValidatingAdmissionPolicy says of a request (admission/plugin/policy/validating/{plugin,validator}.go). */
import type { ValidatingAdmissionPolicy, Validation } from '../../../api/generated/types/admissionregistration-v1.ts'
import { BOOL, NULL, STRING } from '../../../api/cel/index.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { type Compiled, ExpressionCompiler } from '../../../api/cel/admission/compiler.ts'
import { type Activation, Budget, type Outcome, OutOfBudget, evaluateAll, policyBudget } from '../../../api/cel/admission/evaluate.ts'
import { compileConditions, evaluateConditions } from '../../../api/cel/admission/match-conditions.ts'

const maxMessageBytes = 5 * 1024

export interface Denial {
  /** Which validation said so; upstream counts all of them. */
  readonly index: number
  readonly message: string
  /** '' where expressions failed. */
  readonly reason: string
}

export interface Verdict {
  readonly denials: readonly Denial[]
  readonly annotations: readonly { readonly key: string; readonly value: string }[]
  /** Annotations that could not be made, which refuses the request. */
  readonly annotationErrors: readonly string[]
}

const nothing: Verdict = { denials: [], annotations: [], annotationErrors: [] }

/** A policy, compiled. */
export class Validator {
  readonly #policy: ValidatingAdmissionPolicy
  readonly #compiler = new ExpressionCompiler(true)
  readonly #conditions: readonly Compiled[]
  readonly #validations: readonly Compiled[]
  readonly #messages: readonly (Compiled | undefined)[]
  readonly #annotations: readonly Compiled[]

  constructor(policy: ValidatingAdmissionPolicy) {
    this.#policy = policy
    const { paramKind, variables = [], matchConditions, validations = [], auditAnnotations = [] } = policy.spec ?? {}
    const params = paramKind !== undefined
    const all = { params, authorizer: true }
    for (const { name, expression } of variables) this.#compiler.addVariable(name, expression, all)
    this.#conditions = compileConditions(this.#compiler, matchConditions, all)
    this.#validations = validations.map(({ expression }) => this.#compiler.compile(expression, [BOOL], all))
    this.#messages = validations.map(({ messageExpression: text }) => (text ? this.#compiler.compile(text, [STRING], { params }) : undefined))
    this.#annotations = auditAnnotations.map(({ valueExpression }) => this.#compiler.compile(valueExpression, [STRING, NULL], all))
  }

  validate(activation: Activation): Verdict {
    const match = evaluateConditions(this.#conditions, activation, this.#compiler.variables, this.#policy.spec?.failurePolicy)
    if (match.error !== undefined) return this.#failed(match.error)
    if (!match.matches) return nothing
    const budget = new Budget(policyBudget)
    const evaluate = (expressions: readonly Compiled[], within: Budget): Outcome[] | string => {
      try {
        return evaluateAll(expressions, activation, this.#compiler.variables, within)
      } catch (error) {
        if (error instanceof OutOfBudget) return error.message
        throw error
      }
    }
    const outcomes = evaluate(this.#validations, budget)
    if (typeof outcomes === 'string') return this.#failed(outcomes)
    const messages = evaluate(this.#messages.flatMap((message) => message ?? []), budget)
    const annotations = evaluate(this.#annotations, new Budget(policyBudget))
    if (typeof annotations === 'string') return this.#failed(annotations)
    return { denials: [...this.#denials(outcomes, messages)], ...this.#annotate(annotations) }
  }

  /** Nothing can be said: that refuses the request unless the policy is to be ignored then. */
  #failed(message: string, index = 0): Verdict {
    return this.#policy.spec?.failurePolicy === 'Ignore' ? nothing : { ...nothing, denials: [{ index, message, reason: '' }] }
  }

  * #denials(outcomes: readonly Outcome[], messages: Outcome[] | string): Generator<Denial> {
    let next = 0
    for (const [index, outcome] of outcomes.entries()) {
      const text = this.#messages[index] === undefined || typeof messages === 'string' ? undefined : messages[next++]
      if (outcome.error !== undefined) yield* this.#failed(outcome.error, index).denials
      else if (typeof messages === 'string') yield* this.#failed(`failed messageExpression: ${messages}`, index).denials
      else if (outcome.value !== true) {
        const validation = this.#policy.spec!.validations![index]!
        yield { index, message: messageOf(validation, text), reason: validation.reason ?? 'Invalid' }
      }
    }
  }

  #annotate(outcomes: readonly Outcome[]): Omit<Verdict, 'denials'> {
    const annotations: { key: string; value: string }[] = []
    const annotationErrors: string[] = []
    const failOpen = this.#policy.spec?.failurePolicy === 'Ignore'
    for (const [i, outcome] of outcomes.entries()) {
      const { key, valueExpression } = this.#policy.spec!.auditAnnotations![i]!
      if (outcome.error !== undefined) {
        if (!failOpen) annotationErrors.push(outcome.error)
      } else if (typeof outcome.value === 'string') {
        const value = outcome.value.trim()
        if (value !== '') annotations.push({ key, value })
      } else if (outcome.value !== null) {
        annotationErrors.push(`valueExpression '${valueExpression}' resulted in unsupported return type: ${typeof outcome.value}. `
          + 'Return type must be either string or null.')
      }
    }
    return { annotations, annotationErrors }
  }
}

/** The expression's message where it made a good one, else the plain one, else what failed. */
function messageOf({ message = '', expression }: Validation, made: Outcome | undefined): string {
  const text = made?.error === undefined && typeof made?.value === 'string' ? made.value.trim() : ''
  if (text !== '' && byteLength(text) <= maxMessageBytes && !text.includes('\n')) return text
  return message.trim() || `failed expression: ${expression.trim()}`
}
