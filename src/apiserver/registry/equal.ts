/** Whether two JSON-shaped values are the same; an absent field and an undefined one are. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!jsonEqual(a[i], b[i])) return false
    return true
  }
  if (Array.isArray(b)) return false
  return recordsEqual(a as Record<string, unknown>, b as Record<string, unknown>)
}

function recordsEqual(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  for (const key in a) if (!jsonEqual(a[key], b[key])) return false
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}

/** Whether two stored objects differ in nothing but their resourceVersion. */
export function sameStored(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  for (const key in a) {
    if (key === 'metadata' ? !sameMetadata(a[key], b[key]) : !jsonEqual(a[key], b[key])) return false
  }
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}

/** The times of managed fields alone are no change either: who wrote the same again owns it since then. */
function sameMetadata(a: unknown, b: unknown): boolean {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  for (const key in left) {
    if (key === 'resourceVersion') continue
    if (key === 'managedFields' ? !sameManagers(left[key], right[key]) : !jsonEqual(left[key], right[key])) return false
  }
  for (const key in right) if (key !== 'resourceVersion' && right[key] !== undefined && left[key] === undefined) return false
  return true
}

function sameManagers(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((entry, i) => jsonEqual({ ...entry, time: '' }, { ...b[i], time: '' }))
}

/** The value at a dotted path, or undefined. */
export function atPath(object: unknown, path: string): unknown {
  let value = object
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
