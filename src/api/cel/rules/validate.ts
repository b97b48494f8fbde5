/** Objects against the rules of their schema (apiextensions-apiserver schema/cel/validation.go). */
import type { FieldError } from '../../meta/errors.ts'
import { childPath, fieldDuplicate, fieldForbidden, fieldInvalid, fieldRequired, indexPath, keyPath } from '../../meta/field-errors.ts'
import { byteLength, goQuote } from '../../meta/go-text.ts'
import { isFields } from '../../meta/json-equal.ts'
import type { Schema, ValidationRule } from '../../schema/schema.ts'
import { type Declaration, declareSchema, schemaValue } from '../index.ts'
import { escapeName } from '../schema/escape.ts'
import { NONE, some } from '../values.ts'
import { type CompiledRule, compileRules } from './compile.ts'
import { Correlation, oldItems } from './correlation.ts'

const budget = 10_000_000
const maxMessageBytes = 5 * 1024

/** The rules of a schema and of those in it. */
interface RuleNode {
  readonly schema: Schema
  readonly root: boolean
  readonly rules: readonly CompiledRule[]
  readonly error?: string
  readonly items?: RuleNode
  readonly values?: RuleNode
  readonly properties: ReadonlyMap<string, RuleNode>
}

const trees = new WeakMap<Schema, { readonly node: RuleNode | undefined }>()

/** Compiled when a kind's first object is checked. */
function treeOf(schema: Schema, root: boolean): RuleNode | undefined {
  let known = trees.get(schema)
  if (known === undefined) {
    known = { node: hasRules(schema) ? nodeOf(schema, declareSchema(schema, 'selfType', root), root) : undefined }
    trees.set(schema, known)
  }
  return known.node
}

/** Whether there are rules anywhere in a schema. */
export function hasRules(schema: Schema): boolean {
  if ((schema.validations ?? []).length > 0) return true
  return [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]
    .some((inner) => typeof inner === 'object' && hasRules(inner))
}

function nodeOf(schema: Schema, declaration: Declaration | undefined, root: boolean): RuleNode | undefined {
  const below = (inner: Schema | boolean | undefined, of: Declaration | undefined): RuleNode | undefined =>
    (typeof inner === 'object' ? nodeOf(inner, of, inner.embeddedResource === true) : undefined)
  const properties = new Map<string, RuleNode>()
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const escaped = escapeName(name)
    const own = escaped === undefined
      ? declareSchema(property, 'selfType', property.embeddedResource === true) : declaration?.fields?.get(escaped)?.declaration
    const node = own === undefined ? undefined : below(property, own)
    if (node !== undefined) properties.set(name, node)
  }
  const items = below(schema.items, declaration?.element)
  const values = below(schema.additionalProperties, declaration?.element)
  const wanted = (schema.validations ?? []).length > 0
  if (!wanted && items === undefined && values === undefined && properties.size === 0) return undefined
  const rules = wanted && declaration !== undefined ? compileRules(schema, declaration) : []
  return {
    schema, root, rules, properties, ...(items === undefined ? {} : { items }), ...(values === undefined ? {} : { values }),
    ...(wanted && declaration === undefined ? { error: 'failed to convert to declType for CEL validation rules' } : {}),
  }
}

export interface RuleOptions {
  readonly old?: unknown
  /** Told what an update that leaves it as it is need not mend. */
  readonly warn?: (text: string) => void
  /** Where the value is. */
  readonly path?: string
  /** Whether it is a whole object; true unless said otherwise. */
  readonly root?: boolean
}

/** What the rules say of a value. */
export function validateRules(value: unknown, schema: Schema, { old, warn, path = '', root = true }: RuleOptions = {}): FieldError[] {
  const tree = treeOf(schema, root)
  if (tree === undefined) return []
  const run = new Run(warn)
  run.visit(tree, { value, old, path, correlation: warn === undefined || old === undefined ? undefined : Correlation.root(value, old, schema) })
  // What is wrong with the object as a whole has no field.
  return run.errors.map((error) => (error.field === '' ? { ...error, field: '<nil>' } : error))
}

interface At {
  readonly value: unknown
  readonly old: unknown
  readonly path: string
  readonly correlation: Correlation | undefined
}

/** One validation: its errors, and what it may still cost. */
class Run {
  readonly errors: FieldError[] = []
  #left = budget
  readonly #warn: ((text: string) => void) | undefined

  constructor(warn: ((text: string) => void) | undefined) {
    this.#warn = warn
  }

  /** False when nothing more is to be checked. */
  visit(node: RuleNode, at: At): boolean {
    const { value } = at
    if (value === null || value === undefined) return true
    if (!this.#own(node, at)) return false
    if (Array.isArray(value)) return this.#list(node, value, at)
    return !isFields(value) || this.#fields(node, value, at)
  }

  #list({ items, schema }: RuleNode, list: readonly unknown[], { old, path, correlation }: At): boolean {
    if (items === undefined) return true
    const oldOf = oldItems(schema, old)
    return list.every((item, i) => {
      const before = oldOf(item)
      return this.visit(items, { value: item, old: before, path: indexPath(path, i), correlation: correlation?.item(item, before) })
    })
  }

