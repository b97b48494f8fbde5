/** What the engine itself owns of an object's metadata. Upstream: apiserver/pkg/registry/rest/meta.go, names. */
import type { Random } from '../../base/env.ts'
import { badRequest } from '../../api/meta/errors.ts'
import { goShape, storedShape } from '../../api/codec/go-shape.ts'
import type { KubeObject, ObjectMeta } from '../../api/meta/object.ts'
import { apiVersionOf } from '../../api/meta/object.ts'
import type { ResourceDefinition } from '../resources/define.ts'

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'
const suffixLength = 5
const maxNameLength = 63

/** The base, cut so that it fits 63 characters with a suffix of 5 random ones. */
export function generateName(base: string, random: Random): string {
  let name = base.slice(0, maxNameLength - suffixLength)
  for (let i = 0; i < suffixLength; i++) name += suffixLetters[random.int(suffixLetters.length)]
  return name
}

/** Removes what only the server may set on a new object. */
export function wipeSystemFields(meta: ObjectMeta): void {
  delete meta.uid
  delete meta.creationTimestamp
  delete meta.deletionTimestamp
  delete meta.deletionGracePeriodSeconds
  delete meta.selfLink
}

/** Sets the namespace of the request, or refuses another one (400). `expected` is '' for cluster-scoped kinds. */
export function ensureNamespace(meta: ObjectMeta, expected: string): void {
  const given = meta.namespace ?? ''
  if (given === expected) return
  if (given !== '' && expected !== '') {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (expected === '') delete meta.namespace
  else meta.namespace = expected
}

const order: readonly (keyof ObjectMeta)[] = [
  'name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'creationTimestamp',
  'deletionTimestamp', 'deletionGracePeriodSeconds', 'labels', 'annotations', 'ownerReferences', 'finalizers',
  'managedFields',
]

/**
 * Metadata in upstream's field order, without what Go leaves out: empty strings, maps and lists, zero numbers, nulls.
 * `resourceVersion` keeps its place even when it is to be set later.
 */
export function canonicalMetadata(meta: ObjectMeta): ObjectMeta {
  const out: Record<string, unknown> = {}
  for (const key of order) {
    if (key === 'resourceVersion') {
      out[key] = meta[key]
      continue
    }
    const value = meta[key]
    if (value === undefined || value === null || value === '') continue
    if (typeof value === 'object' && isEmpty(value)) continue
    if (key === 'generation' && value === 0) continue
    out[key] = value
  }
  return out
}

function isEmpty(value: object): boolean {
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

/**
 * An object as it is stored and sent: a built-in kind exactly as upstream's encoder writes it, any other with kind,
 * apiVersion and metadata first. Values may be shared; the top and the metadata are new, and have a place for the
 * resourceVersion.
 */
export function canonicalObject(definition: ResourceDefinition, object: KubeObject): KubeObject {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object
  const head = { kind: definition.kind, apiVersion: apiVersionOf(definition) }
  if (definition.schema.name === undefined) return { ...head, metadata: canonicalMetadata(metadata), ...rest }
  const resourceVersion = metadata.resourceVersion || '0'
  const whole = { ...head, metadata: { ...metadata, resourceVersion }, ...rest }
  return definition.storedAs === 'json' ? goShape(whole) : storedShape(whole)
}
