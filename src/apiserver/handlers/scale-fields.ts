/**
 * Managed fields between an object and its Scale: of everything that managers own, a Scale shows the replica count.
 * Upstream: apimachinery/pkg/util/managedfields/scalehandler.go.
 */
import { sortManagedFields } from '../../api/apply/managers.ts'
import type { ManagedFieldsEntry } from '../../api/meta/object.ts'

type Fields = Readonly<Record<string, unknown>>

const replicasOfScale = { 'f:spec': { 'f:replicas': {} } }
const scaleVersion = 'autoscaling/v1'

/** The entries of those who own the replica count ("spec.replicas" in the object), as entries of its Scale. */
export function toScaleFields(entries: readonly ManagedFieldsEntry[], specReplicas: string): ManagedFieldsEntry[] {
  const path = fieldPath(specReplicas)
  return entries.filter((entry) => owns(entry.fieldsV1, path))
    .map((entry) => ({ ...entry, apiVersion: scaleVersion, fieldsV1: replicasOfScale }))
}

/** The object's entries after a write to its Scale that left these owners of the replica count. */
export function fromScaleFields(
  entries: readonly ManagedFieldsEntry[], owners: readonly ManagedFieldsEntry[], specReplicas: string, apiVersion: string,
): ManagedFieldsEntry[] {
  const path = fieldPath(specReplicas)
  const left = new Map(owners.map((owner) => [identity(owner), owner]))
  const out: ManagedFieldsEntry[] = []
  for (const entry of entries) {
    if (!owns(entry.fieldsV1, path)) {
      out.push(entry)
    } else if (left.delete(identity(entry))) {
      out.push(entry)
    } else {
      const fieldsV1 = without(entry.fieldsV1 ?? {}, path)
      if (fieldsV1 !== undefined) out.push({ ...entry, fieldsV1 })
    }
  }
  for (const { time: _, ...owner } of left.values()) out.push({ ...owner, apiVersion, fieldsV1: nested(path) })
  // A new owner has no time, as upstream.
  return sortManagedFields(out)
}

function identity({ manager = '', operation, subresource = '' }: ManagedFieldsEntry): string {
  return JSON.stringify([manager, operation, subresource])
}

function fieldPath(dotted: string): string[] {
  return dotted.split('.').map((name) => `f:${name}`)
}

function owns(fields: Fields | undefined, path: readonly string[]): boolean {
  let at: unknown = fields
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return false
    at = (at as Fields)[step]
  }
  return at !== undefined
}

/** The fields without the path and without what it leaves empty. */
function without(fields: Fields, [step, ...rest]: readonly string[]): Record<string, unknown> | undefined {
  const { [step!]: inner, ...others } = fields
  const left = rest.length === 0 || inner === undefined ? undefined : without(inner as Fields, rest)
  const out = left === undefined ? others : { ...others, [step!]: left }
  return Object.keys(out).length === 0 ? undefined : out
}

function nested(path: readonly string[]): Record<string, unknown> {
  return path.toReversed().reduce<Record<string, unknown>>((inner, step) => ({ [step]: inner }), {})
}
