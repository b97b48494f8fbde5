/** A CustomResourceDefinition as the kind that it describes: the same value that built-in kinds are. */
import type {
  CustomResourceDefinition, CustomResourceDefinitionVersion,
} from '../../../api/generated/types/apiextensions-v1.ts'
import { hasRules, validateRules } from '../../../api/cel/rules/validate.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid } from '../../../api/meta/field-errors.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { isConditionTrue } from '../../../api/meta/conditions.ts'
import { isQualifiedName } from '../../../api/meta/names.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { validateEmbedded } from '../../../api/schema/embedded.ts'
import { type JSONSchemaProps, schemaFromJSON } from '../../../api/schema/json-schema.ts'
import { validateListTypes } from '../../../api/schema/list-types.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import { validateValue } from '../../../api/schema/validate.ts'
import { atPath } from '../../registry/equal.ts'
import type { ResourceDefinition, ScaleDefinition, StrategyContext, VersionConversion } from '../../resources/define.ts'
import type { ObjectConverter } from '../../resources/converter.ts'
import { customColumns } from './columns.ts'
import { renamed } from './conversion.ts'
import { parseJsonPath } from './json-path.ts'

/** Anything goes: a version without a schema, as only old objects have it. */
const openSchema: Schema = { type: 'object', preserveUnknownFields: true }

/** Makes the converter of a definition whose objects a webhook converts. */
export type ConverterFactory = (crd: CustomResourceDefinition, schemas: ReadonlyMap<string, Schema>) => ObjectConverter

/** The kind. Names are the accepted ones. Throws on a definition without a stored version. */
export function definitionOf(crd: CustomResourceDefinition, converterFor?: ConverterFactory): ResourceDefinition {
  const { spec, status } = crd
  const names = { ...spec.names, ...status?.acceptedNames }
  const stored = spec.versions.find((version) => version.storage)
  if (stored === undefined) throw new Error(`${crd.metadata?.name} has no stored version`)
  const schema = schemaOfVersion(crd, stored)
  const scale = scaleOf(stored)
  return {
    group: spec.group, version: stored.name, resource: names.plural ?? spec.names.plural,
    singular: names.singular ?? names.kind.toLowerCase(), kind: names.kind, listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [], categories: names.categories ?? [],
    scope: spec.scope === 'Cluster' ? 'Cluster' : 'Namespaced', schema, custom: true, storagePrefix: `${spec.group}/${names.plural}`,
    versions: Object.fromEntries(spec.versions.filter((version) => version !== stored).map((version) => [version.name, conversionOf(crd, stored, version)])),
    servedVersions: spec.versions.filter((version) => version.served).map((version) => version.name),
    nameFormat: 'dns-subdomain', unconditionalUpdate: false, createOnUpdate: false, generationFields: generationFields(schema, stored),
    columns: customColumns(stored.additionalPrinterColumns),
    selectableFields: selectableFields(stored),
    ...(stored.subresources?.status === undefined ? {} : {
      subresources: { status: { writes: ['status'], validateUpdate: (object, old, context) => validateStatus(object, schema, old, context) } },
    }),
    ...(scale === undefined ? {} : { scale }),
    versionSubresources: Object.fromEntries(spec.versions.map(({ name, subresources = {} }) => [name, (['status', 'scale'] as const).filter((one) => subresources[one] !== undefined && stored.subresources?.[one] !== undefined)])),
    ...(isConditionTrue(status?.conditions, 'Terminating') ? { verbs: ['delete', 'deletecollection', 'get', 'list', 'watch'] } : {}),
    validate: (object, context) => validateObject(object, schema, undefined, context),
    validateUpdate: (object, old, context) => validateObject(object, schema, old, context),
    ...(spec.conversion?.strategy === 'Webhook' && converterFor !== undefined
      ? { converter: converterFor(crd, new Map(spec.versions.map((version) => [version.name, schemaOfVersion(crd, version)]))) } : {}),
    warnings: (object, old) => [...(stored.deprecated === true ? [deprecation(crd, stored)] : []), ...finalizerWarnings(object, old)],
  }
}

/** With a status subresource all but metadata and status counts as a new generation, else all but metadata. */
function generationFields(schema: Schema, { subresources }: CustomResourceDefinitionVersion): readonly string[] {
  const known = Object.keys(schema.properties ?? { spec: {} })
  const fields = known.filter((field) => !['apiVersion', 'kind', 'metadata'].includes(field) && (subresources?.status === undefined || field !== 'status'))
  return fields.length === 0 ? ['spec'] : fields
}

