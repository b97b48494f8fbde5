/** Whether a CustomResourceDefinition may be stored (apiextensions/validation/validation.go). */
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../../api/generated/types/apiextensions-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldInvalid, fieldRequired, indexPath, keyPath } from '../../../api/meta/field-errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { type ApprovalState, approvalAnnotation, approvalOf, isProtectedGroup } from './approval.ts'
import { conversionErrors, hasRecognizedReviewVersion, isBrokenBundle } from './conversion.ts'
import { type InternalSpec, internalSpec, shownVersions } from './internal.ts'
import { type SchemaOptions, optionsOf, schemaErrors, strictOptions } from './schema-validation.ts'
import { columnErrors, deprecationErrors, selectableFieldErrors, subresourceErrors, tooManySelectableFields } from './version-parts.ts'
import { oneOf } from '../validation/common.ts'

type Definition = CustomResourceDefinition

const isEstablished = ({ status }: Definition): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') === true

/** Whether one of a definition's versions answers status by itself. */
const hasStatus = (parts: { readonly subresources: { readonly status?: unknown } | undefined }): boolean => parts.subresources?.status !== undefined

/** What is wrong with a new definition. */
export function* validateDefinition(definition: Definition): Generator<FieldError> {
  yield* specErrors(definition, strictOptions, undefined)
  yield* statusErrors(definition)
  yield* storedVersionErrors(definition)
  yield* approvalErrors(definition, undefined)
  yield* preserveErrors(definition, undefined)
}

/** What is wrong with a changed definition; what was wrong with the old one already is let be. */
export function* validateDefinitionUpdate(definition: Definition, old: Definition): Generator<FieldError> {
  yield* specErrors(definition, optionsOf(old), old)
  const { spec } = definition
  const same = function* (path: string, value: unknown, before: unknown): Generator<FieldError> {
    if (value !== before) yield fieldInvalid(path, value ?? '', 'field is immutable')
  }
  if (isEstablished(old)) {
    yield* same('spec.scope', spec.scope, old.spec.scope)
    yield* same('spec.names.kind', spec.names.kind, old.spec.names.kind)
  }
  yield* same('spec.group', spec.group, old.spec.group)
  yield* same('spec.names.plural', spec.names.plural, old.spec.names.plural)
  yield* statusErrors(definition)
  yield* storedVersionErrors(definition)
  yield* approvalErrors(definition, old)
  yield* preserveErrors(definition, old)
}

/** What is wrong with the status of a definition. */
export function* statusErrors({ status }: Definition): Generator<FieldError> {
  if (status?.acceptedNames !== undefined) yield* nameErrors(status.acceptedNames, 'status.acceptedNames')
}

function* specErrors({ spec }: Definition, options: SchemaOptions, old: Definition | undefined): Generator<FieldError> {
  const group = spec.group ?? ''
  if (group === '') yield fieldRequired('spec.group')
  else if (isDNS1123Subdomain(group).length > 0) yield fieldInvalid('spec.group', group, isDNS1123Subdomain(group).join(','))
  else if (!group.includes('.')) yield fieldInvalid('spec.group', group, 'should be a domain with at least one dot')
  yield* oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced'])
  const internal = internalSpec(spec)
  const preserves = spec.preserveUnknownFields === true
  yield* missingSchemas(internal, options, preserves)
  if (preserves && options.hasDefaults(internal)) yield fieldInvalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')
  const structural = !preserves || options.structural || options.hasDefaults(internal) || options.hasExtensions(internal)
  const schemaOptions = { ...options, structural }
  yield* versionErrors(internal, schemaOptions, old)
  yield* nameErrors(spec.names ?? {}, 'spec.names', true)
  const { top } = internal
  if (top.schema !== undefined) {
    yield* schemaErrors(top.schema, 'spec.validation', anyStatus(internal), schemaOptions, hasSameSchema(spec.versions?.[0]?.name, internal, old))
  }
  yield* subresourceErrors(top.subresources, 'spec.subresources')
  for (const [i, column] of top.columns.entries()) yield* columnErrors(column, `spec.additionalPrinterColumns[${i}]`)
  if (top.selectableFields.length > 0) {
    yield* top.schema === undefined ? [fieldInvalid('spec.selectableFields', '', 'may only be set when validations.schema is included')]
      : selectableFieldErrors(top.selectableFields, top.schema.openAPIV3Schema ?? {}, 'spec.selectableFields',
        tooManySelectableFields(top.selectableFields, old === undefined ? [] : internalSpec(old.spec).top.selectableFields))
  }
  if (preserves && spec.conversion !== undefined && spec.conversion.strategy !== 'None') {
    yield fieldInvalid('spec.conversion.strategy', spec.conversion.strategy, 'must be None if spec.preserveUnknownFields is true')
  }
  yield* conversionErrors(spec.conversion, 'spec.conversion', {
    recognized: old === undefined || hasRecognizedReviewVersion(old.spec.conversion),
    checkBundle: old !== undefined && isEstablished(old) && !isBrokenBundle(old.spec.conversion),
  })
}

const anyStatus = ({ top, versions }: InternalSpec): boolean => hasStatus(top) || versions.some(hasStatus)

/** Whether a version has the schema that it had before. */
function hasSameSchema(version: string | undefined, internal: InternalSpec, old: Definition | undefined): boolean {
  if (old === undefined) return false
  const schemaIn = ({ top, versions }: InternalSpec) => {
    const found = versions.find(({ name }) => name === version)
    return found === undefined ? undefined : [found.schema ?? top.schema ?? null]
  }
  const [now, before] = [schemaIn(internal), schemaIn(internalSpec(old.spec))]
  return now !== undefined && before !== undefined && jsonEqual(now, before)
}

