/** x-kubernetes-validations of a schema, compiled (apiextensions-apiserver schema/cel/compilation.go). */
import type { JSONSchemaProps } from '../../schema/json-schema.ts'
import type { Schema, ValidationRule } from '../../schema/schema.ts'
import { parseFieldPath } from '../../schema/field-path.ts'
import {
  type Checked, type Declaration, type Environment, type Program, estimateCost, kubernetesEnvironment, optionalType,
  schemaProvider, schemaSizes,
} from '../index.ts'

/** A rule with its program, or what is wrong with it; neither for an empty one. */
export interface CompiledRule {
  readonly rule: ValidationRule
  readonly program?: Program
  readonly error?: string
  readonly message?: Program
  readonly messageError?: string
  /** What the rule and its message may cost at most; told only to those who ask. */
  readonly maxCost?: bigint
  readonly messageMaxCost?: bigint
  readonly usesOldSelf: boolean
  /** The field below the object that the rule complains of, as errors show it. */
  readonly fieldPath?: string
}

/** Compiles the rules of one level; `estimate` says to find out what they may cost. */
export function compileRules(schema: Schema, declaration: Declaration, { estimate = false } = {}): CompiledRule[] {
  const { type } = declaration
  const structs = [schemaProvider(declaration)]
  const environments = new Map<boolean, Environment>()
  const environment = (optional: boolean): Environment => {
    let known = environments.get(optional)
    if (known === undefined) {
      known = kubernetesEnvironment({ variables: { self: type, oldSelf: optional ? optionalType(type) : type }, structs })
      environments.set(optional, known)
    }
    return known
  }
  const maxCost = estimate ? (checked: Checked): bigint => estimateCost(checked, schemaSizes(declaration)).max : undefined
  return (schema.validations ?? []).map((rule) =>
    compileRule(rule, schema, environment(rule.optionalOldSelf === true), maxCost))
}

function compileRule(
  rule: ValidationRule, schema: Schema, environment: Environment, maxCost: ((checked: Checked) => bigint) | undefined,
): CompiledRule {
  if ((rule.rule ?? '').trim() === '') return { rule, usesOldSelf: false }
  const compiled = environment.compile(rule.rule)
  if (!compiled.ok) return { rule, usesOldSelf: false, error: failure(compiled.stage, compiled.message, '') }
  if (compiled.type.kind !== 'bool') return { rule, usesOldSelf: false, error: 'cel expression must evaluate to a bool' }
  const usesOldSelf = compiled.program.variables.includes('oldSelf')
  const base = {
    rule, program: compiled.program, usesOldSelf, ...fieldPathOf(rule, schema),
    ...(maxCost ? { maxCost: maxCost(compiled.checked) } : {}),
  }
  if (!rule.messageExpression) return base
  const message = environment.compile(rule.messageExpression)
  if (!message.ok) return { ...base, messageError: failure(message.stage, message.message, 'messageExpression ') }
  if (message.type.kind !== 'string') return { ...base, messageError: 'messageExpression must evaluate to a string' }
  return { ...base, message: message.program, ...(maxCost ? { messageMaxCost: maxCost(message.checked) } : {}) }
}

function failure(stage: 'compile' | 'program', message: string, what: string): string {
  if (stage === 'compile') return `${what}compilation failed: ${message}`
  return what === '' ? `program instantiation failed: ${message}` : `${what}instantiation failed: ${message}`
}

function fieldPathOf({ fieldPath }: ValidationRule, schema: Schema): { fieldPath?: string } {
  if (!fieldPath) return {}
  try {
    return { fieldPath: parseFieldPath(fieldPath, schema as JSONSchemaProps).text }
  } catch {
    return {}
  }
}
