/** The difference of two pod statuses as a strategic merge patch. Pure. */
import type { PodStatus } from '../../api/generated/types/core-v1.ts'

/** Not the kubelet's: never patched. */
const foreign: ReadonlySet<string> = new Set(['nominatedNodeName', 'resourceClaimStatuses', 'extendedResourceClaimStatus', 'nodeAllocatableResourceClaimStatuses', 'resize'])

/** Lists that the API server merges by a key: what is gone must be named. */
const mergeKeys: Readonly<Record<string, string>> = { podIPs: 'ip', hostIPs: 'ip', conditions: 'type' }

/** undefined when nothing differs. */
export function diffStatus(old: PodStatus, next: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {}
  const before = old as Record<string, unknown>
  const after = next as Record<string, unknown>
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (foreign.has(field) || same(before[field], after[field])) continue
    const key = mergeKeys[field]
    patch[field] = key === undefined ? (after[field] ?? null) : mergedList(key, before[field], after[field])
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

function mergedList(key: string, before: unknown, after: unknown): unknown {
  const asList = (value: unknown) => (value ?? []) as Record<string, unknown>[]
  const kept = new Set(asList(after).map((item) => item[key]))
  const gone = asList(before).filter((item) => !kept.has(item[key])).map((item) => ({ [key]: item[key], $patch: 'delete' }))
  const changed = asList(after).filter((item) => !asList(before).some((old) => same(old, item)))
  return [...changed.map((item) => withNulls(asList(before).find((old) => old[key] === item[key]), item)), ...gone]
}

/** Fields that an item has lost are taken away by null. */
function withNulls(old: Record<string, unknown> | undefined, item: Record<string, unknown>): Record<string, unknown> {
  const nulls = Object.keys(old ?? {}).filter((field) => item[field] === undefined && old![field] !== null).map((field) => [field, null])
  return { ...Object.fromEntries(nulls) as Record<string, unknown>, ...item }
}

export function sameStatus(a: PodStatus, b: PodStatus): boolean {
  return same(a, b)
}

/** Deep equality where an absent, an undefined and a null field are the same, and so are empty lists and maps. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isEmpty(a) && isEmpty(b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const field of new Set([...Object.keys(left), ...Object.keys(right)])) if (!same(left[field], right[field])) return false
  return true
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return Array.isArray(value) && value.length === 0
}
