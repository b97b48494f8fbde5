/**
 * Server-side apply (apimachinery pkg/util/managedfields): merges a configuration into the live object, takes out what
 * its manager applied before and states no more, and refuses to change what others own unless forced.
 */
import { badRequest, unknownError } from '../meta/errors.ts'
import { StatusError } from '../meta/errors.ts'
import { compareText } from '../meta/go-text.ts'
import { annotationsLimit } from '../meta/metadata-validation.ts'
import type { KubeObject, ManagedFieldsEntry } from '../meta/object.ts'
import { apiVersionOf, parseApiVersion } from '../meta/object.ts'
import { formatTime } from '../meta/time.ts'
import { jsonKind } from '../schema/go-decode.ts'
import { compareTyped } from './compare.ts'
import { difference, emptyFieldSet, hasPath, pathText } from './fieldset.ts'
import type { FieldSet } from './fieldset.ts'
import { decodeManaged, encodeManaged, managerIdentity, managerText } from './managers.ts'
import type { Managed } from './managers.ts'
import { emptyObject, objectType, recordUpdate, rulesOf, stripMetadata, typedObject } from './managed-fields.ts'
import type { FieldsContext } from './managed-fields.ts'
import { checkTyped, toFieldSet, typedErrorsText } from './typed.ts'
import { applyConfig, ConflictsError } from './updater.ts'
import type { Conflict, Rules, TypedValue } from './updater.ts'

export interface ApplyContext extends FieldsContext {
  /** Absent when the apply creates the object. In the request's version. */
  readonly live?: KubeObject
  /** The configuration as it was sent. */
  readonly patch: KubeObject
  readonly force?: boolean
  /** The kind that the path stands for, when the patch must be of it. */
  readonly kind?: string
}

export interface ApplyResult {
  /** The merged object without managedFields; still to be decoded (nulls) and defaulted. */
  readonly object: KubeObject
  readonly managedFields: ManagedFieldsEntry[] | undefined
  /** False when the object is as it was (its managers may have changed). */
  readonly changed: boolean
}

const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'
const beforeFirstApply = 'before-first-apply'

/** Applies a configuration. Throws StatusErrors: 400 for a wrong patch, 409 with all conflicts, 500 for wrong fields. */
export function applyPatch(context: ApplyContext): ApplyResult {
  checkPatch(context)
  const { patch, schema, apiVersion, now } = context
  const live = liveValue(context)
  const managed = startManaged(context, live)
  const config: TypedValue = { value: patch, type: objectType(schema), apiVersion }
  const errors = checkTyped(patch, config.type)
  if (errors.length > 0) throw typedPatchError(context, typedErrorsText(errors))
  const rules = rulesOf(context)
  const id = managerIdentity(
    { manager: context.manager || 'unknown', operation: 'Apply', subresource: context.subresource },
  )
  const outcome = applyOrMigrate(context, live, config, managed, id, rules)
  const result: Managed = { fields: outcome.managers, times: managed.times }
  stripMetadata(result, id)
  if (outcome.changed) result.times.set(id, formatTime(now))
  const object = withLastApplied(context, outcome.value as KubeObject)
  return { object, managedFields: encodeManaged(result), changed: outcome.changed || object !== outcome.value }
}

function checkPatch({ patch, apiVersion, kind }: ApplyContext): void {
  if (patch === null || patch === undefined) throw badRequest('invalid object type: /, Kind=')
  if (typeof patch !== 'object' || Array.isArray(patch)) {
    const text = `json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${text}`)
  }
  if (kind !== undefined && (patch.kind !== kind || patch.apiVersion !== apiVersion)) {
    throw badRequest(`invalid object type: ${gvkText(patch)}`)
  }
  if (patch.apiVersion !== apiVersion) {
    throw badRequest(`Incorrect version specified in apply patch. Specified patch version: ${apiVersionOf(gvkOf(patch))}, expected: ${apiVersion}`)
  }
  if (patch.metadata?.managedFields !== undefined && patch.metadata.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil')
  }
}

/** Go's String of a GroupVersionKind: "apps/v1, Kind=Deployment", "/v1, Kind=Pod" for the core group. */
function gvkText(patch: KubeObject): string {
  const { group, version, kind } = gvkOf(patch)
  return `${group}/${version}, Kind=${kind}`
}

/** As unstructured objects give it: empty for what is no text, and for a version that is none. */
function gvkOf(patch: KubeObject): { group: string; version: string; kind: string } {
  const { apiVersion, kind } = patch as { apiVersion?: unknown; kind?: unknown }
  const text = typeof apiVersion === 'string' ? apiVersion : ''
  if (text.split('/').length > 2) return { group: '', version: '', kind: '' }
  return { ...parseApiVersion(text), kind: typeof kind === 'string' ? kind : '' }
}

function typedPatchError({ patch }: ApplyContext, text: string): StatusError {
  const { namespace = '', name = '' } = patch.metadata ?? {}
  return unknownError(`failed to create typed patch object (${namespace}/${name}; ${gvkText(patch)}): ${text}`)
}

