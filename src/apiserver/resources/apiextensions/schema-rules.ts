/**
 * What a schema of a CustomResourceDefinition may state besides being structural
 * (apiextensions/validation ValidateCustomResourceDefinitionOpenAPISchema).
 */
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  childPath, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath, keyPath,
} from '../../../api/meta/field-errors.ts'
import { parseFieldPath } from '../../../api/schema/field-path.ts'
import type { JSONSchemaProps } from '../../../api/schema/json-schema.ts'
import type { ValidationRule } from '../../../api/schema/schema.ts'
import { shownItems } from './internal.ts'

/** Rules that a definition which breaks them already may go on breaking. */
export interface SchemaRuleOptions {
  readonly requireValidType: boolean
  readonly requireAtomicSets: boolean
  readonly requireMapListKeys: boolean
}

/** Where a schema stands. */
interface Place {
  readonly path: string
  readonly root: boolean
  readonly insideMeta: boolean
  /** Why defaults are forbidden here. */
  readonly noDefaults?: string
}

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const metaFields = ['metadata', 'kind', 'apiVersion']

/** All that is wrong with a schema and those in it, but for what its rules say. */
export function schemaRuleErrors(schema: JSONSchemaProps, path: string, options: SchemaRuleOptions): FieldError[] {
  return [...visit(schema, { path, root: true, insideMeta: false }, options)]
}

/** The schemas in a schema, itself first. */
export function* schemasIn(schema: JSONSchemaProps): Generator<JSONSchemaProps> {
  yield schema
  const lists = [listOf(schema.items), schema.allOf, schema.anyOf, schema.oneOf, schema.not === undefined ? [] : [schema.not]]
  for (const list of lists) for (const inner of list ?? []) yield* schemasIn(inner)
  for (const map of [schema.properties, schema.patternProperties, schema.definitions]) {
    for (const inner of Object.values(map ?? {})) yield* schemasIn(inner)
  }
  for (const inner of [schema.additionalProperties, schema.additionalItems]) if (typeof inner === 'object') yield* schemasIn(inner)
}

function listOf(items: JSONSchemaProps['items']): readonly JSONSchemaProps[] {
  if (items === undefined) return []
  return Array.isArray(items) ? items as readonly JSONSchemaProps[] : [items as JSONSchemaProps]
}

/** The schema of items; undefined when there is none, or several. */
export function itemSchema({ items }: JSONSchemaProps): JSONSchemaProps | undefined {
  return items === undefined || Array.isArray(items) ? undefined : items as JSONSchemaProps
}

function* visit(schema: JSONSchemaProps, at: Place, options: SchemaRuleOptions): Generator<FieldError> {
  const { path } = at
  yield* standardErrors(schema, at, options)
  if (schema.uniqueItems === true) {
    yield fieldForbidden(childPath(path, 'uniqueItems'), 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic')
  }
  yield* insideErrors(schema, at, options)
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    yield fieldInvalid(childPath(path, 'x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined')
  }
  yield* mapTypeErrors(schema, path)
  yield* listTypeErrors(schema, path, options)
  if (options.requireMapListKeys) yield* mapListKeyErrors(schema, path)
  for (const [i, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    yield* ruleErrors(rule, schema, indexPath(childPath(path, 'x-kubernetes-validations'), i))
  }
}

function* insideErrors(schema: JSONSchemaProps, at: Place, options: SchemaRuleOptions): Generator<FieldError> {
  const { path } = at
  const below: Place = { ...at, root: false }
  const { additionalProperties: values, properties } = schema
  if (values !== undefined && values !== true && Object.keys(properties ?? {}).length > 0) {
    yield fieldForbidden(childPath(path, 'additionalProperties'), 'additionalProperties and properties are mutual exclusive')
  }
  if (typeof values === 'object') {
    const noDefaults = at.insideMeta ? { noDefaults: 'inside additionalProperties applying to object metadata' } : {}
    yield* visit(values, { ...below, path: childPath(path, 'additionalProperties'), ...noDefaults }, options)
  }
  for (const [name, property] of Object.entries(properties ?? {})) {
    const meta = (at.root || schema['x-kubernetes-embedded-resource'] === true) && metaFields.includes(name)
    yield* visit(property, {
      ...below, path: keyPath(childPath(path, 'properties'), name), insideMeta: at.insideMeta || meta,
      ...(meta && at.root ? { noDefaults: `in top-level ${name}` } : {}),
    }, options)
  }
  if (schema.not !== undefined) yield* visit(schema.not, { ...below, path: childPath(path, 'not') }, options)
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [i, inner] of (schema[key] ?? []).entries()) yield* visit(inner, { ...below, path: indexPath(childPath(path, key), i) }, options)
  }
  for (const [name, inner] of Object.entries(schema.definitions ?? {})) {
    yield* visit(inner, { ...below, path: keyPath(childPath(path, 'definitions'), name) }, options)
  }
  const single = itemSchema(schema)
  if (single !== undefined) yield* visit(single, { ...below, path: childPath(path, 'items') }, options)
  else for (const [i, inner] of listOf(schema.items).entries()) yield* visit(inner, { ...below, path: indexPath(childPath(path, 'items'), i) }, options)
}

