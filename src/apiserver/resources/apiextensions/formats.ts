/** Formats that nobody checks, of which clients are warned (registry/customresourcedefinition/strategy.go). */
import type { CustomResourceDefinitionSpec } from '../../../api/generated/types/apiextensions-v1.ts'
import { formatCheck } from '../../../api/schema/formats.ts'
import type { JSONSchemaProps } from '../../../api/schema/json-schema.ts'
import { internalSpec } from './internal.ts'
import { schemasIn } from './schema-rules.ts'

const numeric: Readonly<Record<string, readonly string[]>> = { integer: ['int32', 'int64'], number: ['float', 'double'] }

function isKnown({ type = '', format = '' }: JSONSchemaProps): boolean {
  if (format === '') return true
  return type === '' || type === 'string' ? formatCheck(format) !== undefined : numeric[type]?.includes(format) === true
}

/** The unknown formats of all versions, as often as they are stated. */
export function unknownFormats(spec: CustomResourceDefinitionSpec): string[] {
  const { top, versions } = internalSpec(spec)
  const schemas = [top, ...versions].flatMap(({ schema }) => (schema?.openAPIV3Schema === undefined ? [] : [...schemasIn(schema.openAPIV3Schema)]))
  return schemas.flatMap((schema) => (isKnown(schema) ? [] : [schema.format!]))
}