function* missingSchemas({ top, versions }: InternalSpec, options: SchemaOptions, preserves: boolean): Generator<FieldError> {
  if (top.schema?.openAPIV3Schema !== undefined) return
  for (const [i, { source, schema }] of versions.entries()) {
    if (schema?.openAPIV3Schema !== undefined) continue
    const at = `spec.versions[${i}].schema.openAPIV3Schema`
    if (options.requireSchema) yield fieldRequired(at)
    else if (!preserves && source.served) yield fieldRequired(at, 'because otherwise all fields are pruned')
  }
}

function* versionErrors(internal: InternalSpec, options: SchemaOptions, old: Definition | undefined): Generator<FieldError> {
  const { versions, top } = internal
  const perVersion = versions.some(({ subresources }) => subresources !== undefined)
  const oldVersions = old === undefined ? [] : internalSpec(old.spec).versions
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`
    const { name, source, schema } = version
    if (isDNS1035Label(name).length > 0) yield fieldInvalid(childPath(path, 'name'), name, isDNS1035Label(name).join(','))
    yield* deprecationErrors(source, path)
    if (schema !== undefined) yield* schemaErrors(schema, childPath(path, 'schema'), hasStatus(perVersion ? version : top), options, hasSameSchema(name, internal, old))
    yield* subresourceErrors(version.subresources, childPath(path, 'subresources'))
    for (const [j, column] of version.columns.entries()) yield* columnErrors(column, indexPath(childPath(path, 'additionalPrinterColumns'), j))
    if (version.selectableFields.length === 0) continue
    const at = childPath(path, 'selectableFields')
    const before = oldVersions.find((other) => other.name === name)?.selectableFields ?? []
    yield* schema?.openAPIV3Schema === undefined
      ? [fieldInvalid(at, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')]
      : selectableFieldErrors(version.selectableFields, schema.openAPIV3Schema, at, tooManySelectableFields(version.selectableFields, before))
  }
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    yield fieldInvalid('spec.versions', shownVersions(internal), 'must contain unique version names')
  }
  if (versions.filter(({ source }) => source.storage).length !== 1) {
    yield fieldInvalid('spec.versions', shownVersions(internal), 'must have exactly one version marked as storage version')
  }
  const { version } = internal
  if (version !== '' && isDNS1035Label(version).length > 0) yield fieldInvalid('spec.version', version, isDNS1035Label(version).join(','))
}

/** Names as they are wished for, which have to be there (`all`), or accepted. */
function* nameErrors(names: Partial<CustomResourceDefinitionNames>, path: string, all = false): Generator<FieldError> {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names
  if (all) for (const [name, value] of Object.entries({ plural, singular, kind, listKind })) if (value === '') yield fieldRequired(childPath(path, name))
  const label = function* (at: string, value: string, given = value, head = ''): Generator<FieldError> {
    const wrong = isDNS1035Label(value)
    if (wrong.length > 0) yield fieldInvalid(at, given, head + wrong.join(','))
  }
  const mixed = 'may have mixed case, but should otherwise match: '
  if (plural !== '') yield* label(childPath(path, 'plural'), plural)
  if (singular !== '') yield* label(childPath(path, 'singular'), singular)
  if (kind !== '') yield* label(childPath(path, 'kind'), kind.toLowerCase(), kind, mixed)
  if (listKind !== '') yield* label(childPath(path, 'listKind'), listKind.toLowerCase(), listKind, mixed)
  for (const [i, name] of shortNames.entries()) yield* label(indexPath(childPath(path, 'shortNames'), i), name)
  if (kind !== '' && kind === listKind) yield fieldInvalid(childPath(path, 'listKind'), listKind, 'kind and listKind may not be the same')
  for (const [i, name] of categories.entries()) yield* label(indexPath(childPath(path, 'categories'), i), name)
}

function* storedVersionErrors({ spec, status }: Definition): Generator<FieldError> {
  const path = 'status.storedVersions'
  const stored = status?.storedVersions ?? []
  if (stored.length === 0) {
    yield fieldInvalid(path, null, 'must have at least one stored version')
    return
  }
  for (const { name, storage } of spec.versions ?? []) {
    if (storage && !stored.includes(name)) yield fieldInvalid(path, stored, `must have the storage version ${name}`)
  }
  for (const [i, name] of stored.entries()) {
    if (spec.versions?.some((version) => version.name === name) === true) continue
    yield fieldInvalid(indexPath(path, i), name, `missing from spec.versions; ${name} was previously a storage version, and must remain in `
      + `spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`)
  }
}

function* approvalErrors({ metadata, spec }: Definition, old: Definition | undefined): Generator<FieldError> {
  if (!isProtectedGroup(spec.group ?? '')) return
  const { state, reason } = approvalOf(metadata?.annotations)
  if (old !== undefined && approvalOf(old.metadata?.annotations).state === state) return
  const refused: readonly ApprovalState[] = ['invalid', 'missing']
  if (!refused.includes(state)) return
  const at = keyPath('metadata.annotations', approvalAnnotation)
  yield state === 'missing' ? fieldRequired(at, reason) : fieldInvalid(at, metadata?.annotations?.[approvalAnnotation] ?? '', reason)
}

function* preserveErrors({ spec }: Definition, old: Definition | undefined): Generator<FieldError> {
  if (old?.spec.preserveUnknownFields === true || spec.preserveUnknownFields !== true) return
  yield fieldInvalid('spec.preserveUnknownFields', true,
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead')
}
