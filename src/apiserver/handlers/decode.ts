/**
 * A request's body as an object of the stored version: checked for its kind, read by its schema, converted, defaulted.
 * Upstream: the serializer's part of endpoints/handlers/{create,update}.go.
 */
import { badRequest, invalid } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import { goQuote } from '../../api/meta/go-text.ts'
import type { GroupVersionKind, KubeObject } from '../../api/meta/object.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import { decodeObject, decodeValue } from '../../api/schema/decode.ts'
import { applyDefaults } from '../../api/schema/default.ts'
import { jsonKind, strictDecodingText, unknownFieldTexts } from '../../api/schema/go-decode.ts'
import { pruneNulls, pruneUnknown } from '../../api/schema/prune.ts'
import type { Schema } from '../../api/schema/schema.ts'
import { noteRequestObject } from '../audit/event.ts'
import type { RequestBody } from '../handler.ts'
import type { ResourceRegistry, Served } from '../registry/resource-registry.ts'
import type { RequestContext } from './context.ts'
import { warn } from './context.ts'
import type { FieldValidation } from './options.ts'
import { scheme } from './scheme.ts'

/** The kind that a body is read as: the resource's own, or the one that a subresource takes (Scale, Binding). */
export interface BodyKind extends GroupVersionKind {
  readonly schema: Schema
}

export function bodyKindOf(served: Served): BodyKind {
  return { group: served.group, version: served.version, kind: served.kind, schema: served.schema }
}

/** The body in the version in which it was sent. Throws 400. */
export function decodeBody(context: RequestContext, kind: BodyKind, validation: FieldValidation): KubeObject {
  const { request, deps } = context
  const body = request.body
  if (body === undefined || body.value === undefined) {
    throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): couldn't get version/kind; `
      + 'json parse error: unexpected end of JSON input (<empty>)')
  }
  const value = checkKind(body, kind, deps.registry)
  const { object, unknown } = shape(value, kind)
  // Upstream's YAML reader finds duplicates before the fields are read; its JSON reader tells them behind unknown fields.
  const yaml = body.mediaType === 'application/yaml'
  const unknownFields = unknownFieldTexts(unknown)
  report(context, kind, yaml ? [...body.strictErrors, ...unknownFields] : [...unknownFields, ...body.strictErrors], validation)
  noteRequestObject(request, object, () => applyDefaults(object, kind.schema))
  return object
}

/** Reads a value by the kind's schema, the Go types' or a CRD's. */
export function shape(value: KubeObject, kind: BodyKind): { object: KubeObject; unknown: readonly string[] } {
  if (kind.schema.name !== undefined) {
    const { value: object, unknownFields } = decodeObject(value, kind.schema, kind)
    return { object: withMetadata(object, kind), unknown: unknownFields }
  }
  const { value: pruned, unknownFields } = pruneUnknown(value, kind.schema)
  const metadata = decodeValue(value.metadata ?? {}, schemaOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'))
  if (metadata.error !== undefined) {
    throw badRequest(`${kind.kind} in version ${goQuote(kind.version)} cannot be handled as a ${kind.kind}: ${metadata.error}`)
  }
  const object = { ...pruneNulls(pruned, kind.schema), metadata: metadata.value } as KubeObject
  return { object: withMetadata(object, kind), unknown: [...unknownFields, ...metadata.unknownFields.map((path) => `metadata.${path}`)] }
}

/** Owns the object's top and its metadata. */
function withMetadata(object: KubeObject, kind: GroupVersionKind): KubeObject {
  const { group, version } = kind
  return {
    ...object, kind: kind.kind, apiVersion: group === '' ? version : `${group}/${version}`, metadata: { ...object.metadata },
  }
}

function checkKind(body: RequestBody, expected: BodyKind, registry: ResourceRegistry): KubeObject {
  const value = body.value ?? {}
  const unrecognized = (why: string) =>
    badRequest(`the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(value)})`)
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw unrecognized("couldn't get version/kind; "
      + `json parse error: json: cannot unmarshal ${jsonKind(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; `
      + 'Kind string "json:\\"kind,omitempty\\"" }')
  }
  const object = value as Record<string, unknown>
  if (typeof object.apiVersion === 'string' && object.apiVersion.split('/').length > 2) {
    throw unrecognized(`unexpected GroupVersion string: ${object.apiVersion}`)
  }
  const wanted = apiVersion(expected)
  const given = typeof object.apiVersion === 'string' && object.apiVersion !== '' ? object.apiVersion : wanted
  const kind = typeof object.kind === 'string' && object.kind !== '' ? object.kind : expected.kind
  if (kind !== expected.kind && given === wanted && expected.schema.name === undefined) throw wrongCustomKind(object, kind, expected)
  if (kind !== expected.kind || parseApiVersion(given).group !== expected.group) {
    throw wrongKind(kind, given, expected, registry)
  }
  if (given !== wanted) {
    if (expected.schema.name !== undefined && !registry.hasKind(expected.group, parseApiVersion(given).version, kind)) {
      throw wrongKind(kind, given, expected, registry)
    }
    throw badRequest(`the API version in the data (${given}) does not match the expected API version (${wanted})`)
  }
  return value as KubeObject
}

