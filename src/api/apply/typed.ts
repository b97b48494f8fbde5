/**
 * Values with their types (structured-merge-diff typed): which fields a value sets, how two differ, how they merge, and
 * what is left when fields are taken out. Values are JSON; undefined is absent, null is an explicit null.
 */
import { goNumber, goValue } from '../meta/go-text.ts'
import { isFields, jsonEqual } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { setOwn } from '../codec/set-own.ts'
import { deduce } from './field-types.ts'
import type { FieldType, ListType, MapType } from './field-types.ts'
import { elementText, keyElement, leafNode, valueElement } from './fieldset.ts'
import type { FieldNode, FieldSet, FieldSetBuilder } from './fieldset.ts'

export interface TypedError {
  readonly path: string
  readonly message: string
}

/** Errors as structured-merge-diff prints them. */
export function typedErrorsText(errors: readonly TypedError[]): string {
  const lines = errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  return lines.length === 1 ? lines[0]! : ['errors:', ...lines.map((line) => `  ${line}`)].join('\n')
}

/** A type with nothing: what values have that no schema declares below. */
export const noType: FieldType = {}

export const fieldTypeAt = (map: MapType, key: string): FieldType => map.field(key) ?? map.element ?? noType

// ---- list items

/** The element that a list item is known by, or why it has none. */
export function itemElement(list: ListType, item: unknown): { element: string } | { error: string } {
  if (list.keys.length > 0) return keyedElement(list, item)
  if (isFields(item)) return { error: "associative list without keys has an element that's a map type" }
  if (Array.isArray(item)) return { error: 'not supported: associative list with lists as elements' }
  if (item === null || item === undefined) {
    return { error: "associative list without keys has an element that's an explicit null" }
  }
  return { element: valueElement(item) }
}

function keyedElement(list: ListType, item: unknown): { element: string } | { error: string } {
  if (item === null || item === undefined) return { error: 'associative list with keys may not have a null element' }
  if (!isFields(item)) return { error: 'associative list with keys may not have non-map elements' }
  const fields: [string, unknown][] = []
  for (const key of list.keys) {
    const value = Object.hasOwn(item, key) ? item[key] : undefined
    if (value !== undefined) fields.push([key, value])
    else {
      const fallback = list.element.map?.field(key)?.default
      if (fallback !== undefined) fields.push([key, fallback])
    }
  }
  if (fields.length === 0) {
    return { error: `associative list with keys has an element that omits all key fields [${list.keys.map((k) => JSON.stringify(k)).join(' ')}] (and doesn't have default values for any key fields)` }
  }
  if (fields.length > 1) fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return { element: keyElement(fields) }
}

/** The same for lists that have been checked: items without an element get one of their own. */
const invalidElement = 'v:null'

export function elementOf(list: ListType, item: unknown): string {
  const found = itemElement(list, item)
  return 'element' in found ? found.element : invalidElement
}

// ---- which fields a value sets

/** The paths that a value sets: leaves, list items, map keys, and empty maps. */
export function toFieldSet(value: unknown, type: FieldType): FieldSet {
  return setBelow(value, type)?.children ?? new Map()
}

function setBelow(value: unknown, open: FieldType): FieldNode | undefined {
  const type = deduce(open, value)
  if (type.map !== undefined) return isFields(value) ? mapSet(value, type.map) : atomicLeaf(type.map.atomic)
  if (type.scalar !== undefined) return leafNode
  if (type.list !== undefined) return Array.isArray(value) ? listSet(value, type.list) : atomicLeaf(type.list.atomic)
  return undefined
}

const atomicLeaf = (atomic: boolean): FieldNode | undefined => (atomic ? leafNode : undefined)

function listSet(list: readonly unknown[], type: ListType): FieldNode | undefined {
  if (type.atomic) return leafNode
  const children: FieldSetBuilder = new Map()
  const duplicates = new Set<string>()
  for (const item of list) {
    const element = elementOf(type, item)
    if (duplicates.has(element)) continue
    if (children.has(element)) {
      // Of items that share an element only the element itself is owned.
      duplicates.add(element)
      children.set(element, leafNode)
      continue
    }
    const below = setBelow(item, type.element)
    children.set(element, below?.children === undefined ? leafNode : { member: true, children: below.children })
  }
  return children.size === 0 ? undefined : { member: false, children }
}

