/**
 * Validation of custom resources by their schema (kube-openapi validation/validate and apiextensions-apiserver
 * validation): the checks, their texts, and ratcheting, by which what an update leaves as it is is not refused.
 */
import type { FieldError } from '../meta/errors.ts'
import {
  fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, fieldTooMany, fieldTypeInvalid,
} from '../meta/field-errors.ts'
import { goJSON, goNumber, goQuote } from '../meta/go-text.ts'
import { isFields, jsonEqual } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { formatCheck, matchesPattern } from './formats.ts'
import type { Schema } from './schema.ts'

export interface ValidateOptions {
  /** The value before the update; what is equal to it is not checked again. */
  readonly old?: unknown
  /** The path of the value, when it is not a whole object ("status"). */
  readonly path?: string
}

/** All that is wrong with a value. Errors that upstream gives no field carry "<nil>" as theirs. */
export function validateValue(value: unknown, schema: Schema, options: ValidateOptions = {}): FieldError[] {
  const result = new Result()
  validate(value, schema, { path: '', old: options.old, ratchet: options.old !== undefined }, result)
  return result.errors.map(({ error }) => place(error, options.path))
}

function place(error: FieldError, base: string | undefined): FieldError {
  if (error.field === noField) return base === undefined ? error : { ...error, field: base }
  const field = error.field.startsWith('.') ? error.field.slice(1) : error.field
  if (base === undefined) return { ...error, field }
  return { ...error, field: field === '' ? base : `${base}.${field}` }
}

const noField = '<nil>'

interface Place {
  readonly path: string
  readonly old: unknown
  readonly ratchet: boolean
}

/** Errors, each text once, and how much was right: the best of several alternatives is the one with the most. */
class Result {
  readonly errors: { text: string; error: FieldError }[] = []
  matches = 0

  add(text: string, error: FieldError): void {
    if (!this.errors.some((e) => e.text === text)) this.errors.push({ text, error })
  }

  /** An error without a field of its own. */
  addPlain(text: string): void {
    this.add(text, fieldInvalid(noField, '', text))
  }

  merge(other: Result): void {
    for (const { text, error } of other.errors) this.add(text, error)
    this.matches += other.matches
  }

  get valid(): boolean {
    return this.errors.length === 0
  }
}

function validate(value: unknown, schema: Schema, at: Place, result: Result): void {
  if (at.ratchet && at.old !== undefined && jsonEqual(value, at.old)) return
  const own = new Result()
  checkType(value, schema, at.path, own)
  if (value === null || value === undefined) {
    checkEnum(value, schema, at.path, own)
    result.merge(own)
    return
  }
  checkAlternatives(value, schema, at, own)
  if (typeof value === 'string') checkString(value, schema, at.path, own)
  else if (typeof value === 'number') checkNumber(value, schema, at.path, own)
  else if (Array.isArray(value)) checkList(value, schema, at, own)
  checkEnum(value, schema, at.path, own)
  if (isFields(value)) checkFields(value, schema, at, own)
  own.matches += 1
  result.merge(own)
}


const typesOf = (schema: Schema): readonly string[] =>
  schema.intOrString ? ['integer', 'string'] : schema.type === undefined ? [] : [schema.type]