/** Custom kinds are read whatever they call themselves, and refused when they are checked. */
function wrongCustomKind(object: Record<string, unknown>, kind: string, { group, kind: expected }: BodyKind): Error {
  const { name } = (object.metadata ?? {}) as { name?: unknown }
  return invalid({ group, kind }, typeof name === 'string' ? name : '', [fieldInvalid('kind', kind, `must be ${expected}`)])
}

/** The beginning of a body in messages: as text when it is an object, in hex otherwise. */
function summary(value: unknown): string {
  const text = Buffer.from(JSON.stringify(value))
  const start = text.subarray(0, 30)
  const shown = text[0] === 0x7b ? start.toString() : start.toString('hex')
  return text.length > 30 ? `${shown} ...` : shown
}

export function wrongKind(kind: string, given: string, expected: BodyKind, registry: ResourceRegistry): Error {
  const { group, version } = parseApiVersion(given)
  if (expected.schema.name === undefined && given !== apiVersion(expected)) {
    return badRequest(`the API version in the data (${given}) does not match the expected API version (${apiVersion(expected)})`)
  }
  const head = `${kind} in version ${goQuote(version)} cannot be handled as a ${expected.kind}: `
  if (!registry.hasKind(group, version, kind)) {
    return badRequest(`${head}no kind ${goQuote(kind)} is registered for version ${goQuote(given)} in scheme ${goQuote(scheme)}`)
  }
  return badRequest(`${head}converting (${version}.${kind}) to (${expected.group === '' ? 'core' : expected.group.split('.')[0]}.${expected.kind}): unknown conversion`)
}

function apiVersion({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`
}

/** Unknown and duplicate fields: warned of, refused (400), or passed over. */
export function report(context: RequestContext, kind: GroupVersionKind, errors: readonly string[], validation: FieldValidation): void {
  if (errors.length === 0 || validation === 'Ignore') return
  if (validation === 'Strict') {
    throw badRequest(`${kind.kind} in version ${goQuote(kind.version)} cannot be handled as a ${kind.kind}: ${strictDecodingText(errors)}`)
  }
  for (const error of errors) for (const line of warningLines(error)) warn(context.request, line)
}

/** Errors of the YAML decoder come together and are told one by one. */
function warningLines(error: string): string[] {
  const together = /^(?:error unmarshaling JSON: while decoding JSON: |error converting YAML to JSON: )?yaml: unmarshal errors:\n/.exec(error)
  return together === null ? [error] : error.slice(together[0].length).split('\n').map((line) => line.trim())
}

/** Completes a decoded object with the defaults of its version, and converts it to the stored one. Owns the object. */
export function toStored(served: Served, object: KubeObject): KubeObject {
  const stored = served.toStored(applyDefaults(object, served.schema))
  served.store?.definition.default?.(stored)
  return stored
}
