/** The parts of a version besides its schema: deprecation, subresources, columns, selectable fields. */
import type {
  CustomResourceColumnDefinition, CustomResourceDefinitionVersion, CustomResourceSubresources, SelectableField,
} from '../../../api/generated/types/apiextensions-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldDuplicate, fieldInvalid, fieldRequired, fieldTooMany, indexPath } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { parseFieldPath } from '../../../api/schema/field-path.ts'
import type { JSONSchemaProps } from '../../../api/schema/json-schema.ts'

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

export function* deprecationErrors({ deprecated, deprecationWarning: text }: CustomResourceDefinitionVersion, path: string): Generator<FieldError> {
  if (text === undefined) return
  const refuse = (why: string): FieldError => fieldInvalid(childPath(path, 'deprecationWarning'), text, why)
  if (deprecated !== true) {
    yield refuse('can only be set for deprecated versions')
    return
  }
  if (byteLength(text) > 256) yield refuse('must be <= 256 characters long')
  if (text === '') yield refuse('must not be an empty string')
  let index = 0
  for (const char of text) {
    if (!printable.test(char)) {
      yield refuse(`must only contain printable UTF-8 characters; non-printable character found at index ${index}`)
      return
    }
    index += byteLength(char)
  }
}

export function* subresourceErrors(subresources: CustomResourceSubresources | undefined, path: string): Generator<FieldError> {
  const scale = subresources?.scale
  if (scale === undefined) return
  const check = function* (field: string, value: string, prefixes: readonly string[], where: string): Generator<FieldError> {
    const at = childPath(path, `scale.${field}`)
    const wrong = [...simplePathErrors(value, at)]
    yield* wrong
    if (wrong.length === 0 && !prefixes.some((prefix) => value.startsWith(prefix))) yield fieldInvalid(at, value, `should be a json path under ${where}`)
  }
  for (const [field, under] of [['specReplicasPath', '.spec'], ['statusReplicasPath', '.status']] as const) {
    if (!scale[field]) yield fieldRequired(childPath(path, `scale.${field}`))
    else yield* check(field, scale[field], [`${under}.`], under)
  }
  if (scale.labelSelectorPath) yield* check('labelSelectorPath', scale.labelSelectorPath, ['.spec.', '.status.'], 'either .spec or .status')
}

function* simplePathErrors(text: string, path: string): Generator<FieldError> {
  if (!text.startsWith('.')) yield fieldInvalid(path, text, 'must be a simple json path starting with .')
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string']
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

export function* columnErrors({ name, type, format, jsonPath }: CustomResourceColumnDefinition, path: string): Generator<FieldError> {
  if (!name) yield fieldRequired(childPath(path, 'name'))
  if (!type) yield fieldRequired(childPath(path, 'type'), `must be one of ${columnTypes.join(',')}`)
  else if (!columnTypes.includes(type)) yield fieldInvalid(childPath(path, 'type'), type, `must be one of ${columnTypes.join(',')}`)
  if (format && !columnFormats.includes(format)) yield fieldInvalid(childPath(path, 'format'), format, `must be one of ${columnFormats.join(',')}`)
  if (!jsonPath) yield fieldRequired(childPath(path, 'JSONPath'))
  else yield* simplePathErrors(jsonPath, childPath(path, 'JSONPath'))
}

const maxSelectableFields = 8

/** Whether there were too many before, and they are the same: that is let be. */
export function tooManySelectableFields(fields: readonly SelectableField[], old: readonly SelectableField[]): boolean {
  return old.length > maxSelectableFields && jsonEqual(fields, old)
}

export function* selectableFieldErrors(
  fields: readonly SelectableField[], schema: JSONSchemaProps, path: string, allowTooMany: boolean,
): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, { jsonPath }] of fields.entries()) {
    const at = childPath(indexPath(path, i), 'jsonPath')
    if (!jsonPath) {
      yield fieldRequired(at)
      continue
    }
    try {
      const found = parseFieldPath(jsonPath, schema, false)
      if (found.root === 'metadata') yield fieldInvalid(at, jsonPath, 'must not point to fields in metadata')
      if (!['string', 'boolean', 'integer'].includes(found.schema.type ?? '')) {
        yield fieldInvalid(at, jsonPath, 'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.')
      }
      if (seen.has(found.text)) yield fieldDuplicate(at, jsonPath)
      seen.add(found.text)
    } catch (error) {
      yield fieldInvalid(at, jsonPath, `is an invalid path: ${(error as Error).message}`)
    }
  }
  if (seen.size > maxSelectableFields && !allowTooMany) yield fieldTooMany(path, seen.size, maxSelectableFields)
}