const unsupported = ['patternProperties', 'definitions'] as const

function* standardErrors(schema: JSONSchemaProps, { path, noDefaults, insideMeta }: Place, options: SchemaRuleOptions): Generator<FieldError> {
  const { type = '' } = schema
  const forbid = (field: string, why: string): FieldError => fieldForbidden(childPath(path, field), why)
  if (options.requireValidType && type !== '' && !types.includes(type)) yield fieldNotSupported(childPath(path, 'type'), type, types)
  if (schema.default !== undefined && schema.default !== null && noDefaults !== undefined) yield forbid('default', `must not be set ${noDefaults}`)
  if ((schema.id ?? '') !== '') yield forbid('id', 'id is not supported')
  if (schema.additionalItems !== undefined) yield forbid('additionalItems', 'additionalItems is not supported')
  for (const name of unsupported) if (Object.keys(schema[name] ?? {}).length > 0) yield forbid(name, `${name} is not supported`)
  if (schema.dependencies !== undefined) yield forbid('dependencies', 'dependencies is not supported')
  if (schema.$ref !== undefined) yield forbid('$ref', '$ref is not supported')
  if (type === 'null') yield forbid('type', 'type cannot be set to null, use nullable as an alternative')
  if (Array.isArray(schema.items) && schema.items.length > 0) yield forbid('items', 'items must be a schema object and not an array')
  if (insideMeta && schema['x-kubernetes-embedded-resource'] === true) {
    yield forbid('x-kubernetes-embedded-resource', 'must not be used inside of resource meta')
  }
}

function* wrongType(schema: JSONSchemaProps, path: string, wanted: string, why: string): Generator<FieldError> {
  const { type = '' } = schema
  if (type === wanted) return
  yield type === '' ? fieldRequired(childPath(path, 'type'), why) : fieldInvalid(childPath(path, 'type'), type, why)
}

function* mapTypeErrors(schema: JSONSchemaProps, path: string): Generator<FieldError> {
  const kind = schema['x-kubernetes-map-type']
  if (kind === undefined) return
  yield* wrongType(schema, path, 'object', 'must be object if x-kubernetes-map-type is specified')
  if (kind !== 'atomic' && kind !== 'granular') yield fieldNotSupported(childPath(path, 'x-kubernetes-map-type'), kind, ['atomic', 'granular'])
}

function* listTypeErrors(schema: JSONSchemaProps, path: string, options: SchemaRuleOptions): Generator<FieldError> {
  const kind = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (kind !== undefined && schema.type !== 'array') yield* wrongType(schema, path, 'array', 'must be array if x-kubernetes-list-type is specified')
  else if (options.requireAtomicSets && kind === 'set') yield* atomicItemErrors(schema, path)
  const at = childPath(path, 'x-kubernetes-list-type')
  if (kind !== undefined && !['atomic', 'set', 'map'].includes(kind)) yield fieldNotSupported(at, kind, ['atomic', 'set', 'map'])
  if (keys.length > 0 && kind !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty'
    yield kind === undefined ? fieldRequired(at, why) : fieldInvalid(at, kind, why)
  }
  if (kind === 'map') yield* mapListErrors(schema, path, keys)
}