/** The format that is checked: those upstream does not know are as good as none. */
function formatOf(schema: Schema): string {
  const { format } = schema
  if (format === undefined || format === '') return ''
  const types = typesOf(schema)
  switch (types.length === 1 ? types[0] : '') {
    case '': case 'string': return formatCheck(format) === undefined ? '' : format
    case 'integer': return format === 'int32' || format === 'int64' ? format : ''
    case 'number': return format === 'float' || format === 'double' ? format : ''
    default: return ''
  }
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function checkType(value: unknown, schema: Schema, path: string, result: Result): void {
  const types = typesOf(schema)
  const format = formatOf(schema)
  if (types.length === 0 && format === '') return
  result.matches += 1
  const wrong = (expected: string, actual: string): void => {
    const text = `${path} in body must be of type ${expected}: ${goQuote(actual)}`
    result.add(text, fieldTypeInvalid(path, actual, text))
  }
  if (value === null || value === undefined) {
    if (types.length > 0 && schema.nullable !== true) wrong(types.join(','), 'null')
    return
  }
  const actual = jsonType(value)
  const fits = types.includes(actual) || (actual === 'integer' && types.includes('number'))
  const textLike = actual === 'string' || actual === 'array'
  if (!textLike && format !== '' && !fits) {
    wrong(format, actual === 'integer' ? 'int64' : actual === 'number' ? 'float64' : '')
    return
  }
  const numeric = types.includes('number') || types.includes('integer')
  if (!numeric && format !== '' && textLike) return
  if (!fits) wrong(types.join(','), actual)
}

function checkEnum(value: unknown, schema: Schema, path: string, result: Result): void {
  const allowed = schema.enum
  if (allowed === undefined || allowed.length === 0) return
  if (value !== null && value !== undefined && allowed.some((item) => jsonEqual(item, value))) return
  const shown = allowed.map((item) => (typeof item === 'string' ? item : goJSON(item)))
  const text = `${path} in body should be one of [${shown.join(' ')}]`
  result.add(text, fieldNotSupported(path, value ?? null, shown))
}

function checkString(value: string, schema: Schema, path: string, result: Result): void {
  result.matches += 1
  checkLengthAndPattern(value, schema, path, result)
  const format = formatOf(schema)
  // Formats of numbers are none of a text's.
  const check = format === '' ? undefined : formatCheck(format)
  if (check === undefined || check(value)) return
  const text = `${path} in body must be of type ${format}: ${goQuote(value)}`
  result.add(text, fieldTypeInvalid(path, value, text))
}

const runes = (text: string): number => Array.from(text).length

function checkLengthAndPattern(value: string, schema: Schema, path: string, result: Result): void {
  const { maxLength, minLength, pattern } = schema
  if (maxLength !== undefined && value.length > maxLength && runes(value) > maxLength) {
    result.add(`${path} in body should be at most ${maxLength} chars long`, fieldTooLong(path, maxLength))
    return
  }
  if (minLength !== undefined && runes(value) < minLength) {
    const text = `${path} in body should be at least ${minLength} chars long`
    result.add(text, fieldInvalid(path, value, text))
    return
  }
  if (!pattern) return
  let shown = pattern
  try {
    if (matchesPattern(value, pattern)) return
  } catch (error) {
    shown = `${pattern}, but pattern is invalid: ${(error as Error).message}`
  }
  const text = `${path} in body should match '${shown}'`
  result.add(text, fieldInvalid(path, value, text))
}

function checkNumber(value: number, schema: Schema, path: string, result: Result): void {
  result.matches += 1
  checkRange(value, schema, path, result)
  const refuse = (text: string): void => result.add(text, fieldInvalid(path, value, text))
  const { multipleOf, maximum, minimum } = schema
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) {
    refuse(`${path} in body should be a multiple of ${goNumber(multipleOf)}`)
  }
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) {
    refuse(`${path} in body should be greater than ${schema.exclusiveMinimum ? '' : 'or equal to '}${goNumber(minimum)}`)
  }
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) {
    refuse(`${path} in body should be less than ${schema.exclusiveMaximum ? '' : 'or equal to '}${goNumber(maximum)}`)
  }
}

function isMultiple(value: number, factor: number): boolean {
  const quotient = factor < 1 ? (1 / factor) * value : value / factor
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient))
}

function checkRange(value: number, schema: Schema, path: string, result: Result): void {
  if (schema.type !== 'integer') return
  const format = formatOf(schema)
  const limit = format === 'int32' ? 2 ** 31 : 2 ** 63
  const within = Number.isInteger(value) && value < limit && value >= -limit
  if (within) return
  result.addPlain(`Checked value must be of type integer ${format === '' ? '(default format)' : `with format ${format}`} in ${path}`)
}

function checkList(list: readonly unknown[], schema: Schema, at: Place, result: Result): void {
  const { items, minItems, maxItems } = schema
  const oldOf = at.ratchet ? oldItems(schema, at.old) : undefined
  if (items !== undefined) {
    list.forEach((item, i) => {
      validate(item, items, { path: `${at.path}[${i}]`, old: oldOf?.(item), ratchet: at.ratchet }, result)
    })
  }
  if (minItems !== undefined && list.length < minItems) {
    const text = `${at.path} in body should have at least ${minItems} items`
    result.add(text, fieldInvalid(at.path, list.length, text))
  }
  if (maxItems !== undefined && list.length > maxItems) {
    result.add(`${at.path} in body should have at most ${maxItems} items`, fieldTooMany(at.path, list.length, maxItems))
  }
  if (schema.uniqueItems && list.some((item, i) => list.slice(0, i).some((other) => jsonEqual(item, other)))) {
    const text = `${at.path} in body shouldn't contain duplicates`
    result.add(text, fieldInvalid(at.path, '', text))
  }
  result.matches += 2
}

