/** Expressions of x-kubernetes-validations must compile (the CEL part of ValidateCustomResourceDefinitionOpenAPISchema). */
import { type Declaration, declareSchema } from '../../../api/cel/index.ts'
import { compileRules } from '../../../api/cel/rules/compile.ts'
import { escapeName } from '../../../api/cel/schema/escape.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldInternal, fieldInvalid, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import { shownRule } from './internal.ts'

interface Place {
  readonly path: string
  readonly declaration: Declaration | undefined
  /** The list above whose items cannot be told apart between two states of an object. */
  readonly uncorrelatable?: string
}

/** What is wrong with the expressions of a schema that is right otherwise. */
export function ruleErrors(schema: Schema, path: string): FieldError[] {
  return [...visit(schema, { path, declaration: declareSchema(schema, 'selfType', true) })]
}

function* visit(schema: Schema, at: Place): Generator<FieldError> {
  const { path, declaration } = at
  if (typeof schema.additionalProperties === 'object') {
    yield* visit(schema.additionalProperties, { ...at, path: childPath(path, 'additionalProperties'), declaration: declaration?.element })
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(name)
    const own = escaped === undefined ? undefined : declaration?.fields?.get(escaped)?.declaration
    const of = own ?? declareSchema(property, 'selfType', property.embeddedResource === true)
    yield* visit(property, { ...at, path: keyPath(childPath(path, 'properties'), name), declaration: of })
  }
  if (schema.items !== undefined) {
    const uncorrelatable = at.uncorrelatable ?? (schema.listType === 'map' ? undefined : path)
    yield* visit(schema.items, {
      path: childPath(path, 'items'), declaration: declaration?.element, ...(uncorrelatable === undefined ? {} : { uncorrelatable }),
    })
  }
  yield* own(schema, at)
}

function* own(schema: Schema, { path, declaration, uncorrelatable }: Place): Generator<FieldError> {
  if ((schema.validations ?? []).length === 0) return
  const rulesAt = childPath(path, 'x-kubernetes-validations')
  if (declaration === undefined) {
    yield fieldInternal(rulesAt, 'internal error: failed to construct type information for x-kubernetes-validations rules: '
      + 'unable to convert structural schema to CEL declarations')
    return
  }
  for (const [i, { rule, error, messageError, usesOldSelf }] of compileRules(schema, declaration).entries()) {
    const at = indexPath(rulesAt, i)
    if (error !== undefined) yield fieldInvalid(childPath(at, 'rule'), shownRule(rule), error)
    if (messageError !== undefined) yield fieldInvalid(childPath(at, 'messageExpression'), shownRule(rule), messageError)
    if (usesOldSelf && uncorrelatable !== undefined) {
      yield fieldInvalid(childPath(at, 'rule'), rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`)
    } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      yield fieldInvalid(childPath(at, 'optionalOldSelf'), rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule')
    }
  }
}
