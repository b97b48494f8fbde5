/** What the engine itself owns of an object's metadata. Upstream: apiserver/pkg/registry/rest/meta.go, names. */
import type { Random } from '../../base/env.ts'
import { badRequest } from '../../api/meta/errors.ts'
import type { KubeObject, ObjectMeta } from '../../api/meta/object.ts'

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

/** An object in wire order: kind, apiVersion, metadata, then its own fields. Shares the values. */
export function canonicalObject(object: KubeObject, kind: string, apiVersion: string): KubeObject {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object
  return { kind, apiVersion, metadata: canonicalMetadata(metadata), ...rest }
}
