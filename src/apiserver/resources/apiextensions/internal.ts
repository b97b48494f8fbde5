/**
 * A definition's spec in the form that upstream validates: what all versions state alike is stated once, for all of them.
 * The paths of errors, and the values that they show, follow that form (apiextensions/v1/conversion.go).
 */
import type {
  CustomResourceColumnDefinition, CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresources, SelectableField,
} from '../../../api/generated/types/apiextensions-v1.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import type { JSONSchemaProps } from '../../../api/schema/json-schema.ts'
import type { ValidationRule } from '../../../api/schema/schema.ts'

/** What may be stated for all versions. */
export interface VersionParts {
  readonly schema: { readonly openAPIV3Schema?: JSONSchemaProps } | undefined
  readonly subresources: CustomResourceSubresources | undefined
  readonly columns: readonly CustomResourceColumnDefinition[]
  readonly selectableFields: readonly SelectableField[]
}

export interface InternalVersion extends VersionParts {
  readonly source: CustomResourceDefinitionVersion
  readonly name: string
}

export interface InternalSpec {
  /** The first version's name. */
  readonly version: string
  readonly top: VersionParts
  readonly versions: readonly InternalVersion[]
  /** Whether a list of versions was there at all: an error shows null for none. */
  readonly listed: boolean
}

const nothing: VersionParts = { schema: undefined, subresources: undefined, columns: [], selectableFields: [] }

export function internalSpec(spec: CustomResourceDefinitionSpec): InternalSpec {
  const versions = spec.versions ?? []
  const listed = spec.versions !== undefined && (spec.versions as unknown) !== null
  const parts = versions.map((version): VersionParts => ({
    schema: version.schema as VersionParts['schema'], subresources: version.subresources,
    columns: version.additionalPrinterColumns ?? [], selectableFields: version.selectableFields ?? [],
  }))
  const first = parts[0]
  if (first === undefined) return { version: '', top: nothing, versions: [], listed }
  const alike = (part: keyof VersionParts): boolean => parts.every((other) => jsonEqual(other[part] ?? null, first[part] ?? null))
  const common = {
    schema: alike('schema'), subresources: alike('subresources'), columns: alike('columns'), selectableFields: alike('selectableFields'),
  }
  const choose = (from: VersionParts, keep: (isCommon: boolean) => boolean): VersionParts => ({
    schema: keep(common.schema) ? from.schema : undefined, subresources: keep(common.subresources) ? from.subresources : undefined,
    columns: keep(common.columns) ? from.columns : [], selectableFields: keep(common.selectableFields) ? from.selectableFields : [],
  })
  return {
    version: versions[0]?.name ?? '', top: choose(first, (isCommon) => isCommon),
    versions: versions.map((source, i) => ({ source, name: source.name ?? '', ...choose(parts[i]!, (isCommon) => !isCommon) })), listed,
  }
}

/** Versions as an error shows them: the fields of upstream's own types. */
export function shownVersions({ versions, listed }: InternalSpec): unknown {
  return !listed ? null : versions.map(({ source, name, schema, subresources, columns, selectableFields }) => ({
    Name: name, Served: source.served ?? false, Storage: source.storage ?? false, Deprecated: source.deprecated ?? false,
    DeprecationWarning: source.deprecationWarning ?? null,
    Schema: schema === undefined ? null : { OpenAPIV3Schema: shownSchemaOrNull(schema.openAPIV3Schema) },
    Subresources: subresources === undefined ? null : {
      Status: subresources.status === undefined ? null : {},
      Scale: subresources.scale === undefined ? null : {
        SpecReplicasPath: subresources.scale.specReplicasPath, StatusReplicasPath: subresources.scale.statusReplicasPath,
        LabelSelectorPath: subresources.scale.labelSelectorPath ?? null,
      },
    },
    AdditionalPrinterColumns: columns.length === 0 ? null : columns.map((column) => ({
      Name: column.name, Type: column.type, Format: column.format ?? '', Description: column.description ?? '',
      Priority: column.priority ?? 0, JSONPath: column.jsonPath,
    })),
    SelectableFields: selectableFields.length === 0 ? null : selectableFields.map(({ jsonPath }) => ({ JSONPath: jsonPath })),
  }))
}