/** Which old item a new one stands for: the one with the same keys in lists of type map, none in others. */
function oldItems(schema: Schema, old: unknown): ((item: unknown) => unknown) | undefined {
  const keys = schema.listType === 'map' ? schema.listMapKeys ?? [] : []
  if (keys.length === 0 || !Array.isArray(old)) return undefined
  const keyOf = (item: unknown): string =>
    JSON.stringify(keys.map((key) => (isFields(item) ? item[key] ?? null : null)))
  const byKey = new Map(old.map((item: unknown) => [keyOf(item), item]))
  return (item) => byKey.get(keyOf(item))
}

function checkFields(value: Fields, schema: Schema, at: Place, result: Result): void {
  const keys = Object.keys(value)
  checkFieldCount(keys.length, schema, at.path, result)
  const { properties = {}, additionalProperties } = schema
  const old = isFields(at.old) ? at.old : undefined
  const below = (path: string, key: string): Place => ({ path, old: old?.[key], ratchet: at.ratchet })
  for (const key of keys) {
    if (Object.hasOwn(properties, key)) continue
    const path = `${at.path}.${key}`
    if (additionalProperties === false) {
      result.add(`${path} in body is a forbidden property`, fieldInvalid(at.path, key, `${path} in body is a forbidden property`))
    } else if (typeof additionalProperties === 'object') validate(value[key], additionalProperties, below(path, key), result)
  }
  for (const key of keys) {
    if (!Object.hasOwn(properties, key)) continue
    validate(value[key], properties[key]!, below(at.path === '' ? key : `${at.path}.${key}`, key), result)
  }
  for (const key of schema.required ?? []) {
    if (Object.hasOwn(value, key)) continue
    result.add(`${at.path}.${key} in body is required`, fieldRequired(`${at.path}.${key}`))
  }
  result.matches += 1
}

function checkFieldCount(count: number, { minProperties, maxProperties }: Schema, path: string, result: Result): void {
  if (minProperties !== undefined && count < minProperties) {
    const text = `${path} in body should have at least ${minProperties} properties`
    result.add(text, fieldInvalid(path, count, text))
  }
  if (maxProperties !== undefined && count > maxProperties) {
    result.add(`${path} in body should have at most ${maxProperties} properties`, fieldTooMany(path, count, maxProperties))
  }
}

function attempt(value: unknown, schema: Schema, at: Place): Result {
  const result = new Result()
  validate(value, schema, at, result)
  return result
}

function checkAlternatives(value: unknown, schema: Schema, at: Place, result: Result): void {
  if (schema.anyOf !== undefined && schema.anyOf.length > 0) checkAnyOf(value, schema.anyOf, at, result)
  if (schema.oneOf !== undefined && schema.oneOf.length > 0) checkOneOf(value, schema.oneOf, at, result)
  if (schema.allOf !== undefined && schema.allOf.length > 0) checkAllOf(value, schema.allOf, at, result)
  if (schema.not !== undefined && attempt(value, schema.not, at).valid) {
    result.addPlain(`${goQuote(at.path)} must not validate the schema (not)`)
  }
  result.matches += 1
}

/** The attempt that got furthest. */
function best(attempts: readonly Result[]): Result {
  return attempts.reduce((a, b) => (b.matches > a.matches ? b : a))
}

function checkAnyOf(value: unknown, schemas: readonly Schema[], at: Place, result: Result): void {
  const attempts: Result[] = []
  for (const schema of schemas) {
    const next = attempt(value, schema, at)
    if (next.valid) {
      result.merge(next)
      return
    }
    attempts.push(next)
  }
  result.addPlain(`${goQuote(at.path)} must validate at least one schema (anyOf)`)
  result.merge(best(attempts))
}

function checkOneOf(value: unknown, schemas: readonly Schema[], at: Place, result: Result): void {
  const attempts = schemas.map((schema) => attempt(value, schema, at))
  const right = attempts.filter((a) => a.valid)
  if (right.length === 1) {
    result.merge(right[0]!)
    return
  }
  const found = right.length === 0 ? 'Found none valid' : `Found ${right.length} valid alternatives`
  result.addPlain(`${goQuote(at.path)} must validate one and only one schema (oneOf). ${found}`)
  if (right.length === 0) result.merge(best(attempts))
}

function checkAllOf(value: unknown, schemas: readonly Schema[], at: Place, result: Result): void {
  let right = 0
  for (const schema of schemas) {
    const next = attempt(value, schema, at)
    if (next.valid) right++
    result.merge(next)
  }
  if (right === schemas.length) return
  result.addPlain(`${goQuote(at.path)} must validate all the schemas (allOf)${right === 0 ? '. None validated' : ''}`)
}
