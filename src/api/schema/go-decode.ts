/** What Go's JSON decoder says when a value has another type than the field: the texts of upstream's 400 answers. */
import { goQuote } from '../meta/go-text.ts'
import type { Schema } from './schema.ts'

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.'
export const timeName = `${META}Time`
export const microTimeName = `${META}MicroTime`
export const durationName = `${META}Duration`

/** "v1.PodSpec", "[]v1.Container", "map[string]string", "int32": the Go type that a schema was made from. */
export function goTypeOf(schema: Schema): string {
  // Times and durations decode a string of their own.
  if (schema.name !== undefined && schema.type === 'string') return 'string'
  if (schema.name !== undefined && schema.name !== '') return schema.name.split('.').slice(-2).join('.')
  switch (schema.type) {
    case 'array': return `[]${schema.items === undefined ? 'interface {}' : goTypeOf(schema.items)}`
    case 'object': {
      const value = schema.additionalProperties
      return `map[string]${value === undefined || typeof value === 'boolean' ? 'interface {}' : goTypeOf(value)}`
    }
    case 'string': return schema.format === 'byte' ? '[]uint8' : 'string'
    case 'integer': return schema.format ?? 'int64'
    case 'number': return schema.format === 'float' ? 'float32' : 'float64'
    case 'boolean': return 'bool'
    case undefined: return 'interface {}'
  }
}

/** The kind of a JSON value as the decoder names it. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  switch (typeof value) {
    case 'object': return 'object'
    case 'boolean': return 'bool'
    default: return typeof value
  }
}

/** One step on the way to a value: a field of a struct, a key of a map (marked), or an index. */
export type Step = string | number
/** Marks map keys among the steps: Go's type errors name fields of structs only. */
export const mapKeyMark = '\0'
/** Marks names of embedded structs: only type errors show them. */
export const embeddedMark = '\u0001'

/** The path as strict decoding prints it: "spec.containers[0].image". */
export function strictPath(steps: readonly Step[], last: string): string {
  let out = ''
  for (const step of steps) {
    if (typeof step === 'number') out += `[${step}]`
    else if (!step.startsWith(embeddedMark)) {
      const name = step.startsWith(mapKeyMark) ? step.slice(1) : step
      out += out === '' ? name : `.${name}`
    }
  }
  return out === '' ? last : `${out}.${last}`
}

/** "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32". */
export function typeErrorText(what: string, type: string, struct: string, steps: readonly Step[]): string {
  const fields = steps.filter((step) => typeof step === 'string' && !step.startsWith(mapKeyMark))
  const where = fields.length === 0
    ? 'Go value'
    : `Go struct field ${struct}.${fields.join('.').replaceAll(embeddedMark, '')}`
  return `json: cannot unmarshal ${what} into ${where} of type ${type}`
}

/** Go structs embedded in others, with what the outer one has of its own: the decoder names them on the way. */
const embedded: Readonly<Record<string, { readonly inner: string; readonly own?: readonly string[]; readonly only?: readonly string[] }>> = {
  Volume: { inner: 'VolumeSource', own: ['name'] },
  Probe: {
    inner: 'ProbeHandler',
    only: ['exec', 'grpc', 'httpGet', 'tcpSocket'],
  },
  PersistentVolumeSpec: {
    inner: 'PersistentVolumeSource',
    own: [
      'accessModes', 'capacity', 'claimRef', 'mountOptions', 'nodeAffinity', 'persistentVolumeReclaimPolicy',
      'storageClassName', 'volumeAttributesClassName', 'volumeMode',
    ],
  },
  EphemeralContainer: { inner: 'EphemeralContainerCommon', own: ['targetContainerName'] },
  ...Object.fromEntries(
    ['ConfigMapEnvSource', 'SecretEnvSource', 'ConfigMapKeySelector', 'SecretKeySelector', 'ConfigMapVolumeSource',
      'ConfigMapProjection', 'SecretProjection'].map((name) => [name, { inner: 'LocalObjectReference', only: ['name'] }]),
  ),
}

/** The embedded struct that a field of a struct comes from, if any. */
export function embeddedStruct(struct: string, field: string): string | undefined {
  const entry = Object.hasOwn(embedded, struct) ? embedded[struct]! : undefined
  if (entry === undefined) return undefined
  return (entry.only?.includes(field) ?? !entry.own!.includes(field)) ? entry.inner : undefined
}

/** The texts of strict decoding for unknown fields. */
export function unknownFieldTexts(paths: readonly string[]): string[] {
  return paths.map((path) => `unknown field ${goQuote(path)}`)
}

/** Strict decoding errors as one text, for the 400 answer of fieldValidation=Strict. */
export function strictDecodingText(errors: readonly string[]): string {
  return `strict decoding error: ${errors.join(', ')}`
}