const shownSchemaOrNull = (schema: JSONSchemaProps | undefined): unknown => (schema === undefined ? null : shownSchema(schema))

const shownMap = (schemas: Readonly<Record<string, JSONSchemaProps>> | undefined): unknown => (schemas === undefined ? null
  : Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, schema]) => [name, shownSchema(schema)])))

const shownOrBool = (value: JSONSchemaProps | boolean | undefined): unknown => (value === undefined ? null
  : typeof value === 'boolean' ? { Allows: value, Schema: null } : { Allows: true, Schema: shownSchema(value) })

/** A list of schemas, or one, in the place of "items". */
export function shownItems(items: JSONSchemaProps['items']): unknown {
  if (items === undefined) return null
  return Array.isArray(items)
    ? { Schema: null, JSONSchemas: (items as readonly JSONSchemaProps[]).map(shownSchema) } : { Schema: shownSchema(items as JSONSchemaProps), JSONSchemas: null }
}

export function shownRule({ rule, message, messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule): unknown {
  return {
    Rule: rule ?? '', Message: message ?? '', MessageExpression: messageExpression ?? '', Reason: reason ?? null, FieldPath: fieldPath ?? '',
    OptionalOldSelf: optionalOldSelf ?? null,
  }
}

/** A schema as an error shows it; the order of the fields is that of upstream's type, in which its checks go through them. */
export function shownSchema(s: JSONSchemaProps): Record<string, unknown> {
  return {
    ID: s.id ?? '', Schema: s.$schema ?? '', Ref: s.$ref ?? null, Description: s.description ?? '', Type: s.type ?? '',
    Nullable: s.nullable ?? false, Format: s.format ?? '', Title: s.title ?? '', Default: s.default ?? null,
    Maximum: s.maximum ?? null, ExclusiveMaximum: s.exclusiveMaximum ?? false, Minimum: s.minimum ?? null,
    ExclusiveMinimum: s.exclusiveMinimum ?? false, MaxLength: s.maxLength ?? null, MinLength: s.minLength ?? null, Pattern: s.pattern ?? '',
    MaxItems: s.maxItems ?? null, MinItems: s.minItems ?? null, UniqueItems: s.uniqueItems ?? false, MultipleOf: s.multipleOf ?? null,
    Enum: s.enum ?? null, MaxProperties: s.maxProperties ?? null, MinProperties: s.minProperties ?? null, Required: s.required ?? null,
    Items: shownItems(s.items), AllOf: s.allOf?.map(shownSchema) ?? null, OneOf: s.oneOf?.map(shownSchema) ?? null,
    AnyOf: s.anyOf?.map(shownSchema) ?? null, Not: shownSchemaOrNull(s.not), Properties: shownMap(s.properties),
    AdditionalProperties: shownOrBool(s.additionalProperties), PatternProperties: shownMap(s.patternProperties),
    Dependencies: s.dependencies ?? null, AdditionalItems: shownOrBool(s.additionalItems), Definitions: shownMap(s.definitions),
    ExternalDocs: s.externalDocs === undefined ? null : { Description: s.externalDocs.description ?? '', URL: s.externalDocs.url ?? '' },
    Example: s.example ?? null, XPreserveUnknownFields: s['x-kubernetes-preserve-unknown-fields'] ?? null,
    XEmbeddedResource: s['x-kubernetes-embedded-resource'] ?? false, XIntOrString: s['x-kubernetes-int-or-string'] ?? false,
    XListMapKeys: s['x-kubernetes-list-map-keys'] ?? null, XListType: s['x-kubernetes-list-type'] ?? null,
    XMapType: s['x-kubernetes-map-type'] ?? null, XValidations: s['x-kubernetes-validations']?.map(shownRule) ?? null,
  }
}