  #fields({ values, properties }: RuleNode, fields: Readonly<Record<string, unknown>>, { old, path, correlation }: At): boolean {
    const before = isFields(old) ? old : {}
    return Object.keys(fields).every((key) => {
      const node = values ?? properties.get(key)
      if (node === undefined) return true
      const at = { value: fields[key], old: before[key], correlation: correlation?.field(key) }
      return this.visit(node, { ...at, path: values === undefined ? childPath(path, key) : keyPath(path, key) })
    })
  }

  #own({ schema, root, rules, error }: RuleNode, at: At): boolean {
    const { path } = at
    const type = schema.type ?? ''
    const refuse = (why: string): void => void this.errors.push(fieldInvalid(path, type, why))
    if (error !== undefined) refuse(`rule compiler initialization error: ${error}`)
    if (rules.length === 0) return true
    if (this.#left <= 0) {
      refuse('validation failed due to running out of cost budget, no further validation rules will be run')
      return false
    }
    const self = schemaValue(at.value, schema, root)
    const hasOld = at.old !== undefined && at.old !== null
    const oldSelf = hasOld ? schemaValue(at.old, schema, root) : undefined
    return rules.every((compiled) => {
      const { rule, usesOldSelf } = compiled
      if (compiled.error !== undefined) refuse(`rule compile error: ${compiled.error}`)
      if (compiled.program === undefined) return true
      const optional = rule.optionalOldSelf === true
      // Rules about changes are for values that there were before.
      if (usesOldSelf && !hasOld && !optional) return true
      const result = compiled.program.evaluate({ self, oldSelf: optional ? (hasOld ? some(oldSelf) : NONE) : oldSelf })
      if (result.cost > this.#left) {
        refuse('validation failed due to running out of cost budget, no further validation rules will be run')
        return false
      }
      this.#left -= result.cost
      if (!result.ok) return this.#failed(result, rule, refuse)
      return result.value === true || this.#broken(compiled, schema, at, { self, oldSelf })
    })
  }

  #failed({ error, limitExceeded }: { readonly error: string; readonly limitExceeded: boolean }, rule: ValidationRule, refuse: (why: string) => void): boolean {
    const text = ruleText(rule)
    if (limitExceeded) refuse(`'${error}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`)
    else if (error.startsWith('no such overload')) {
      refuse(`'${error}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`)
    } else refuse(`${error} evaluating rule: ${text}`)
    return !limitExceeded
  }

  /** A rule that says no. */
  #broken(compiled: CompiledRule, schema: Schema, at: At, activation: Readonly<Record<string, unknown>>): boolean {
    const { rule, usesOldSelf, fieldPath } = compiled
    const path = fieldPath === undefined ? at.path : childPath(at.path, fieldPath)
    const add = (error: FieldError): void => {
      if (!usesOldSelf && at.correlation?.unchanged === true) this.#warn?.(`${error.field === '' ? '<nil>' : error.field}: ${error.message}`)
      else this.errors.push(error)
    }
    const message = this.#message(compiled, activation)
    if (message.fatal !== undefined) {
      add(fieldInvalid(path, schema.type ?? '', message.fatal))
      return false
    }
    const detail = message.text ?? (rule.message ? rule.message.trim() : `failed rule: ${ruleText(rule)}`)
    add(errorFor(rule.reason, path, at.value, schema, detail))
    return true
  }

  #message({ message, rule }: CompiledRule, activation: Readonly<Record<string, unknown>>): { readonly text?: string; readonly fatal?: string } {
    if (message === undefined) return {}
    const result = message.evaluate(activation)
    if (result.cost > this.#left) return { fatal: 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run' }
    if (!result.ok && result.limitExceeded) {
      return { fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${goQuote(rule.messageExpression ?? '')}` }
    }
    this.#left -= result.cost
    if (!result.ok || typeof result.value !== 'string') return {}
    const text = result.value.trim()
    return text === '' || text.includes('\n') || byteLength(text) > maxMessageBytes ? {} : { text }
  }
}

/** What a rule is called in errors. */
const ruleText = ({ rule, message }: ValidationRule): string => (message || rule).trim()

/** Objects and lists are not shown. */
function errorFor(reason: string | undefined, path: string, value: unknown, { type }: Schema, detail: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden': return fieldForbidden(path, detail)
    case 'FieldValueRequired': return fieldRequired(path, detail)
    default:
  }
  const whole = type === 'object' || type === 'array'
  if (reason === 'FieldValueDuplicate') return whole ? { type: 'FieldValueDuplicate', field: path, message: 'Duplicate value' } : fieldDuplicate(path, value)
  return whole ? { type: 'FieldValueInvalid', field: path, message: `Invalid value: ${detail}` } : fieldInvalid(path, value, detail)
}
