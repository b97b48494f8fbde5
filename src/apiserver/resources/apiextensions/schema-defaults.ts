/** Defaults must be valid and known where they stand (apiextensions-apiserver schema/defaulting/validation.go). */
import { validateRules } from '../../../api/cel/rules/validate.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { aggregateText, childPath, fieldInvalid, keyPath } from '../../../api/meta/field-errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { validateEmbedded } from '../../../api/schema/embedded.ts'
import { type JSONSchemaProps, schemaFromJSON } from '../../../api/schema/json-schema.ts'
import { pruneUnknown } from '../../../api/schema/prune.ts'
import { validateValue } from '../../../api/schema/validate.ts'
import { itemSchema } from './schema-rules.ts'

interface Place {
  readonly path: string
  /** Within apiVersion, kind or metadata of an object. */
  readonly insideMeta: boolean
  /** A whole object with a value in this place. */
  readonly around: (value: unknown) => Record<string, unknown>
}

const object = { apiVersion: 'validation/v1', kind: 'Validation' }
const atRoot: Place['around'] = (value) => ({ ...object, ...(value as Record<string, unknown>) })

/** What is wrong with the defaults in a structural schema; `pruned`: they may not have fields that the schema does not know. */
export function defaultErrors(schema: JSONSchemaProps, path: string, pruned: boolean): FieldError[] {
  return [...visit(schema, { path, insideMeta: false, around: atRoot }, pruned, true)]
}

function* visit(schema: JSONSchemaProps, place: Place, pruned: boolean, root: boolean): Generator<FieldError> {
  const embedded = root || schema['x-kubernetes-embedded-resource'] === true
  const at: Place = embedded ? { path: place.path, insideMeta: false, around: atRoot } : place
  if (schema.default !== undefined && schema.default !== null) {
    yield* at.insideMeta ? metadataErrors(schema, at) : valueErrors(schema, at, pruned)
  }
  const items = itemSchema(schema)
  if (items !== undefined) {
    yield* visit(items, { ...at, path: childPath(at.path, 'items'), around: (value) => at.around([value]) }, pruned, false)
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const meta = embedded && ['metadata', 'apiVersion', 'kind'].includes(name)
    yield* visit(property, {
      path: keyPath(childPath(at.path, 'properties'), name), insideMeta: at.insideMeta || meta, around: (value) => at.around({ [name]: value }),
    }, pruned, false)
  }
}

function* metadataErrors(schema: JSONSchemaProps, { path, around }: Place): Generator<FieldError> {
  const at = childPath(path, 'default')
  const wrong = [...validateEmbedded(around(schema.default), { type: 'object', embeddedResource: true })]
  if (wrong.length > 0) yield fieldInvalid(at, schema.default, `must result in valid metadata: ${aggregateText(wrong)}`)
  else yield* validateValue(schema.default, schemaFromJSON(schema), { path: at })
}

function* valueErrors(schema: JSONSchemaProps, { path }: Place, pruned: boolean): Generator<FieldError> {
  const at = childPath(path, 'default')
  const shape = schemaFromJSON(schema)
  if (pruned && !jsonEqual(pruneUnknown(schema.default, shape, shape.embeddedResource === true).value, schema.default)) {
    yield fieldInvalid(at, schema.default, 'must not have unknown fields')
  }
  const embedded = [...validateEmbedded(schema.default, shape, at)]
  const wrong = embedded.length > 0 ? embedded : validateValue(schema.default, shape, { path: at })
  yield* wrong
  if (wrong.length > 0) return
  // As it stays, and as it comes new.
  const broken = validateRules(schema.default, shape, { old: schema.default, path: at, root: false })
  yield* broken.length > 0 ? broken : validateRules(schema.default, shape, { path: at, root: false })
}
