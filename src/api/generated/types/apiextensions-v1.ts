import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Status } from './meta-v1.ts'

export type CustomResourceColumnDefinition = {
  description?: string
  format?: string
  jsonPath: string
  name: string
  priority?: number
  type: string
}

export type CustomResourceConversion = {
  strategy: string
  webhook?: WebhookConversion
}

export type CustomResourceDefinition = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: CustomResourceDefinitionSpec
  status?: CustomResourceDefinitionStatus
}

export type CustomResourceDefinitionCondition = {
  lastTransitionTime?: string
  message?: string
  observedGeneration?: number
  reason?: string
  status: string
  type: string
}

export type CustomResourceDefinitionList = {
  apiVersion?: string
  items: CustomResourceDefinition[]
  kind?: string
  metadata: ListMeta
}

export type CustomResourceDefinitionNames = {
  categories?: string[]
  kind: string
  listKind?: string
  plural: string
  shortNames?: string[]
  singular?: string
}

export type CustomResourceDefinitionSpec = {
  conversion?: CustomResourceConversion
  group: string
  names: CustomResourceDefinitionNames
  preserveUnknownFields?: boolean
  scope: string
  versions: CustomResourceDefinitionVersion[]
}

export type CustomResourceDefinitionStatus = {
  acceptedNames?: CustomResourceDefinitionNames
  conditions?: CustomResourceDefinitionCondition[]
  observedGeneration?: number
  storedVersions?: string[]
}

export type CustomResourceDefinitionVersion = {
  additionalPrinterColumns?: CustomResourceColumnDefinition[]
  deprecated?: boolean
  deprecationWarning?: string
  name: string
  schema?: CustomResourceValidation
  selectableFields?: SelectableField[]
  served: boolean
  storage: boolean
  subresources?: CustomResourceSubresources
}

export type CustomResourceSubresourceScale = {
  labelSelectorPath?: string
  specReplicasPath: string
  statusReplicasPath: string
}

export type CustomResourceSubresourceStatus = Record<string, never>

export type CustomResourceSubresources = {
  scale?: CustomResourceSubresourceScale
  status?: CustomResourceSubresourceStatus
}

export type CustomResourceValidation = {
  openAPIV3Schema?: JSONSchemaProps
}

export type ExternalDocumentation = {
  description?: string
  url?: string
}

export type JSONSchemaProps = {
  '$ref'?: string
  '$schema'?: string
  additionalItems?: JSONSchemaProps | boolean
  additionalProperties?: JSONSchemaProps | boolean
  allOf?: JSONSchemaProps[]
  anyOf?: JSONSchemaProps[]
  default?: unknown
  definitions?: Record<string, JSONSchemaProps>
  dependencies?: Record<string, JSONSchemaProps | string[]>
  description?: string
  enum?: unknown[]
  example?: unknown
  exclusiveMaximum?: boolean
  exclusiveMinimum?: boolean
  externalDocs?: ExternalDocumentation
  format?: string
  id?: string
  items?: JSONSchemaProps | JSONSchemaProps[]
  maxItems?: number
  maxLength?: number
  maxProperties?: number
  maximum?: number
  minItems?: number
  minLength?: number
  minProperties?: number
  minimum?: number
  multipleOf?: number
  not?: JSONSchemaProps
  nullable?: boolean
  oneOf?: JSONSchemaProps[]
  pattern?: string
  patternProperties?: Record<string, JSONSchemaProps>
  properties?: Record<string, JSONSchemaProps>
  required?: string[]
  title?: string
  type?: string
  uniqueItems?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-list-type'?: string
  'x-kubernetes-map-type'?: string
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-validations'?: ValidationRule[]
}

export type SelectableField = {
  jsonPath: string
}

export type ServiceReference = {
  name: string
  namespace: string
  path?: string
  port?: number
}

export type ValidationRule = {
  fieldPath?: string
  message?: string
  messageExpression?: string
  optionalOldSelf?: boolean
  reason?: string
  rule: string
}

export type WebhookClientConfig = {
  caBundle?: string
  service?: ServiceReference
  url?: string
}

export type WebhookConversion = {
  clientConfig?: WebhookClientConfig
  conversionReviewVersions: string[]
}

export type ConversionRequest = {
  uid: string
  desiredAPIVersion: string
  objects: (Record<string, unknown>)[]
}

export type ConversionResponse = {
  uid: string
  convertedObjects: (Record<string, unknown>)[]
  result: Status
}

export type ConversionReview = {
  apiVersion?: string
  kind?: string
  request?: ConversionRequest
  response?: ConversionResponse
}
