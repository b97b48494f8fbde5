/** How two values of one type differ, field by field (structured-merge-diff typed/compare). */
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { deduce } from './field-types.ts'
import type { FieldType, ListType, MapType } from './field-types.ts'
import { emptyFieldSet, fieldNode, leafNode } from './fieldset.ts'
import type { FieldNode, FieldSet, FieldSetBuilder } from './fieldset.ts'
import { elementOf, fieldTypeAt, valuesEqual } from './typed.ts'

export interface Comparison {
  readonly removed: FieldSet
  readonly modified: FieldSet
  readonly added: FieldSet
}

/** What of `right` is added, changed or lacking beside `left`. */
export function compareTyped(left: unknown, right: unknown, type: FieldType): Comparison {
  const sink = new Sink()
  compareValues(left, right, type, sink)
  return {
    removed: sink.removed?.children ?? emptyFieldSet, modified: sink.modified?.children ?? emptyFieldSet,
    added: sink.added?.children ?? emptyFieldSet,
  }
}

/** What was found at one place; a parent puts it under the element of the place. */
class Sink {
  removed: FieldNode | undefined
  modified: FieldNode | undefined
  added: FieldNode | undefined
}

type Side = 'removed' | 'modified' | 'added'

class Children {
  private removed: FieldSetBuilder | undefined
  private modified: FieldSetBuilder | undefined
  private added: FieldSetBuilder | undefined

  put(side: Side, element: string, node: FieldNode | undefined): void {
    if (node !== undefined) (this[side] ??= new Map()).set(element, node)
  }

  take(element: string, sink: Sink): void {
    this.put('removed', element, sink.removed)
    this.put('modified', element, sink.modified)
    this.put('added', element, sink.added)
  }

  /** Adds what was gathered to what the place itself has. */
  into(sink: Sink): void {
    if (this.removed !== undefined) sink.removed = fieldNode(sink.removed?.member ?? false, this.removed)
    if (this.modified !== undefined) sink.modified = fieldNode(sink.modified?.member ?? false, this.modified)
    if (this.added !== undefined) sink.added = fieldNode(sink.added?.member ?? false, this.added)
  }
}

function compareValues(left: unknown, right: unknown, type: FieldType, sink: Sink): void {
  if (left === right) return
  if (left === undefined) {
    sink.added = wholeNode(right, type)
    return
  }
  if (right === undefined) {
    sink.removed = wholeNode(left, type)
    return
  }
  const leftType = deduce(type, left)
  const rightType = deduce(type, right)
  if (leftType !== rightType) compareAs(left, right, leftType, sink)
  compareAs(left, right, rightType, sink)
}

/** Everything that one side alone has: the place, and all below it that is not inside an atom. */
function wholeNode(value: unknown, open: FieldType): FieldNode {
  const type = deduce(open, value)
  if (type.map !== undefined) {
    if (type.map.atomic || !isFields(value)) return leafNode
    const children: FieldSetBuilder = new Map()
    for (const key of Object.keys(value)) {
      if (value[key] !== undefined) children.set(`f:${key}`, wholeNode(value[key], fieldTypeAt(type.map, key)))
    }
    return children.size === 0 ? leafNode : { member: true, children }
  }
  if (type.scalar !== undefined || type.list === undefined || type.list.atomic || !Array.isArray(value)) return leafNode
  const children: FieldSetBuilder = new Map()
  const list = type.list
  for (const item of value) {
    const element = elementOf(list, item)
    children.set(element, children.has(element) ? leafNode : wholeNode(item, list.element))
  }
  return children.size === 0 ? leafNode : { member: true, children }
}

function compareAs(left: unknown, right: unknown, type: FieldType, sink: Sink): void {
  if (type.map !== undefined) compareMaps(left, right, type.map, sink)
  else if (type.scalar !== undefined) compareLeaves(left, right, sink)
  else if (type.list !== undefined) compareLists(left, right, type.list, sink)
}

function compareLeaves(left: unknown, right: unknown, sink: Sink): void {
  if (!valuesEqual(left, right)) sink.modified = fieldNode(true, sink.modified?.children)
}

const noFields: Fields = {}

function compareMaps(left: unknown, right: unknown, type: MapType, sink: Sink): void {
  const before = isFields(left) ? left : noFields
  const after = isFields(right) ? right : noFields
  const beforeKeys = Object.keys(before)
  const afterKeys = Object.keys(after)
  if (type.atomic || (beforeKeys.length === 0 && afterKeys.length === 0)) return compareLeaves(left, right, sink)
  const children = new Children()
  for (const key of beforeKeys) {
    const was = before[key]
    const is = Object.hasOwn(after, key) ? after[key] : undefined
    if (was !== undefined && was !== is) compareBelow(`f:${key}`, was, is, fieldTypeAt(type, key), children)
  }
  for (const key of afterKeys) {
    const is = after[key]
    if (is !== undefined && (!Object.hasOwn(before, key) || before[key] === undefined)) {
      children.put('added', `f:${key}`, wholeNode(is, fieldTypeAt(type, key)))
    }
  }
  children.into(sink)
}

function compareBelow(element: string, left: unknown, right: unknown, type: FieldType, children: Children): void {
  const sink = new Sink()
  compareValues(left, right, type, sink)
  children.take(element, sink)
}

function index(list: readonly unknown[], type: ListType): Map<string, unknown[]> {
  const items = new Map<string, unknown[]>()
  for (const item of list) {
    const element = elementOf(type, item)
    const same = items.get(element)
    if (same === undefined) items.set(element, [item])
    else same.push(item)
  }
  return items
}

function compareLists(left: unknown, right: unknown, type: ListType, sink: Sink): void {
  const before: readonly unknown[] = Array.isArray(left) ? left : []
  const after: readonly unknown[] = Array.isArray(right) ? right : []
  if (type.atomic || (before.length === 0 && after.length === 0)) return compareLeaves(left, right, sink)
  const were = index(before, type)
  const are = index(after, type)
  const children = new Children()
  for (const [element, was] of were) compareItems(element, was, are.get(element) ?? [], type, children)
  for (const [element, is] of are) if (!were.has(element)) compareItems(element, [], is, type, children)
  children.into(sink)
}

/** Items that share an element on one side are one field there. */
function compareItems(
  element: string, was: readonly unknown[], is: readonly unknown[], type: ListType, children: Children,
): void {
  if (was.length <= 1 && is.length <= 1) compareBelow(element, was[0], is[0], type.element, children)
  else if (was.length >= 2 && is.length >= 2) {
    if (!valuesEqual(was, is)) children.put('modified', element, leafNode)
  } else if (was.length >= 2) {
    if (is.length === 1) children.put('added', element, wholeNode(is[0], type.element))
    children.put('removed', element, leafNode)
  } else {
    if (was.length === 1) children.put('removed', element, wholeNode(was[0], type.element))
    children.put('added', element, leafNode)
  }
}
