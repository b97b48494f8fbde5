/** A KubeletConfiguration as a document: read leniently, drop-ins and flags merged in, what is not said filled in. Pure. */
import { parseDuration } from '../../api/meta/time.ts'
import { type Field, configurationFields } from './fields.ts'

export type Document = Readonly<Record<string, unknown>>

/** Something cannot be used; the message names it. */
export class ConfigurationError extends Error {}

const isObject = (value: unknown): value is Document => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands at "a.b.c"; undefined: nothing. */
export function at(document: Document, path: string): unknown {
  let value: unknown = document
  for (const name of path.split('.')) value = isObject(value) ? value[name] : undefined
  return value ?? undefined
}

/** The document with `value` at "a.b.c". */
export function withValue(document: Document, path: string, value: unknown): Document {
  const [name, ...rest] = path.split('.') as [string, ...string[]]
  if (rest.length === 0) return { ...document, [name]: value }
  const inner = document[name]
  return { ...document, [name]: withValue(isObject(inner) ? inner : {}, rest.join('.'), value) }
}

/** RFC 7386, as drop-in files are merged. */
export function mergeDocuments(base: Document, patch: Document): Document {
  const merged: Record<string, unknown> = { ...base }
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = isObject(value) ? mergeDocuments(isObject(merged[name]) ? merged[name] : {}, value) : value
  }
  return merged
}

/** Checks what a file says it is. Throws ConfigurationError. */
export function checkKind(document: unknown): Document {
  if (document === null || document === undefined) return {}
  if (!isObject(document)) throw new ConfigurationError('expected an object')
  const { apiVersion, kind } = document
  if (apiVersion === undefined || kind === undefined) throw new ConfigurationError('no apiVersion/kind')
  if (apiVersion !== 'kubelet.config.k8s.io/v1beta1' || kind !== 'KubeletConfiguration') {
    throw new ConfigurationError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`)
  }
  return document
}

function isNothing(field: Field, value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (field.keepsZero === true) return false
  return value === '' || value === 0 || (field.type === 'duration' && typeof value === 'string' && parseDuration(value) === 0)
}

/** The document with all defaults, as /configz shows it. */
export function withDefaults(given: Document): Document {
  let document = given
  // For a user who says how often the node looks at itself, it tells as often.
  if (at(given, 'nodeStatusReportFrequency') === undefined || isZero(given, 'nodeStatusReportFrequency')) {
    if (!isZero(given, 'nodeStatusUpdateFrequency')) document = withValue(document, 'nodeStatusReportFrequency', at(given, 'nodeStatusUpdateFrequency'))
  }
  if (at(given, 'serializeImagePulls') === undefined && Number(at(given, 'maxParallelImagePulls') ?? 0) >= 2) document = withValue(document, 'serializeImagePulls', false)
  if (typeof at(given, 'podPidsLimit') === 'number' && Number(at(given, 'podPidsLimit')) < 0) document = withValue(document, 'podPidsLimit', -1)
  for (const field of configurationFields) {
    if (field.default !== undefined && isNothing(field, at(document, field.path))) document = withValue(document, field.path, field.default)
  }
  return document
}

function isZero(document: Document, path: string): boolean {
  const value = at(document, path)
  return value === undefined || (typeof value === 'string' && parseDuration(value) === 0)
}

/** Fields of the document that upstream does not have either; they are passed over, and told. */
export function unknownFields(document: Document): string[] {
  const paths = configurationFields.map(({ path }) => path)
  const unknown: string[] = []
  const visit = (value: Document, prefix: string) => {
    for (const [name, inner] of Object.entries(value)) {
      const path = prefix + name
      if (paths.includes(path)) continue
      if (paths.some((known) => known.startsWith(`${path}.`))) {
        if (isObject(inner)) visit(inner, `${path}.`)
      } else unknown.push(path)
    }
  }
  const { apiVersion: _version, kind: _kind, ...rest } = document
  visit(rest, '')
  return unknown
}
