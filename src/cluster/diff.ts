/** What differs between two states of clusters, above all between two forks. */
import { type FieldDifference, differences } from '../api/meta/differences.ts'
import type { ServerSnapshot } from '../apiserver/server.ts'
import type { KeyValue } from '../apiserver/storage/store.ts'

export interface Difference {
  /** "pods/default/web-1", as in the store's keys. */
  readonly object: string
  readonly change: 'added' | 'removed' | 'changed'
  /** For changes: the fields that differ, by path. Bookkeeping (versions, field managers) is left out. */
  readonly fields?: readonly FieldDifference[]
}

const prefix = '/registry/'

/** From `before` to `after`, ordered by object. What both share is not looked at. */
export function diffSnapshots(before: ServerSnapshot, after: ServerSnapshot): Difference[] {
  const a = before.store.entries(prefix)
  const b = after.store.entries(prefix)
  const out: Difference[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const [left, right] = [a[i], b[j]]
    if (left !== undefined && (right === undefined || left.key < right.key)) {
      out.push({ object: nameOf(left), change: 'removed' })
      i++
    } else if (right !== undefined && (left === undefined || right.key < left.key)) {
      out.push({ object: nameOf(right), change: 'added' })
      j++
    } else {
      if (left !== right) {
        const fields = differences(decode(left!), decode(right!))
        if (fields.length > 0) out.push({ object: nameOf(left!), change: 'changed', fields })
      }
      i++
      j++
    }
  }
  return out
}

function nameOf({ key }: KeyValue): string {
  return key.slice(prefix.length)
}

function decode({ value }: KeyValue): unknown {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as unknown
}
