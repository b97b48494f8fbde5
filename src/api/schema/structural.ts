/**
 * Whether a CRD's schema is structural (apiextensions-apiserver schema/validation and complete): every field has its
 * type stated once, outside of allOf, anyOf, oneOf and not, which may only narrow values.
 */
import type { FieldError } from '../meta/errors.ts'
import { childPath, fieldForbidden, fieldInvalid, fieldRequired, indexPath, keyPath } from '../meta/field-errors.ts'
import { compilePattern } from './formats.ts'
import { jsonEqual } from '../meta/json-equal.ts'
import type { JSONSchemaProps } from './json-schema.ts'

type Level = 'root' | 'item' | 'field'

/** What keeps a schema from being structural, sorted by text. */
export function validateStructural(props: JSONSchemaProps, path: string): FieldError[] {
  const errors = [...invariants(props, 'root', path), ...completeness(props, props, path, path)]
  return errors.sort((a, b) => (`${a.field}: ${a.message}` < `${b.field}: ${b.message}` ? -1 : 1))
}

const itemsOf = (props: JSONSchemaProps): JSONSchemaProps | undefined =>
  (Array.isArray(props.items) ? props.items[0] : props.items) as JSONSchemaProps | undefined

const propertyPath = (path: string, name: string): string => keyPath(childPath(path, 'properties'), name)

function* invariants(props: JSONSchemaProps, level: Level, path: string): Generator<FieldError> {
  const items = itemsOf(props)
  if (props.type === 'array' && items === undefined) yield fieldRequired(childPath(path, 'items'), 'must be specified')
  if (items !== undefined) yield* invariants(items, 'item', childPath(path, 'items'))
  for (const [name, value] of Object.entries(props.properties ?? {})) {
    yield* invariants(value, 'field', propertyPath(path, name))
  }
  if (props.additionalProperties !== undefined) {
    const at = childPath(path, 'additionalProperties')
    if (level === 'root') yield fieldForbidden(at, 'must not be used at the root')
    if (typeof props.additionalProperties === 'object') yield* invariants(props.additionalProperties, 'field', at)
  }
  yield* extensions(props, path)
  yield* valueValidation(props, path)
  yield* typeRules(props, level, path)
  yield* objectFields(props, level, path)
}

function* extensions(props: JSONSchemaProps, path: string): Generator<FieldError> {
  if (!props['x-kubernetes-int-or-string']) return
  for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
    if (props[name]) {
      yield fieldInvalid(childPath(path, name), true, 'must be false if x-kubernetes-int-or-string is true')
    }
  }
}

const emptyType: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
}

function* typeRules(props: JSONSchemaProps, level: Level, path: string): Generator<FieldError> {
  const type = props.type ?? ''
  const at = childPath(path, 'type')
  const embedded = props['x-kubernetes-embedded-resource'] === true
  if (embedded && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true'
    yield type === '' ? fieldRequired(at, detail) : fieldInvalid(at, type, detail)
  } else if (type === '' && !props['x-kubernetes-int-or-string'] && !props['x-kubernetes-preserve-unknown-fields']) {
    yield fieldRequired(at, emptyType[level])
  }
  if (embedded && props.additionalProperties !== undefined) {
    yield fieldForbidden(
      childPath(path, 'additionalProperties'), 'must not be used if x-kubernetes-embedded-resource is set',
    )
  }
  if (level === 'root' && type !== '' && type !== 'object') yield fieldInvalid(at, type, 'must be object at the root')
}

function* objectFields(props: JSONSchemaProps, level: Level, path: string): Generator<FieldError> {
  const embedded = props['x-kubernetes-embedded-resource'] === true
  const checked = level === 'root' || embedded
  for (const name of ['kind', 'apiVersion']) {
    const property = props.properties?.[name]
    if (property === undefined || !checked || property.type === 'string') continue
    yield fieldInvalid(childPath(propertyPath(path, name), 'type'), property.type ?? '', 'must be string')
  }
  const metadata = props.properties?.['metadata']
  if (metadata !== undefined) {
    const at = propertyPath(path, 'metadata')
    if (checked && metadata.type !== 'object') {
      yield fieldInvalid(childPath(at, 'type'), metadata.type ?? '', 'must be object')
    }
    if (level === 'root' && !isBareMetadata(metadata)) {
      yield fieldForbidden(
        at, 'must not specify anything other than name and generateName, but metadata is implicitly specified',
      )
    }
  }
  if (embedded && !props['x-kubernetes-preserve-unknown-fields'] && Object.keys(props.properties ?? {}).length === 0) {
    yield fieldRequired(
      childPath(path, 'properties'), 'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
    )
  }
}

