/**
 * One refused field as a value (apimachinery pkg/util/validation/field): constructors that print the bad value as
 * upstream's ErrorBody does, and a path builder. Paths are plain strings such as "spec.containers[0].image".
 */
import type { FieldError, FieldErrorType } from './errors.ts'
import { goJSON, goNumber, goQuote } from './go-text.ts'

/** "spec" + "replicas" -> "spec.replicas"; an empty parent adds no dot. */
export function childPath(path: string, ...names: string[]): string {
  let out = path
  for (const name of names) out = out === '' ? name : `${out}.${name}`
  return out
}

/** "spec.ports" + 0 -> "spec.ports[0]". */
export function indexPath(path: string, index: number): string {
  return `${path}[${index}]`
}

/** "data" + "a.b" -> "data[a.b]". */
export function keyPath(path: string, key: string): string {
  return `${path}[${key}]`
}

/** The bad value as ErrorBody prints it: strings quoted as Go does, numbers and booleans bare, the rest as JSON. */
export function formatBadValue(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  if (typeof value === 'number') return goNumber(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  return goJSON(value)
}

function make(type: FieldErrorType, field: string, head: string, detail: string): FieldError {
  return { type, field, message: detail === '' ? head : `${head}: ${detail}` }
}

export const fieldRequired = (field: string, detail = ''): FieldError =>
  make('FieldValueRequired', field, 'Required value', detail)

export const fieldInvalid = (field: string, value: unknown, detail: string): FieldError =>
  make('FieldValueInvalid', field, `Invalid value: ${formatBadValue(value)}`, detail)

/** An invalid value that the text does not show. */
export const fieldInvalidOmitted = (field: string, detail: string): FieldError => make('FieldValueInvalid', field, 'Invalid value', detail)

export const fieldTypeInvalid = (field: string, value: unknown, detail: string): FieldError =>
  make('FieldValueTypeInvalid', field, `Invalid value: ${formatBadValue(value)}`, detail)

/** `supported` is printed in the order given: upstream sorts where it passes a set (sort before the call). */
export function fieldNotSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length === 0 ? '' : `supported values: ${supported.map(goQuote).join(', ')}`
  return make('FieldValueNotSupported', field, `Unsupported value: ${formatBadValue(value)}`, detail)
}

export const fieldDuplicate = (field: string, value: unknown): FieldError =>
  make('FieldValueDuplicate', field, `Duplicate value: ${formatBadValue(value)}`, '')

export const fieldNotFound = (field: string, value: unknown): FieldError =>
  make('FieldValueNotFound', field, `Not found: ${formatBadValue(value)}`, '')

export const fieldForbidden = (field: string, detail: string): FieldError =>
  make('FieldValueForbidden', field, 'Forbidden', detail)

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

/** Too long in bytes; a negative limit prints no number. */
export const fieldTooLong = (field: string, maxBytes: number): FieldError =>
  make('FieldValueTooLong', field, 'Too long',
    maxBytes < 0 ? 'value is too long' : `may not be more than ${counted(maxBytes, 'byte')}`)

export const fieldTooLongCharacters = (field: string, max: number): FieldError =>
  make('FieldValueTooLong', field, 'Too long',
    max < 0 ? 'value is too long' : `may not be more than ${counted(max, 'character')}`)

export const fieldTooShort = (field: string, min: number): FieldError =>
  make('FieldValueTooShort', field, 'Too short',
    min < 0 ? 'value is too short' : `must be at least ${counted(min, 'character')}`)

/** A negative `actual` is not printed. */
export const fieldTooMany = (field: string, actual: number, max: number): FieldError =>
  make('FieldValueTooMany', field, actual < 0 ? 'Too many' : `Too many: ${actual}`,
    max < 0 ? 'has too many items' : `must have at most ${counted(max, 'item')}`)

export const fieldTooFew = (field: string, actual: number, min: number): FieldError =>
  make('FieldValueTooFew', field, `Too few: ${actual}`,
    min < 0 ? 'has too few items' : `must have at least ${counted(min, 'item')}`)

export const fieldInternal = (field: string, why: string): FieldError =>
  make('InternalError', field, 'Internal error', why)

/** The texts of an error list as Go's Aggregate prints them: equal ones once, several in brackets. */
export function aggregateText(errors: readonly FieldError[]): string {
  const lines = [...new Set(errors.map((e) => `${e.field}: ${e.message}`))]
  return lines.length === 1 ? lines[0]! : `[${lines.join(', ')}]`
}