function liveValue({ live, schema, apiVersion, patch }: ApplyContext): TypedValue {
  if (live !== undefined) return typedObject(live, schema, apiVersion)
  const empty = emptyObject(schema, apiVersion, patch.kind)
  return { ...empty, value: { ...(empty.value as object), apiVersion, kind: patch.kind } }
}

/** The live managers; what an object without any holds is owned by "before-first-apply". */
function startManaged(context: ApplyContext, live: TypedValue): Managed {
  let managed: Managed
  try {
    managed = decodeManaged(context.live?.metadata.managedFields)
  } catch (error) {
    throw unknownError(`failed to decode managed fields: ${(error as Error).message}`)
  }
  if (managed.fields.size > 0 || context.live === undefined) return managed
  const { schema, apiVersion, subresource, now, patch } = context
  const id = managerIdentity({ manager: beforeFirstApply, operation: 'Update', apiVersion, subresource })
  const empty = emptyObject(schema, apiVersion, patch.kind)
  return recordUpdate(managed, empty, live, id, now, rulesOf(context))
}

type Outcome = ReturnType<typeof applyConfig>

/** kubectl may change what its client-side apply has set, as long as nobody touched it since. */
function applyOrMigrate(
  context: ApplyContext, live: TypedValue, config: TypedValue, managed: Managed, id: string, rules: Rules,
): Outcome {
  try {
    return applyConfig(live, config, managed.fields, id, context.force ?? false, rules)
  } catch (error) {
    if (!(error instanceof ConflictsError)) throw error
    const allowed = context.manager === 'kubectl' ? allowedByLastApplied(live, config) : undefined
    if (allowed === undefined) throw conflictStatus(error.conflicts)
    const rest = error.conflicts.filter(({ path }) => !hasPath(allowed, path))
    if (rest.length > 0) throw conflictStatus(rest)
    return applyConfig(live, config, managed.fields, id, true, rules)
  }
}

/** What the last-applied annotation states and the live object still has. */
function allowedByLastApplied(live: TypedValue, { type, apiVersion }: TypedValue): FieldSet | undefined {
  const text = (live.value as KubeObject).metadata?.annotations?.[lastAppliedAnnotation]
  if (!text || checkTyped(live.value, type).length > 0) return undefined
  let last: KubeObject
  try {
    last = JSON.parse(text) as KubeObject
  } catch {
    return undefined
  }
  if (last?.apiVersion !== apiVersion || checkTyped(last, type).length > 0) return undefined
  const { modified, added, removed } = compareTyped(last, live.value, type)
  return [modified, added, removed].reduce<FieldSet>(
    (set, other) => difference(set, other), toFieldSet(last, type) ?? emptyFieldSet,
  )
}

/** 409 with a cause for every conflict. */
function conflictStatus(conflicts: readonly Conflict[]): StatusError {
  return new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: conflictText(conflicts), reason: 'Conflict',
    details: {
      causes: conflicts.map(({ manager, path }) => ({
        reason: 'FieldManagerConflict', message: `conflict with ${managerText(manager)}`, field: pathText(path),
      })),
    },
    code: 409,
  })
}

function conflictText(conflicts: readonly Conflict[]): string {
  if (conflicts.length === 1) {
    const { manager, path } = conflicts[0]!
    return `Apply failed with 1 conflict: conflict with ${managerText(manager)}: ${pathText(path)}`
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => manager)
  const lines: string[] = []
  for (const manager of [...byManager.keys()].sort()) {
    lines.push(`conflicts with ${managerText(manager)}:`)
    for (const { path } of byManager.get(manager)!) lines.push(`- ${pathText(path)}`)
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

/** kubectl's annotation follows what it applies, so that client-side apply can be taken up again. */
function withLastApplied({ manager, patch }: ApplyContext, object: KubeObject): KubeObject {
  const annotations = object.metadata?.annotations
  if (manager !== 'kubectl' || !annotations?.[lastAppliedAnnotation]) return object
  const { [lastAppliedAnnotation]: _, ...own } = patch.metadata?.annotations ?? {}
  const applied = patch.metadata?.annotations ? { ...patch, metadata: { ...patch.metadata, annotations: own } } : patch
  const value = `${sortedJSON(applied)}\n`
  const next: Record<string, string> = { ...annotations, [lastAppliedAnnotation]: value }
  let size = 0
  for (const key of Object.keys(next)) size += Buffer.byteLength(key) + Buffer.byteLength(next[key]!)
  if (size > annotationsLimit) delete next[lastAppliedAnnotation]
  else if (annotations[lastAppliedAnnotation] === value) return object
  return { ...object, metadata: { ...object.metadata, annotations: next } }
}

/** JSON with keys in order, as Go writes maps. */
function sortedJSON(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(sortedJSON).join(',')}]`
  const entries = Object.entries(value).filter(([, item]) => item !== undefined).sort(([a], [b]) => compareText(a, b))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${sortedJSON(item)}`).join(',')}}`
}
