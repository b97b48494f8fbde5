/** Which fields of two objects differ. */
export interface FieldDifference {
  /** "spec.replicas" */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** Lists are compared as a whole. Paths in `without` are left out. */
export function differences(before: unknown, after: unknown, without: ReadonlySet<string> = bookkeeping): FieldDifference[] {
  const out: FieldDifference[] = []
  const walk = (path: string, left: unknown, right: unknown): void => {
    if (left === right || without.has(path)) return
    if (isRecord(left) && isRecord(right)) {
      for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) walk(path === '' ? name : `${path}.${name}`, left[name], right[name])
    } else if (JSON.stringify(left) !== JSON.stringify(right)) out.push({ path, before: left, after: right })
  }
  walk('', before, after)
  return out
}

const bookkeeping: ReadonlySet<string> = new Set(['metadata.resourceVersion', 'metadata.managedFields'])

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
