/** Merges an applied value into a live one by type (structured-merge-diff typed/merge). Unchanged parts are shared. */
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { deduce } from './field-types.ts'
import type { FieldType, ListType, MapType } from './field-types.ts'
import { elementOf, fieldTypeAt, putField } from './typed.ts'

/** `applied` over `live`; undefined when nothing is left. */
export function mergeTyped(live: unknown, applied: unknown, type: FieldType): unknown {
  if (applied === undefined) return live
  if (live === undefined) return applied
  // When the sides are of different kinds the applied one decides.
  return mergeAs(live, applied, deduce(type, applied))
}

function mergeAs(live: unknown, applied: unknown, type: FieldType): unknown {
  if (type.map !== undefined) return mergeMaps(live, applied, type.map)
  if (type.scalar !== undefined) return applied
  return type.list === undefined ? undefined : mergeLists(live, applied, type.list)
}

const noFields: Fields = {}
const isEmpty = (fields: Fields): boolean => Object.keys(fields).length === 0

function mergeMaps(live: unknown, applied: unknown, type: MapType): unknown {
  const left = isFields(live) ? live : noFields
  const right = isFields(applied) ? applied : noFields
  if (type.atomic || (isEmpty(left) && isEmpty(right))) return applied
  const out: Record<string, unknown> = {}
  let changed = left === noFields
  for (const key of Object.keys(left)) {
    const next = Object.hasOwn(right, key) ? mergeTyped(left[key], right[key], fieldTypeAt(type, key)) : left[key]
    if (next !== left[key]) changed = true
    putField(out, key, next)
  }
  for (const key of Object.keys(right)) {
    if (Object.hasOwn(left, key) && left[key] !== undefined) continue
    if (right[key] !== undefined) changed = true
    putField(out, key, right[key])
  }
  if (!changed) return live
  return isEmpty(out) ? undefined : out
}

interface Indexed {
  readonly elements: readonly string[]
  /** The item of an element; null for elements that several items share. */
  readonly items: ReadonlyMap<string, unknown>
}

function index(list: readonly unknown[], type: ListType): Indexed {
  const elements: string[] = []
  const items = new Map<string, unknown>()
  for (const item of list) {
    const element = elementOf(type, item)
    items.set(element, items.has(element) ? null : item)
    elements.push(element)
  }
  return { elements, items }
}

function mergeLists(live: unknown, applied: unknown, type: ListType): unknown {
  const left: readonly unknown[] = Array.isArray(live) ? live : []
  const right: readonly unknown[] = Array.isArray(applied) ? applied : []
  if (type.atomic || (left.length === 0 && right.length === 0)) return applied
  const out = new ListMerger(left, right, type).run()
  if (out.length === left.length && out.every((item, i) => item === left[i])) return live
  return out.length === 0 ? undefined : out
}

/** Weaves two lists: applied items in their order, live ones where they stood between them. */
class ListMerger {
  private readonly left: readonly unknown[]
  private readonly type: ListType
  private readonly lhs: Indexed
  private readonly rhs: Indexed
  /** Elements of both lists in the applied order, that are still to come. */
  private readonly shared: string[]
  private readonly merged = new Set<string>()
  private readonly out: unknown[] = []

  constructor(left: readonly unknown[], right: readonly unknown[], type: ListType) {
    this.left = left
    this.type = type
    this.lhs = index(left, type)
    this.rhs = index(right, type)
    this.shared = this.rhs.elements.filter((element) => this.lhs.items.has(element)).reverse()
  }

  run(): unknown[] {
    const { elements: lefts } = this.lhs
    const { elements: rights } = this.rhs
    let l = 0
    let r = 0
    let nextShared = this.shared.pop()
    while (l < lefts.length || r < rights.length) {
      if (l < lefts.length && r < rights.length) {
        const element = lefts[l]!
        if (element === rights[r]) {
          this.both(element)
          l++
          r++
          nextShared = this.shared.pop()
          continue
        }
        if (this.rhs.items.has(element) && nextShared !== undefined && nextShared !== element) {
          l++
          continue
        }
      }
      if (l < lefts.length) {
        const element = lefts[l]!
        if (!this.rhs.items.has(element)) {
          this.put(this.left[l])
          l++
          continue
        }
        if (this.merged.has(element)) l++
      }
      if (r < rights.length) {
        const element = rights[r]!
        this.both(element)
        r++
        if (nextShared === element) nextShared = this.shared.pop()
      }
    }
    return this.out
  }

  private both(element: string): void {
    this.merged.add(element)
    this.put(mergeTyped(this.lhs.items.get(element), this.rhs.items.get(element), this.type.element))
  }

  private put(item: unknown): void {
    if (item !== undefined) this.out.push(item)
  }
}