/** Whether the items of a set are not compared as wholes: the extension that makes them so, where it is missing. */
export function nonAtomicItems(schema: JSONSchemaProps): 'x-kubernetes-list-type' | 'x-kubernetes-map-type' | undefined {
  const items = schema['x-kubernetes-list-type'] === 'set' ? itemSchema(schema) : undefined
  if (items?.type === 'array' && (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic') return 'x-kubernetes-list-type'
  if (items?.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') return 'x-kubernetes-map-type'
  return undefined
}

function* atomicItemErrors(schema: JSONSchemaProps, path: string): Generator<FieldError> {
  const extension = nonAtomicItems(schema)
  if (extension === undefined) return
  yield fieldInvalid(childPath(path, 'items', extension), itemSchema(schema)?.['x-kubernetes-list-type'] ?? null,
    'must be atomic as item of a list with x-kubernetes-list-type=set')
}

function* mapListErrors(schema: JSONSchemaProps, path: string, keys: readonly string[]): Generator<FieldError> {
  const itemsAt = childPath(path, 'items')
  if (keys.length === 0) yield fieldRequired(childPath(path, 'x-kubernetes-list-map-keys'), 'must not be empty if x-kubernetes-list-type is map')
  if (schema.items === undefined) yield fieldRequired(itemsAt, 'must have a schema if x-kubernetes-list-type is map')
  const items = itemSchema(schema)
  if (items === undefined) {
    if (schema.items !== undefined) {
      yield fieldInvalid(itemsAt, shownItems(schema.items), 'must only have a single schema if x-kubernetes-list-type is map')
    }
    return
  }
  if (items.type !== 'object') {
    yield fieldInvalid(childPath(itemsAt, 'type'), items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map")
    return
  }
  const seen = new Set<string>()
  for (const key of keys) {
    const property = items.properties?.[key]
    const refuse = (why: string): FieldError => fieldInvalid(childPath(path, 'x-kubernetes-list-map-keys'), keys, why)
    if (property === undefined) yield refuse('entries must all be names of item properties')
    else if (property.type === 'array' || property.type === 'object') {
      yield fieldInvalid(childPath(keyPath(childPath(itemsAt, 'properties'), key), 'type'), items.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map")
    }
    if (seen.has(key)) yield refuse('must not contain duplicate entries')
    seen.add(key)
  }
}

/** Items of sets and maps are never null, and keys are always there. */
export function* mapListKeyErrors(schema: JSONSchemaProps, path: string): Generator<FieldError> {
  const kind = schema['x-kubernetes-list-type']
  const items = itemSchema(schema)
  if (items === undefined || (kind !== 'set' && kind !== 'map')) return
  const itemsAt = childPath(path, 'items')
  if (items.nullable === true) yield fieldForbidden(childPath(itemsAt, 'nullable'), `cannot be nullable when x-kubernetes-list-type is ${kind}`)
  if (kind === 'set') return
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = items.properties?.[key]
    if (property === undefined) continue
    const at = keyPath(childPath(itemsAt, 'properties'), key)
    if (items.required?.includes(key) !== true && (property.default ?? null) === null) {
      yield fieldRequired(childPath(at, 'default'),
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property')
    }
    if (property.nullable === true) {
      yield fieldForbidden(childPath(at, 'nullable'), 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable')
    }
  }
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']
const hasNewline = (text: string): boolean => /[\n\r]/.test(text)

/** The parts of a rule that are no expressions. */
function* ruleErrors(rule: ValidationRule, schema: JSONSchemaProps, path: string): Generator<FieldError> {
  const { message = '', messageExpression = '', fieldPath = '' } = rule
  const trimmed = { rule: (rule.rule ?? '').trim(), message: message.trim() }
  if (trimmed.rule === '') yield fieldRequired(childPath(path, 'rule'), 'rule is not specified')
  else if (message !== '' && trimmed.message === '') yield fieldInvalid(childPath(path, 'message'), message, 'must be non-empty if specified')
  else if (hasNewline(trimmed.message)) yield fieldInvalid(childPath(path, 'message'), message, 'must not contain line breaks')
  else if (hasNewline(trimmed.rule) && trimmed.message === '') {
    yield fieldRequired(childPath(path, 'message'), 'message must be specified if rule contains line breaks')
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    yield fieldRequired(childPath(path, 'messageExpression'), 'messageExpression must be non-empty if specified')
  }
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) yield fieldNotSupported(childPath(path, 'reason'), rule.reason, reasons)
  if (fieldPath === '') return
  const refuse = (why: string): FieldError => fieldInvalid(childPath(path, 'fieldPath'), fieldPath, why)
  if (fieldPath.trim() === '') yield refuse('must be non-empty if specified')
  if (hasNewline(fieldPath)) yield refuse('must not contain line breaks')
  if (!isFieldPath(fieldPath, schema)) yield refuse('must be a valid path')
}

function isFieldPath(path: string, schema: JSONSchemaProps): boolean {
  try {
    parseFieldPath(path, schema)
    return true
  } catch {
    return false
  }
}
