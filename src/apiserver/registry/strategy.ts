/** The synchronous steps between a decoded object and its storage. Upstream: registry/rest/{create,update}.go. */
import { invalid } from '../../api/meta/errors.ts'
import type { FieldError } from '../../api/meta/errors.ts'
import { validateFinalizerNames, validateObjectMeta, validateObjectMetaUpdate } from '../../api/meta/metadata-validation.ts'
import { nameIsDNS1035Label, nameIsDNSLabel, nameIsDNSSubdomain, nameIsPathSegment } from '../../api/meta/names.ts'
import type { NameCheck } from '../../api/meta/names.ts'
import type { KubeObject, ObjectMeta } from '../../api/meta/object.ts'
import { goShape } from '../../api/codec/go-shape.ts'
import { applyDefaults } from '../../api/schema/default.ts'
import type { ResourceDefinition, StrategyContext } from '../resources/define.ts'
import { atPath, jsonEqual } from './equal.ts'

/** How a definition wants names checked. */
function nameCheckOf(definition: ResourceDefinition, object: KubeObject): NameCheck {
  const format = definition.nameFormat ?? 'dns-subdomain'
  if (typeof format === 'function') return (name, generated) => format(name, generated, object)
  switch (format) {
    case 'dns-label': return nameIsDNSLabel
    case 'dns1035-label': return nameIsDNS1035Label
    case 'path-segment': return nameIsPathSegment
    case 'dns-subdomain': return nameIsDNSSubdomain
  }
}

/** Paths whose change makes a new generation; none for kinds without a spec. */
export function generationFieldsOf(definition: ResourceDefinition): readonly string[] {
  return definition.generationFields ?? (definition.schema.properties?.spec === undefined ? [] : ['spec'])
}

/** The object with the defaults of its kind filled in; shares what stays as it is. */
export function withDefaults(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const out = applyDefaults(object, definition.schema)
  definition.default?.(out)
  return out
}

/** Top-level fields that belong to a subresource. */
export function resetFieldsOf(definition: ResourceDefinition): readonly string[] {
  return definition.resetFields ?? (definition.subresources?.status === undefined ? [] : ['status'])
}

/** Completes a new object in place and checks it. Throws 422. `asked` is what the kind's inquiries found. */
export function beforeCreate(definition: ResourceDefinition, object: KubeObject, context: StrategyContext, asked: Asked = nothingAsked): void {
  for (const field of definition.createResetFields ?? resetFieldsOf(definition)) delete object[field]
  if (generationFieldsOf(definition).length > 0) object.metadata.generation = 1
  definition.prepareForCreate?.(object, context)
  refuse(definition, object, withAsked(asked, [
    ...(definition.checksMetadata === false ? [] : metadataErrors(definition, object)),
    ...(definition.validate?.(object, context) ?? []),
  ]))
  // The check that every kind shares comes last, and finds what a kind of loose rules has let pass.
  const loose = definition.checksMetadata === false || typeof definition.nameFormat === 'function'
  if (loose) refuse(definition, object, [...validateObjectMeta(object.metadata, definition.scope === 'Namespaced', nameIsPathSegment)])
  for (const warning of definition.warnings?.(object, undefined) ?? []) context.warn(warning)
}

function metadataErrors(definition: ResourceDefinition, object: KubeObject): FieldError[] {
  const { metadata } = object
  return [
    ...validateObjectMeta(metadata, definition.scope === 'Namespaced', nameCheckOf(definition, object)),
    ...(definition.schema.name === undefined || definition.anyFinalizers === true ? [] : validateFinalizerNames(metadata.finalizers ?? [])),
  ]
}

function refuse(definition: ResourceDefinition, object: KubeObject, errors: FieldError[]): void {
  if (errors.length > 0) throw invalid(definition, object.metadata.name ?? '', errors)
}

