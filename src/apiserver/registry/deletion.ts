/**
 * What a delete request means for an object: pure. Upstream: apiserver/pkg/registry/rest/delete.go and the deletion
 * half of registry/generic/registry/store.go.
 */
import { conflict } from '../../api/meta/errors.ts'
import type { KubeObject, ObjectMeta } from '../../api/meta/object.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { ResourceDefinition } from '../resources/define.ts'

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: string
  readonly orphanDependents?: boolean
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

export type DeletionPlan =
  /** Remove it now. */
  | { readonly step: 'remove' }
  /** It is being deleted already, and these options change nothing. */
  | { readonly step: 'pending' }
  /** Store this first; then remove it if `remove`. */
  | { readonly step: 'mark'; readonly object: KubeObject; readonly remove: boolean }

const orphan = 'orphan'
const foreground = 'foregroundDeletion'

/** Throws 409 when the object is not the one that was meant. */
export function checkPreconditions(definition: ResourceDefinition, object: KubeObject, o: DeleteOptions): void {
  const { uid, resourceVersion } = o.preconditions ?? {}
  const { metadata } = object
  // Namespaces and definitions are deleted by roads of their own, which word it in their own way.
  const own = definition.prepareForDelete !== undefined
  const kind = { group: definition.group, resource: own ? definition.resource : definition.kind }
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(kind, metadata.name ?? '', own ? `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}` : `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(kind, metadata.name ?? '', own ? `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}` : `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`)
  }
}

/** Decides. `object` is the stored one and is not changed. */
export function planDeletion(definition: ResourceDefinition, object: KubeObject, o: DeleteOptions, now: number): DeletionPlan {
  checkPreconditions(definition, object, o)
  const grace = planGrace(definition, object, o, now)
  if (grace.pending) return { step: 'pending' }
  const metadata: ObjectMeta = { ...object.metadata, ...grace.changes }
  const finalizers = finalizersFor(definition, object.metadata, o)
  const changedFinalizers = !sameSet(finalizers, object.metadata.finalizers ?? [])
  if (changedFinalizers) metadata.finalizers = finalizers
  const held = finalizers.length > 0
  if (grace.graceful) {
    const seconds = metadata.deletionGracePeriodSeconds ?? 0
    return { step: 'mark', object: { ...object, metadata }, remove: !held && seconds === 0 }
  }
  if (!held) return { step: 'remove' }
  markAsDeleting(metadata, now)
  return { step: 'mark', object: { ...object, metadata }, remove: false }
}

interface Grace {
  readonly graceful: boolean
  readonly pending: boolean
  readonly changes: Partial<ObjectMeta>
}

const notGraceful: Grace = { graceful: false, pending: false, changes: {} }

function planGrace(definition: ResourceDefinition, object: KubeObject, o: DeleteOptions, now: number): Grace {
  if (definition.gracefulDeletion === undefined) return notGraceful
  const { metadata } = object
  const requested = o.gracePeriodSeconds === undefined ? undefined : o.gracePeriodSeconds < 0 ? 1 : o.gracePeriodSeconds
  if (metadata.deletionTimestamp) return shorten(metadata, requested, now)
  const seconds = definition.gracefulDeletion(object, requested)
  if (seconds === undefined) return notGraceful
  return {
    graceful: true, pending: false,
    changes: {
      deletionTimestamp: formatTime(now + seconds * 1000), deletionGracePeriodSeconds: seconds,
      ...(metadata.generation ? { generation: metadata.generation + 1 } : {}),
    },
  }
}

/** Of a deletion under way the grace can only become shorter. */
function shorten(metadata: ObjectMeta, requested: number | undefined, now: number): Grace {
  const current = metadata.deletionGracePeriodSeconds ?? 0
  if (current === 0) return notGraceful
  if (requested === undefined || requested >= current) return { graceful: false, pending: true, changes: {} }
  let seconds = requested
  let at = Date.parse(metadata.deletionTimestamp!) - current * 1000 + seconds * 1000
  if (at < now) {
    at = now
    if (seconds !== 0) seconds = 1
  }
  return { graceful: true, pending: false, changes: { deletionTimestamp: formatTime(at), deletionGracePeriodSeconds: seconds } }
}

function markAsDeleting(metadata: ObjectMeta, now: number): void {
  if (!metadata.deletionTimestamp && metadata.generation) metadata.generation += 1
  if (!metadata.deletionTimestamp || Date.parse(metadata.deletionTimestamp) > now) metadata.deletionTimestamp = formatTime(now)
  metadata.deletionGracePeriodSeconds = 0
}

/** The object's finalizers with those of the garbage collector as the options want them. */
export function finalizersFor(definition: ResourceDefinition, metadata: ObjectMeta, o: DeleteOptions): string[] {
  const current = metadata.finalizers ?? []
  const policy = definition.defaultDeletionPropagation ?? 'Background'
  if (policy === 'Unsupported') return [...current]
  const out = current.filter((f) => f !== orphan && f !== foreground)
  if (wants(orphan, current, o) ?? policy === 'Orphan') out.push(orphan)
  if (wants(foreground, current, o) ?? false) out.push(foreground)
  return out
}

/** What options or the object's own finalizers say; undefined: nothing. */
function wants(finalizer: string, current: readonly string[], o: DeleteOptions): boolean | undefined {
  if (o.orphanDependents !== undefined) return finalizer === orphan && o.orphanDependents
  if (o.propagationPolicy !== undefined) return o.propagationPolicy === (finalizer === orphan ? 'Orphan' : 'Foreground')
  for (const f of current) {
    if (f === orphan) return finalizer === orphan
    if (f === foreground) return finalizer === foreground
  }
  return undefined
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}

/** Whether an update that leaves the object like this completes a deletion that finalizers had held up. */
export function completesDeletion(definition: ResourceDefinition, next: KubeObject, old: KubeObject): boolean {
  if ((next.metadata.finalizers ?? []).length > 0 || !old.metadata.deletionTimestamp) return false
  if ((definition.deletionFinalizers?.(next).length ?? 0) > 0) return false
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0
}