function schemaOfVersion(crd: CustomResourceDefinition, version: CustomResourceDefinitionVersion): Schema {
  const props = version.schema?.openAPIV3Schema as JSONSchemaProps | undefined
  if (props === undefined) return openSchema
  const schema = schemaFromJSON(props)
  return crd.spec.preserveUnknownFields === true ? { ...schema, preserveUnknownFields: true } : schema
}

/** Strategy None: the versions differ in nothing but their name. */
function conversionOf(crd: CustomResourceDefinition, stored: CustomResourceDefinitionVersion, version: CustomResourceDefinitionVersion): VersionConversion {
  const { group } = crd.spec
  return {
    schema: schemaOfVersion(crd, version), toStored: renamed(group, stored.name), fromStored: renamed(group, version.name),
    columns: customColumns(version.additionalPrinterColumns), selectableFields: selectableFields(version),
  }
}

function scaleOf({ subresources }: CustomResourceDefinitionVersion): ScaleDefinition | undefined {
  const scale = subresources?.scale
  if (scale === undefined) return undefined
  const plain = (path: string) => path.replace(/^\./, '')
  return {
    specReplicas: plain(scale.specReplicasPath), statusReplicas: plain(scale.statusReplicasPath),
    selector: (object) => (scale.labelSelectorPath === undefined ? '' : fieldText(atPath(object, plain(scale.labelSelectorPath)))),
  }
}

function selectableFields({ selectableFields: wanted = [] }: CustomResourceDefinitionVersion): Record<string, (object: KubeObject) => string> {
  return Object.fromEntries(wanted.map(({ jsonPath }) => {
    const path = parseJsonPath(jsonPath)
    return [jsonPath.replace(/^\./, ''), (object: KubeObject) => fieldText(path(object)[0])]
  }))
}

function fieldText(value: unknown): string {
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value)
}

function validateObject(object: KubeObject, schema: Schema, old: KubeObject | undefined, { warn }: StrategyContext): FieldError[] {
  return withRules(object, schema, old, warn, [
    ...validateValue(object, schema, old === undefined ? {} : { old }), ...validateEmbedded(object, schema), ...listErrors(object, schema, old),
  ])
}

function validateStatus(object: KubeObject, schema: Schema, old: KubeObject, { warn }: StrategyContext): FieldError[] {
  const status = schema.properties?.['status']
  const own = status === undefined || object['status'] === undefined ? [] : validateValue(object['status'], status, { old: old['status'], path: 'status' })
  return withRules(object, schema, old, warn, [...own, ...listErrors(object, schema, old)])
}

/** Duplicates are let be where there were some before. */
function listErrors(object: KubeObject, schema: Schema, old: KubeObject | undefined): FieldError[] {
  const wrong = [...validateListTypes(object, schema)]
  return wrong.length > 0 && old !== undefined && [...validateListTypes(old, schema)].length > 0 ? [] : wrong
}

const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid',
])

/** Rules are only asked about objects that have the form which they reckon with. */
function withRules(object: KubeObject, schema: Schema, old: KubeObject | undefined, warn: (text: string) => void, errors: FieldError[]): FieldError[] {
  if (!hasRules(schema)) return errors
  if (!errors.some(({ type }) => blocking.has(type))) return [...errors, ...validateRules(object, schema, old === undefined ? {} : { old, warn })]
  const text = 'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
  return [...errors, fieldInvalid('<nil>', null, text)]
}

const standardFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes']

/** Finalizers of custom objects may be named in any way, but some are better than others. */
function* finalizerWarnings({ metadata }: KubeObject, old: KubeObject | undefined): Iterable<string> {
  const before = old?.metadata.finalizers ?? []
  for (const name of [...new Set(metadata.finalizers ?? [])].filter((added) => !before.includes(added)).sort()) {
    const head = `metadata.finalizers: ${goQuote(name)}: `
    for (const why of isQualifiedName(name)) yield head + why
    if (name.includes('/') || standardFinalizers.includes(name)) continue
    yield `${head}prefer a domain-qualified finalizer name ${name.includes('.') ? 'including a path (/) ' : ''}to avoid accidental conflicts with other finalizer writers`
  }
}

function deprecation(crd: CustomResourceDefinition, version: CustomResourceDefinitionVersion): string {
  return version.deprecationWarning ?? `${crd.spec.group}/${version.name} ${crd.spec.names.kind} is deprecated`
}
