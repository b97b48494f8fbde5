/**
 * metadata.managedFields of ordinary writes (apimachinery pkg/util/managedfields): what a manager that creates, updates
 * or patches an object comes to own. Pure: the time is an argument, objects are never changed.
 */
import { goShape } from '../codec/go-shape.ts'
import type { KubeObject, ManagedFieldsEntry } from '../meta/object.ts'
import { formatTime } from '../meta/time.ts'
import { objectSchema } from '../schema/json-schema.ts'
import type { Schema } from '../schema/schema.ts'
import { CreatedFields } from './created-fields.ts'
import { fieldTypeOf } from './field-types.ts'
import type { FieldType } from './field-types.ts'
import { difference, fieldSetOf, union } from './fieldset.ts'
import type { FieldsV1 } from './fieldset.ts'
import { capUpdateManagers, decodeManaged, encodeManaged, managerIdentity, noManaged } from './managers.ts'
import type { Managed } from './managers.ts'
import { excludeFilter, updateManagers } from './updater.ts'
import type { FieldFilter, Rules, TypedValue } from './updater.ts'

/** An object of another version with that version's schema; undefined when the version is not known (any more). */
export type VersionConverter = (object: KubeObject, apiVersion: string) => { object: KubeObject; schema: Schema } | undefined

export interface FieldsContext {
  /** The schema of the version that the request speaks. */
  readonly schema: Schema
  /** "apps/v1" of the request. */
  readonly apiVersion: string
  /** The fieldManager of the request, or managerOfUserAgent(). */
  readonly manager: string
  readonly now: Date
  /** The subresource written to, or ''. */
  readonly subresource?: string
  /** Dotted paths that this write never changes ("status"), or a filter of what it may own. */
  readonly resetFields?: readonly string[] | FieldFilter
  /** For objects that managers of other versions have written; without it those managers are forgotten. */
  readonly convert?: VersionConverter
}

export interface UpdateContext extends FieldsContext {
  /** Absent on create. */
  readonly live?: KubeObject
  /** The object to be stored, in the request's version, defaulted. Its managedFields are the client's. */
  readonly newObject: KubeObject
  readonly operation?: 'Update'
}

/** The manager's name for a request that states none: its user agent up to the first slash, printable, 128 at most. */
export function managerOfUserAgent(userAgent: string): string {
  let name = ''
  for (const char of userAgent.split('/', 1)[0] ?? '') {
    if (Buffer.byteLength(name) + Buffer.byteLength(char) > 128) break
    if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) name += char
  }
  return name
}

const withoutManagedFields = new WeakMap<object, unknown>()

/** The object as managers see it. Live objects are asked for again and again, so frozen ones keep their view. */
export function typedObject(object: KubeObject, schema: Schema, apiVersion: string): TypedValue {
  let value: unknown = object
  if (object.metadata?.managedFields !== undefined) {
    value = withoutManagedFields.get(object)
    if (value === undefined) {
      const { managedFields: _, ...metadata } = object.metadata
      value = { ...object, metadata }
      if (Object.isFrozen(object)) withoutManagedFields.set(object, value)
    }
  }
  return { value, type: objectType(schema), apiVersion }
}

const emptyObjects = new Map<string, Readonly<Record<string, unknown>>>()

/** What a new object is compared with: a kind's empty object as Go writes it, nothing for custom kinds. */
export function emptyObject(schema: Schema, apiVersion: string, kind = ''): TypedValue {
  const key = schema.name === undefined ? '' : `${apiVersion}/${kind}`
  let value = emptyObjects.get(key)
  if (value === undefined) {
    emptyObjects.set(key, (value = Object.freeze(key === '' ? {} : goShape({}, { apiVersion, kind }))))
  }
  return { value, type: objectType(schema), apiVersion }
}

/** The type of whole objects, custom ones with the fields that every object has. */
export function objectType(schema: Schema): FieldType {
  return fieldTypeOf(objectSchema(schema))
}

/** How sets of other versions are compared, and what a write may own. */
export function rulesOf(context: FieldsContext): Rules {
  const { convert, resetFields } = context
  const filter = resetFields === undefined ? undefined
    : typeof resetFields === 'function' ? resetFields : resetFields.length === 0 ? undefined : excludeFilter(resetSet(resetFields))
  return {
    ...(filter === undefined ? {} : { filter }),
    convert({ value, apiVersion, type }, wanted) {
      if (wanted === apiVersion) return { value, type, apiVersion }
      const converted = convert?.(value as KubeObject, wanted)
      return converted && typedObject(converted.object, converted.schema, wanted)
    },
  }
}

