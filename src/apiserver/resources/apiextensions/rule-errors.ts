/** Expressions of x-kubernetes-validations must compile (the CEL part of ValidateCustomResourceDefinitionOpenAPISchema). */
import { type Declaration, declareSchema } from '../../../api/cel/index.ts'
import { compileRules } from '../../../api/cel/rules/compile.ts'
import { escapeName } from '../../../api/cel/schema/escape.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldInternal, fieldInvalid, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import { shownRule } from './internal.ts'
import { type Cardinality, TotalCost, childCardinality } from './rule-costs.ts'

interface Place {
  readonly path: string
  readonly declaration: Declaration | undefined
  readonly cardinality: Cardinality
  readonly costs: TotalCost
  /** The list above whose items cannot be told apart between two states of an object. */
  readonly uncorrelatable?: string
}

/** What is wrong with the expressions of a schema that is right otherwise; `unchanged`: since the last version of its definition. */
export function ruleErrors(schema: Schema, path: string, unchanged: boolean): FieldError[] {
  const costs = new TotalCost(!unchanged)
  const errors = [...visit(schema, { path, declaration: declareSchema(schema, 'selfType', true), cardinality: 1, costs })]
  return [...errors, ...costs.errors(path)]
}

function* visit(schema: Schema, at: Place): Generator<FieldError> {
  const { path, declaration, costs } = at
  const cardinality = childCardinality(schema, at.cardinality)
  if (typeof schema.additionalProperties === 'object') {
    yield* visit(schema.additionalProperties, {
      ...at, path: childPath(path, 'additionalProperties'), declaration: declaration?.element, cardinality,
    })
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(name)
    const own = escaped === undefined ? undefined : declaration?.fields?.get(escaped)?.declaration
    const of = own ?? declareSchema(property, 'selfType', property.embeddedResource === true)
    yield* visit(property, { ...at, path: keyPath(childPath(path, 'properties'), name), declaration: of, cardinality })
  }
  if (schema.items !== undefined) {
    const uncorrelatable = at.uncorrelatable ?? (schema.listType === 'map' ? undefined : path)
    yield* visit(schema.items, {
      path: childPath(path, 'items'), declaration: declaration?.element, cardinality, costs, ...(uncorrelatable === undefined ? {} : { uncorrelatable }),
    })
  }
  yield* own(schema, at)
}

function* own(schema: Schema, { path, declaration, uncorrelatable, cardinality, costs }: Place): Generator<FieldError> {
  if ((schema.validations ?? []).length === 0) return
  const rulesAt = childPath(path, 'x-kubernetes-validations')
  if (declaration === undefined) {
    yield fieldInternal(rulesAt, 'internal error: failed to construct type information for x-kubernetes-validations rules: '
      + 'unable to convert structural schema to CEL declarations')
    return
  }
  for (const [i, compiled] of compileRules(schema, declaration, { estimate: true }).entries()) {
    const { rule, error, messageError, usesOldSelf, maxCost = 0n, messageMaxCost } = compiled
    const at = indexPath(rulesAt, i)
    const tooMuch = costs.rule(childPath(at, 'rule'), maxCost, cardinality, declaration.minSize)
    if (tooMuch) yield tooMuch
    if (error !== undefined) yield fieldInvalid(childPath(at, 'rule'), shownRule(rule), error)
    if (messageError !== undefined) yield fieldInvalid(childPath(at, 'messageExpression'), shownRule(rule), messageError)
    const longMessage = messageMaxCost === undefined ? undefined : costs.message(childPath(at, 'messageExpression'), messageMaxCost)
    if (longMessage) yield longMessage
    if (usesOldSelf && uncorrelatable !== undefined) {
      yield fieldInvalid(childPath(at, 'rule'), rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`)
    } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      yield fieldInvalid(childPath(at, 'optionalOldSelf'), rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule')
    }
  }
}
