/** Objects inside custom resources (x-kubernetes-embedded-resource): their type and metadata must be right too. */
import type { FieldError } from '../meta/errors.ts'
import { childPath, fieldInvalid, fieldRequired, indexPath, keyPath } from '../meta/field-errors.ts'
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { validateObjectMeta } from '../meta/metadata-validation.ts'
import { isDNS1035Label, nameIsPathSegment } from '../meta/names.ts'
import type { ObjectMeta } from '../meta/object.ts'
import { schemaOf } from './builtin.ts'
import { decodeValue } from './decode.ts'
import { fieldSchemaOf } from './walk.ts'
import type { Schema } from './schema.ts'


/** What is wrong with the embedded objects of a value. */
export function* validateEmbedded(value: unknown, schema: Schema | undefined, path = ''): Generator<FieldError> {
  if (schema === undefined) return
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield* validateEmbedded(value[i], schema.items, indexPath(path, i))
  } else if (isFields(value)) {
    if (schema.embeddedResource) yield* validateOne(value, path)
    for (const key of Object.keys(value)) {
      const named = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      yield* validateEmbedded(value[key], fieldSchemaOf(schema, key), named ? childPath(path, key) : keyPath(path, key))
    }
  }
}

function* validateOne(object: Fields, path: string): Generator<FieldError> {
  yield* validateText(object, 'apiVersion', path, (text) =>
    text.split('/').length > 2 ? `unexpected GroupVersion string: ${text}` : undefined)
  yield* validateText(object, 'kind', path, (text) => {
    const errors = isDNS1035Label(text.toLowerCase())
    return errors.length === 0 ? undefined : `may have mixed case, but should otherwise match: ${errors.join(',')}`
  })
  if (!Object.hasOwn(object, 'metadata')) return
  const metaPath = childPath(path, 'metadata')
  const { value, error } = decodeMetadata(object['metadata'])
  if (error !== undefined) yield fieldInvalid(metaPath, object['metadata'], error)
  else {
    const named = { ...value, name: value.name || 'fakename' }
    yield* validateObjectMeta(named, !!value.namespace, nameIsPathSegment, metaPath)
  }
}

function* validateText(
  object: Fields, field: string, path: string, check: (text: string) => string | undefined,
): Generator<FieldError> {
  const at = childPath(path, field)
  if (!Object.hasOwn(object, field)) {
    yield fieldRequired(at)
    return
  }
  const value = object[field]
  if (typeof value !== 'string') yield fieldInvalid(at, value, 'must be a string')
  else if (value === '') yield fieldInvalid(at, value, 'must not be empty')
  else {
    const error = check(value)
    if (error !== undefined) yield fieldInvalid(at, value, error)
  }
}

export interface DecodedMetadata {
  readonly value: ObjectMeta
  readonly unknownFields: readonly string[]
  readonly error?: string
}

/** Reads an object's metadata as every kind has it. Unknown fields are told relative to the metadata. */
export function decodeMetadata(metadata: unknown): DecodedMetadata {
  const { value, unknownFields, error } = decodeValue(
    metadata, schemaOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'),
  )
  return { value: (value ?? {}) as ObjectMeta, unknownFields, ...(error === undefined ? {} : { error }) }
}
