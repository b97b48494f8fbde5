/**
 * What a field of the API may hold. Built-in kinds get their schemas from upstream's OpenAPI (api/generated), CRDs from
 * their stored object; one engine (walk, prune, default, validate, merge, apply) serves both. Schemas form a graph with
 * cycles (JSONSchemaProps), so walk along values, never along the schema alone.
 */
export interface Schema {
  /** The full OpenAPI definition name for a named type, such as "io.k8s.api.core.v1.Pod". */
  readonly name?: string
  /** Absent: anything. */
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean'
  readonly format?: string
  /** int32-or-string, such as a target port: both are right. */
  readonly intOrString?: boolean
  /** A resource quantity: a string or a number on the wire. */
  readonly quantity?: boolean
  readonly nullable?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  /** Fields of a built-in type that are references without a description. */
  readonly undescribed?: readonly string[]
  /** x-kubernetes-list-type and its keys. Absent means atomic. */
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  /** x-kubernetes-map-type. Absent means granular. */
  readonly mapType?: 'atomic' | 'granular'
  /** Strategic merge patch. */
  readonly patchStrategy?: string
  readonly patchMergeKey?: string
  readonly unions?: readonly unknown[]
  /** CRDs only. */
  readonly preserveUnknownFields?: boolean
  readonly embeddedResource?: boolean
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly multipleOf?: number
  readonly uniqueItems?: boolean
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly not?: Schema
  readonly validations?: readonly ValidationRule[]
  readonly description?: string
}

/** x-kubernetes-validations: a CEL rule. */
export interface ValidationRule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
  readonly optionalOldSelf?: boolean
}