const isEmptyMap = (value: unknown): boolean => isFields(value) && Object.keys(value).length === 0

function mapSet(map: Fields, type: MapType): FieldNode | undefined {
  if (type.atomic) return leafNode
  const children: FieldSetBuilder = new Map()
  for (const key of Object.keys(map)) {
    const value = map[key]
    if (value === undefined) continue
    const declared = type.field(key)
    const below = setBelow(value, declared ?? type.element ?? noType)
    const member = below?.member === true || value === null || declared === undefined || isEmptyMap(value)
    if (below?.children === undefined) {
      if (member) children.set(`f:${key}`, leafNode)
    } else children.set(`f:${key}`, member === below.member ? below : { member, children: below.children })
  }
  return children.size === 0 ? undefined : { member: false, children }
}

// ---- whether a value fits its type

const goKindOf = (value: unknown): string => {
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'number' ? (Number.isInteger(value) ? 'int64' : 'float64') : 'string'
}

/** fmt's %#v of a JSON value. */
function goSyntax(value: unknown): string {
  if (typeof value === 'number') return goNumber(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isFields(value)) {
    return `map[string]interface {}{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}:${goSyntax(v)}`).join(', ')}}`
  }
  return value === null ? 'interface {}(nil)' : JSON.stringify(value)
}

function scalarError(scalar: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  const kind = typeof value
  switch (scalar) {
    case 'numeric': return kind === 'number' ? undefined : `expected numeric (int or float), got ${goKindOf(value)}`
    case 'string': return kind === 'string' ? undefined : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`
    case 'boolean': return kind === 'boolean' ? undefined : `expected boolean, got &{${goValue(value)}}`
    default: return kind === 'object' ? `expected any scalar, got &{${goValue(value)}}` : undefined
  }
}

/** What of a value does not fit its type: unknown fields, wrong kinds, items without keys, and duplicates. */
export function checkTyped(value: unknown, type: FieldType, allowDuplicates = false): TypedError[] {
  const errors: TypedError[] = []
  check(value, type, '', allowDuplicates, errors)
  return errors
}

function check(value: unknown, open: FieldType, path: string, allowDuplicates: boolean, errors: TypedError[]): void {
  const type = deduce(open, value)
  if (type.map !== undefined) {
    if (value === null) return
    if (!isFields(value)) errors.push({ path, message: `expected map, got &{${goValue(value)}}` })
    else checkMap(value, type.map, path, allowDuplicates, errors)
  } else if (type.scalar !== undefined) {
    const message = scalarError(type.scalar, value)
    if (message !== undefined) errors.push({ path, message })
  } else if (type.list !== undefined) {
    if (value === null) return
    if (!Array.isArray(value)) errors.push({ path, message: `expected list, got &{${goValue(value)}}` })
    else checkList(value, type.list, path, allowDuplicates, errors)
  } else errors.push({ path, message: 'schema error: invalid atom: inlined' })
}

function checkMap(map: Fields, type: MapType, path: string, allowDuplicates: boolean, errors: TypedError[]): void {
  for (const key of Object.keys(map)) {
    if (map[key] === undefined) continue
    const field = type.field(key) ?? type.element
    if (field === undefined) {
      errors.push({ path: `${path}.${key}`, message: 'field not declared in schema' })
      return
    }
    check(map[key], field, `${path}.${key}`, allowDuplicates, errors)
  }
}

function checkList(
  list: readonly unknown[], type: ListType, path: string, allowDuplicates: boolean, errors: TypedError[],
): void {
  const seen = new Set<string>()
  for (let i = 0; i < list.length; i++) {
    let element = `i:${i}`
    if (!type.atomic) {
      const found = itemElement(type, list[i])
      if ('error' in found) {
        errors.push({ path, message: `element ${i}: ${found.error}` })
        return
      }
      element = found.element
      if (seen.has(element) && !allowDuplicates) {
        errors.push({ path, message: `duplicate entries for key ${elementText(element)}` })
      }
      seen.add(element)
    }
    check(list[i], type.element, path + elementText(element), allowDuplicates, errors)
  }
}

/** Equality as values have it: numbers by amount, maps whatever their order. */
export const valuesEqual = jsonEqual

/** Builds an object without the fields that are undefined. */
export function putField(out: Record<string, unknown>, key: string, value: unknown): void {
  if (value !== undefined) setOwn(out, key, value)
}
