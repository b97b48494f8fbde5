/**
 * metadata.managedFields as sets by manager (apimachinery pkg/util/managedfields): reading, writing, the identity of a
 * manager, and the limit on update managers.
 */
import { goJSON, goQuote } from '../meta/go-text.ts'
import type { ManagedFieldsEntry } from '../meta/object.ts'
import { decodeFieldSet, emptyFieldSet, encodeFieldSet, union } from './fieldset.ts'
import type { FieldSet } from './fieldset.ts'

export interface VersionedSet {
  readonly set: FieldSet
  readonly apiVersion: string
  readonly applied: boolean
}

/** Sets by manager identity. */
export type Managers = Map<string, VersionedSet>

export interface Managed {
  readonly fields: Managers
  /** RFC 3339 by identity. */
  readonly times: Map<string, string>
}

export const noManaged = (): Managed => ({ fields: new Map(), times: new Map() })

interface Identity {
  readonly manager?: string
  readonly operation?: 'Apply' | 'Update'
  readonly apiVersion?: string
  readonly subresource?: string
}

/** Who a manager is: name, operation, subresource, and for updates the version. A JSON text that sorts as upstream's. */
export function managerIdentity({ manager, operation, apiVersion, subresource }: Identity): string {
  const parts: string[] = []
  if (manager) parts.push(`"manager":${goJSON(manager)}`)
  if (operation) parts.push(`"operation":"${operation}"`)
  if (apiVersion && operation !== 'Apply') parts.push(`"apiVersion":${goJSON(apiVersion)}`)
  if (subresource) parts.push(`"subresource":${goJSON(subresource)}`)
  return `{${parts.join(',')}}`
}

const identities = new Map<string, Identity>()

function readIdentity(id: string): Identity {
  let identity = identities.get(id)
  if (identity === undefined) {
    identity = JSON.parse(id) as Identity
    if (identities.size > 4096) identities.clear()
    identities.set(id, identity)
  }
  return identity
}

/** A manager in conflict messages: `"kubectl" with subresource "status" using apps/v1`. */
export function managerText(id: string): string {
  const { manager, operation, apiVersion, subresource } = readIdentity(id)
  const name = `${goQuote(manager ?? '')}${subresource ? ` with subresource ${goQuote(subresource)}` : ''}`
  return operation === 'Update' ? `${name} using ${apiVersion ?? ''}` : name
}

/** Reads the entries; throws with upstream's text when one is wrong. */
export function decodeManaged(entries: readonly ManagedFieldsEntry[] | null | undefined): Managed {
  const managed = noManaged()
  for (const [i, entry] of (entries ?? []).entries()) {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      throw new Error('operation must be `Apply` or `Update`')
    }
    if (!entry.apiVersion) throw new Error('apiVersion must not be empty')
    if (!entry.fieldsType) throw new Error(`missing fieldsType in managed fields entry ${i}`)
    if (entry.fieldsType !== 'FieldsV1') {
      throw new Error(`invalid fieldsType ${goQuote(entry.fieldsType)} in managed fields entry ${i}`)
    }
    const id = managerIdentity(entry)
    const set = entry.fieldsV1 ? decodeFieldSet(entry.fieldsV1) : emptyFieldSet
    managed.fields.set(id, { set, apiVersion: entry.apiVersion, applied: entry.operation === 'Apply' })
    if (entry.time) managed.times.set(id, entry.time)
    else managed.times.delete(id)
  }
  return managed
}

/** The entries in upstream's order; undefined when no manager is left. */
export function encodeManaged({ fields, times }: Managed): ManagedFieldsEntry[] | undefined {
  if (fields.size === 0) return undefined
  const entries: ManagedFieldsEntry[] = []
  for (const [id, { set, apiVersion, applied }] of fields) {
    const { manager, operation, subresource } = readIdentity(id)
    const time = times.get(id)
    entries.push({
      ...(manager ? { manager } : {}), operation: applied ? 'Apply' : operation ?? 'Update', apiVersion,
      ...(time === undefined ? {} : { time }), fieldsType: 'FieldsV1', fieldsV1: encodeFieldSet(set),
      ...(subresource ? { subresource } : {}),
    })
  }
  return entries.length < 2 ? entries : sortManagedFields(entries)
}

/** The entries in upstream's order: by operation, time (none first), manager, version and subresource. */
export function sortManagedFields(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  return entries.toSorted(compareEntries)
}

const compareOptional = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0)

function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return compareOptional(a.operation, b.operation) || compareOptional(a.time, b.time)
    || compareOptional(a.manager, b.manager) || compareOptional(a.apiVersion, b.apiVersion)
    || compareOptional(a.subresource, b.subresource)
}

const maxUpdateManagers = 10
const ancientChanges = 'ancient-changes'

/** Throws the oldest update managers of a version together until ten are left. In place. */
export function capUpdateManagers({ fields, times }: Managed): void {
  const updaters = [...fields].filter(([, { applied }]) => !applied).map(([id]) => id)
  let count = updaters.length
  if (count <= maxUpdateManagers) return
  updaters.sort((a, b) => compareOptional(times.get(a), times.get(b)) || compareOptional(a, b))
  const firstOf = new Map<string, string>()
  for (const id of updaters) {
    if (count <= maxUpdateManagers) return
    const versioned = fields.get(id)!
    const { apiVersion } = versioned
    const first = firstOf.get(apiVersion)
    if (first === undefined) {
      firstOf.set(apiVersion, id)
      continue
    }
    const bucket = managerIdentity({ manager: ancientChanges, operation: 'Update', apiVersion })
    if (!fields.has(bucket)) {
      fields.set(bucket, fields.get(first)!)
      fields.delete(first)
    }
    fields.set(bucket, { ...versioned, set: union(versioned.set, fields.get(bucket)!.set) })
    fields.delete(id)
    count--
    const time = times.get(id)
    if (time === undefined) times.delete(bucket)
    else times.set(bucket, time)
  }
}
