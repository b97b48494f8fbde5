/** The schemas of a definition: structural, with right defaults, and what else they have to be. */
import type { CustomResourceDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldForbidden, fieldInvalid } from '../../../api/meta/field-errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { type JSONSchemaProps, schemaFromJSON } from '../../../api/schema/json-schema.ts'
import { pruneUnknown } from '../../../api/schema/prune.ts'
import { validateStructural } from '../../../api/schema/structural.ts'
import { type InternalSpec, internalSpec, shownSchema } from './internal.ts'
import { ruleErrors } from './rule-errors.ts'
import { defaultErrors } from './schema-defaults.ts'
import { type SchemaRuleOptions, mapListKeyErrors, nonAtomicItems, schemaRuleErrors, schemasIn } from './schema-rules.ts'

/** What a definition has to keep to: all of it when it is new, and no more than it did before when it is changed. */
export interface SchemaOptions extends SchemaRuleOptions {
  readonly requireSchema: boolean
  readonly structural: boolean
  readonly prunedDefaults: boolean
  hasDefaults(spec: InternalSpec): boolean
  hasExtensions(spec: InternalSpec): boolean
}

const schemasOf = ({ top, versions }: InternalSpec): JSONSchemaProps[] =>
  [top, ...versions].flatMap(({ schema }) => schema?.openAPIV3Schema ?? [])

const some = (spec: InternalSpec, test: (schema: JSONSchemaProps) => boolean): boolean =>
  schemasOf(spec).some((schema) => [...schemasIn(schema)].some(test))

const hasDefault = (schema: JSONSchemaProps): boolean => (schema.default ?? null) !== null

const hasExtension = (s: JSONSchemaProps): boolean => s['x-kubernetes-embedded-resource'] === true
  || s['x-kubernetes-preserve-unknown-fields'] !== undefined || s['x-kubernetes-int-or-string'] === true
  || (s['x-kubernetes-list-map-keys'] ?? []).length > 0 || s['x-kubernetes-list-type'] !== undefined
  || (s['x-kubernetes-validations'] ?? []).length > 0

const looks = { hasDefaults: (spec: InternalSpec) => some(spec, hasDefault), hasExtensions: (spec: InternalSpec) => some(spec, hasExtension) }

export const strictOptions: SchemaOptions = {
  ...looks, requireSchema: true, structural: true, prunedDefaults: true, requireValidType: true, requireAtomicSets: true, requireMapListKeys: true,
}

const knownTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string']

/** The options for a change of this definition. */
export function optionsOf({ spec }: CustomResourceDefinition): SchemaOptions {
  const old = internalSpec(spec)
  const { top, versions } = old
  return {
    ...looks,
    requireSchema: top.schema?.openAPIV3Schema !== undefined || versions.every(({ schema }) => schema?.openAPIV3Schema !== undefined),
    structural: schemasOf(old).every((schema) => validateStructural(schema, '').length === 0),
    prunedDefaults: !some(old, hasUnprunedDefault),
    requireValidType: !some(old, ({ type = '' }) => type !== '' && !knownTypes.includes(type)),
    requireAtomicSets: !some(old, (schema) => nonAtomicItems(schema) !== undefined),
    requireMapListKeys: !some(old, (schema) => [...mapListKeyErrors(schema, '')].length > 0),
  }
}

function hasUnprunedDefault(schema: JSONSchemaProps): boolean {
  if (!hasDefault(schema)) return false
  const shape = schemaFromJSON(schema)
  return !jsonEqual(pruneUnknown(schema.default, shape, shape.embeddedResource === true).value, schema.default)
}

const atRoot = ['Description', 'Type', 'Format', 'Title', 'Maximum', 'ExclusiveMaximum', 'Minimum', 'ExclusiveMinimum', 'MaxLength', 'MinLength', 'Pattern',
  'MaxItems', 'MinItems', 'UniqueItems', 'MultipleOf', 'Required', 'Items', 'Properties', 'ExternalDocs', 'Example', 'XPreserveUnknownFields', 'XValidations']

/** With a status of its own, nothing may be said at the root that would not hold for the status alone. */
function* rootErrors(schema: JSONSchemaProps, path: string): Generator<FieldError> {
  const shown = shownSchema(schema)
  for (const [name, value] of Object.entries(shown)) {
    if (value === null || value === '' || value === false) continue
    if (name === 'Type') {
      if (value === 'object') continue
      yield fieldInvalid(childPath(path, 'openAPIV3Schema.type'), value,
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled')
      return
    }
    if (atRoot.includes(name)) continue
    yield fieldInvalid(childPath(path, 'openAPIV3Schema'), shown,
      `only [${atRoot.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`)
    return
  }
}

/** All that is wrong with a version's schema; `unchanged`: it was stored like this before. */
export function* schemaErrors(
  { openAPIV3Schema: schema }: { readonly openAPIV3Schema?: JSONSchemaProps }, path: string, hasStatus: boolean, options: SchemaOptions, unchanged: boolean,
): Generator<FieldError> {
  if (schema === undefined) return
  if (hasStatus) yield* rootErrors(schema, path)
  if (schema.nullable === true) yield fieldForbidden(childPath(path, 'openAPIV3Schema.nullable'), 'nullable cannot be true at the root')
  const at = childPath(path, 'openAPIV3Schema')
  const rules = schemaRuleErrors(schema, at, options)
  let formed = false
  if (options.structural && !rules.some(isConversionError)) {
    const structural = validateStructural(schema, at)
    const wrong = structural.length > 0 ? structural : defaultErrors(schema, at, options.prunedDefaults)
    formed = wrong.length === 0
    yield* wrong
  }
  yield* rules
  if (formed && rules.length === 0) yield* ruleErrors(schemaFromJSON(schema), at, unchanged)
}

/** What upstream cannot even read as a structural schema it tells by these rules alone. */
const isConversionError = ({ message, field }: FieldError): boolean =>
  / is not supported$| must be a schema object and not an array$/.test(message)
    || (field.endsWith('.x-kubernetes-preserve-unknown-fields') && message.endsWith('must be true or undefined'))