/** Errors that inquiries found, and whether they are told only when there are no others. */
export interface Asked {
  readonly errors: readonly FieldError[]
  readonly last: boolean
}
const nothingAsked: Asked = { errors: [], last: false }

function withAsked({ errors, last }: Asked, own: FieldError[]): FieldError[] {
  if (errors.length === 0) return own
  return last ? (own.length > 0 ? own : [...errors]) : [...errors, ...own]
}

/** Completes an updated object in place and checks the change. `old` is the stored one. Throws 422. */
export function beforeUpdate(
  definition: ResourceDefinition, object: KubeObject, old: KubeObject, context: StrategyContext, asked: Asked = nothingAsked,
): void {
  const { metadata } = object
  const before = old.metadata
  metadata.generation = before.generation
  keepForeignFields(definition, object, old, context.subresource)
  const subresource = context.subresource === '' ? undefined : definition.subresources?.[context.subresource]
  if (subresource?.keepsMetadata === true) keepMetadata(metadata, before)
  if (subresource?.prepareForUpdate !== undefined) subresource.prepareForUpdate(object, old, context)
  else if (context.subresource === '') definition.prepareForUpdate?.(object, old, context)
  if (!object.metadata.uid) object.metadata.uid = before.uid
  if (before.creationTimestamp) object.metadata.creationTimestamp = before.creationTimestamp
  if (before.deletionTimestamp) object.metadata.deletionTimestamp = before.deletionTimestamp
  if (before.deletionGracePeriodSeconds !== undefined) object.metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds
  bumpGeneration(definition, object, old, context.subresource)
  refuse(definition, object, withAsked(asked, updateErrors(definition, object, old, context)))
  for (const warning of (context.subresource === '' ? definition : subresource)?.warnings?.(object, old) ?? []) context.warn(warning)
}

function updateErrors(definition: ResourceDefinition, object: KubeObject, old: KubeObject, context: StrategyContext): FieldError[] {
  const subresource = definition.subresources?.[context.subresource]
  const own = context.subresource === ''
    ? definition.validateUpdate?.(object, old, context)
    : subresource?.validateUpdate?.(object, old, context)
  return [
    ...validateObjectMeta(object.metadata, definition.scope === 'Namespaced', nameIsPathSegment),
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    // Upstream's kinds check it once more, and its answers list each cause as often.
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...(own ?? []),
  ]
}

/** A subresource changes only its own top-level fields; the main resource leaves those alone. */
function keepForeignFields(definition: ResourceDefinition, object: KubeObject, old: KubeObject, subresource: string): void {
  if (subresource === '') {
    for (const field of resetFieldsOf(definition)) restore(object, old, field)
    return
  }
  const writes = definition.subresources?.[subresource]?.writes
  if (writes === undefined) return
  for (const field of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (field === 'metadata' || field === 'kind' || field === 'apiVersion' || writes.includes(field)) continue
    restore(object, old, field)
  }
}

function keepMetadata(metadata: ObjectMeta, before: ObjectMeta): void {
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    if (before[field] === undefined) delete metadata[field]
    else Object.assign(metadata, { [field]: before[field] })
  }
}

function restore(object: KubeObject, old: KubeObject, field: string): void {
  if (old[field] === undefined) delete object[field]
  else object[field] = old[field]
}

function bumpGeneration(definition: ResourceDefinition, object: KubeObject, old: KubeObject, subresource: string): void {
  // Metadata that a subresource takes along makes no new generation.
  const fields = generationFieldsOf(definition).filter((path) => subresource === '' || !path.startsWith('metadata.'))
  if (fields.length === 0) return
  const isAsStored = (next: KubeObject): boolean => fields.every((path) => jsonEqual(atPath(next, path), atPath(old, path)))
  // A default of zero is stored as nothing, and no change.
  if (isAsStored(object) || (definition.schema.name !== undefined && isAsStored(goShape(object)))) return
  object.metadata.generation = (old.metadata.generation ?? 0) + 1
}