const resetSets = new Map<string, ReturnType<typeof fieldSetOf>>()

function resetSet(paths: readonly string[]): ReturnType<typeof fieldSetOf> {
  const key = paths.join(',')
  let set = resetSets.get(key)
  if (set === undefined) resetSets.set(key, (set = fieldSetOf(paths)))
  return set
}

/** What no manager owns. */
const strippedFields = fieldSetOf([
  'apiVersion', 'kind', 'metadata', 'metadata.name', 'metadata.namespace', 'metadata.creationTimestamp',
  'metadata.selfLink', 'metadata.uid', 'metadata.clusterName', 'metadata.generation', 'metadata.managedFields',
  'metadata.resourceVersion',
])

export function stripMetadata({ fields }: Managed, id: string): void {
  const versioned = fields.get(id)
  if (versioned === undefined) return
  const set = difference(versioned.set, strippedFields)
  if (set.size === 0) fields.delete(id)
  else if (set !== versioned.set) fields.set(id, { ...versioned, set })
}

/** [] and [{}] ask to forget all managers. */
function isReset(entries: readonly ManagedFieldsEntry[] | null | undefined): boolean {
  if (!entries) return false
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0)
}

function decodeOrNone(entries: readonly ManagedFieldsEntry[] | undefined): Managed {
  try {
    return decodeManaged(entries)
  } catch {
    return noManaged()
  }
}

/** The managers that a write starts from: the client's own list when it sends one, else the live object's. */
function startingManaged({ live, newObject, subresource }: UpdateContext): Managed {
  const ofLive = live?.metadata.managedFields
  const sent = newObject.metadata?.managedFields
  if (subresource) return decodeOrNone(ofLive)
  if (isReset(sent)) return noManaged()
  const managed = decodeOrNone(sent)
  return managed.fields.size === 0 ? decodeOrNone(ofLive) : managed
}

const currentOperation = 'current-operation'

/** Records what `newObject` changes in `live` as owned by the manager. In place. */
export function recordUpdate(
  managed: Managed, live: TypedValue, next: TypedValue, id: string, now: Date, rules: Rules,
): Managed {
  const fields = updateManagers(live, next, managed.fields, currentOperation, rules)
  const result: Managed = { fields, times: managed.times }
  stripMetadata(result, currentOperation)
  const own = fields.get(currentOperation)
  if (own !== undefined) {
    fields.delete(currentOperation)
    const before = fields.get(id)
    fields.set(id, before === undefined ? own : { ...own, set: union(own.set, before.set) })
    result.times.set(id, formatTime(now))
  }
  capUpdateManagers(result)
  return result
}

/**
 * The managedFields of an object that a create, update or patch (other than apply) makes; undefined when nobody owns
 * anything. Objects whose managers were cleared stay without until they are applied.
 */
export function updateManagedFields(context: UpdateContext): ManagedFieldsEntry[] | undefined {
  const { live, newObject, schema, apiVersion, manager, subresource, now } = context
  const managed = startingManaged(context)
  if (managed.fields.size === 0 && live?.metadata.uid) return undefined
  const id = managerIdentity({ manager: manager || 'unknown', operation: 'Update', apiVersion, subresource })
  const before = live === undefined
    ? emptyObject(schema, apiVersion, newObject.kind)
    : typedObject(live, schema, apiVersion)
  const next = typedObject(newObject, schema, apiVersion)
  const record = () => encodeManaged(recordUpdate(managed, before, next, id, now, rulesOf(context)))
  if (live !== undefined || managed.fields.size > 0 || typeof context.resetFields === 'function') return record()
  const fieldsV1 = createdFields(context).of(next.value, next.type, before.value, () => record()?.[0]?.fieldsV1 as FieldsV1 | undefined)
  if (fieldsV1 === undefined) return undefined
  return [{ manager: manager || 'unknown', operation: 'Update', apiVersion, time: formatTime(now), fieldsType: 'FieldsV1', fieldsV1, ...(subresource ? { subresource } : {}) }]
}

const created = new WeakMap<Schema, Map<string, CreatedFields>>()

/** What was created before in this version, where the same fields are passed over. */
function createdFields({ schema, apiVersion, resetFields }: UpdateContext): CreatedFields {
  let byRules = created.get(schema)
  if (byRules === undefined) created.set(schema, (byRules = new Map()))
  const rules = `${apiVersion} ${(resetFields as readonly string[] | undefined ?? []).join(',')}`
  let known = byRules.get(rules)
  if (known === undefined) byRules.set(rules, (known = new CreatedFields()))
  return known
}