/** Only name and generateName may be narrowed. */
function isBareMetadata(metadata: JSONSchemaProps): boolean {
  const { type: _type, default: _default, properties = {}, description: _text, ...rest } = metadata
  const names = Object.keys(properties)
  return Object.keys(rest).length === 0 && names.every((name) => name === 'name' || name === 'generateName')
}

const intOrString = [{ type: 'integer' }, { type: 'string' }]

function* valueValidation(
  props: JSONSchemaProps, path: string, skipAnyOf = isIntOrString(props.anyOf),
): Generator<FieldError> {
  if (!skipAnyOf) {
    for (const [i, nested] of (props.anyOf ?? []).entries()) {
      yield* nestedRules(nested, indexPath(childPath(path, 'anyOf'), i))
    }
  }
  for (const [i, nested] of (props.allOf ?? []).entries()) {
    yield* nestedRules(nested, indexPath(childPath(path, 'allOf'), i), i === 0 && isIntOrString(nested.anyOf))
  }
  for (const [i, nested] of (props.oneOf ?? []).entries()) {
    yield* nestedRules(nested, indexPath(childPath(path, 'oneOf'), i))
  }
  if (props.not !== undefined) yield* nestedRules(props.not, childPath(path, 'not'))
  if (!props.pattern) return
  try {
    compilePattern(props.pattern)
  } catch (error) {
    yield fieldInvalid(childPath(path, 'pattern'), props.pattern, `must be a valid regular expression, but isn't: ${(error as Error).message}`)
  }
}

const isIntOrString = (schemas: readonly JSONSchemaProps[] | undefined): boolean => jsonEqual(schemas, intOrString)

const mustBe: readonly (readonly [keyof JSONSchemaProps, string])[] = [
  ['type', 'empty'], ['additionalProperties', 'undefined'], ['default', 'undefined'], ['title', 'empty'],
  ['description', 'empty'], ['nullable', 'false'], ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'], ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'], ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'], ['x-kubernetes-validations', 'empty'],
]

/** What may not stand inside of allOf, anyOf, oneOf and not. */
function* nestedRules(props: JSONSchemaProps, path: string, skipAnyOf = false): Generator<FieldError> {
  yield* valueValidation(props, path, skipAnyOf)
  const items = itemsOf(props)
  if (items !== undefined) yield* nestedRules(items, childPath(path, 'items'))
  for (const [name, value] of Object.entries(props.properties ?? {})) {
    yield* nestedRules(value, propertyPath(path, name))
  }
  for (const [name, what] of mustBe) {
    const value = props[name]
    if (value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0)) continue
    yield fieldForbidden(childPath(path, name), `must be ${what} to be structural`)
  }
  if (props.properties?.['metadata'] !== undefined) {
    yield fieldForbidden(propertyPath(path, 'metadata'), 'must not be specified in a nested context')
  }
}

/** Fields that are narrowed must be specified outside. */
function* completeness(
  narrowing: JSONSchemaProps, stated: JSONSchemaProps | undefined, statedPath: string, path: string,
): Generator<FieldError> {
  if (narrowing.not !== undefined) yield* nestedCompleteness(narrowing.not, stated, statedPath, childPath(path, 'not'))
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    for (const [i, nested] of (narrowing[key] ?? []).entries()) {
      yield* nestedCompleteness(nested, stated, statedPath, indexPath(childPath(path, key), i))
    }
  }
}

function* nestedCompleteness(
  nested: JSONSchemaProps, stated: JSONSchemaProps | undefined, statedPath: string, path: string,
): Generator<FieldError> {
  if (stated === undefined) {
    yield fieldRequired(statedPath, `because it is defined in ${path}`)
    return
  }
  yield* completeness(nested, stated, statedPath, path)
  const items = itemsOf(nested)
  if (items !== undefined) {
    yield* nestedCompleteness(items, itemsOf(stated), childPath(statedPath, 'items'), childPath(path, 'items'))
  }
  for (const [name, value] of Object.entries(nested.properties ?? {})) {
    yield* nestedCompleteness(
      value, stated.properties?.[name], propertyPath(statedPath, name), propertyPath(path, name),
    )
  }
}
