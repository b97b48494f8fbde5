/** Takes fields out of a value by type (structured-merge-diff typed/remove). Unchanged parts are shared. */
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { deduce, deduced } from './field-types.ts'
import type { FieldType, ListType, MapType } from './field-types.ts'
import { emptyFieldSet, insertPath, keyNamesOf, pathsOf, hasPath, union } from './fieldset.ts'
import type { FieldNode, FieldSet, FieldSetBuilder } from './fieldset.ts'
import { elementOf, fieldTypeAt, putField, toFieldSet } from './typed.ts'

/** The value without the fields of the set; null where a list or map has nothing left. */
export function removeItems(value: unknown, items: FieldSet, type: FieldType): unknown {
  return items.size === 0 ? value : take(value, items, type, false)
}

/** Only the fields of the set, with the key fields of list items on the way. */
export function extractItems(value: unknown, items: FieldSet, type: FieldType): unknown {
  const present = toFieldSet(value, type)
  const keys: FieldSetBuilder = new Map()
  for (const path of pathsOf(items)) {
    if (!hasPath(present, path)) continue
    path.forEach((element, i) => {
      for (const name of keyNamesOf(element)) insertPath(keys, [...path.slice(0, i + 1), `f:${name}`])
    })
  }
  return take(value, union(items, keys), type, true)
}

function take(value: unknown, items: FieldSet, open: FieldType, extract: boolean): unknown {
  const type = deduce(open, value)
  if (type.map !== undefined) return isFields(value) ? takeFromMap(value, items, type.map, extract) : null
  if (type.scalar !== undefined) return value
  if (type.list !== undefined) return Array.isArray(value) ? takeFromList(value, items, type.list, extract) : null
  return null
}

function takeFromMap(map: Fields, items: FieldSet, type: MapType, extract: boolean): unknown {
  const keys = Object.keys(map)
  if (keys.length === 0 || type.atomic) return extract ? map : null
  const out: Record<string, unknown> = {}
  let changed = false
  let some = false
  for (const key of keys) {
    const next = takeField(map[key], items.get(`f:${key}`), fieldTypeAt(type, key), extract, items)
    if (next !== map[key]) changed = true
    if (next === undefined) continue
    some = true
    putField(out, key, next)
  }
  if (!changed) return map
  return some ? out : null
}

function takeField(
  value: unknown, node: FieldNode | undefined, type: FieldType, extract: boolean, items: FieldSet,
): unknown {
  // Upstream goes on with the whole set here, so that of a member that is extracted nothing more is asked.
  if (node?.member) return extract ? take(value, items, type, true) : undefined
  if (node?.children !== undefined) return take(value, node.children, type, extract)
  return extract ? undefined : value
}

function takeFromList(list: readonly unknown[], items: FieldSet, type: ListType, extract: boolean): unknown {
  if (list.length === 0 || type.atomic) return extract ? list : null
  const out: unknown[] = []
  let changed = false
  for (const item of list) {
    const node = items.get(elementOf(type, item))
    if (extract ? node === undefined : node?.member === true) {
      changed = true
      continue
    }
    const next = node?.children === undefined ? item : take(item, node.children, type.element, extract)
    if (next !== item) changed = true
    out.push(next)
  }
  if (!changed) return list
  return out.length === 0 ? null : out
}

/** The set with every declared field on the way to a member as a member too. */
export function ensureNamedFieldsAreMembers(set: FieldSet, type: FieldType | undefined): FieldSet {
  const out: FieldSetBuilder = new Map()
  for (const [element, node] of set) {
    if (node.children === undefined) {
      out.set(element, node)
      continue
    }
    const field = element.startsWith('f:') ? type?.map?.field(element.slice(2)) : undefined
    const below = ensureNamedFieldsAreMembers(node.children, typeBelow(type, element))
    out.set(element, { member: node.member || field !== undefined, children: below })
  }
  return out
}

function typeBelow(type: FieldType | undefined, element: string): FieldType | undefined {
  if (element.startsWith('f:')) {
    return type?.map === undefined ? undefined : type.map.field(element.slice(2)) ?? type.map.element
  }
  return element.startsWith('k:') ? type?.list?.element : undefined
}

/** A set whose paths go into what the schema now has as one field, brought up to that field. */
export function reconcileWithSchema(set: FieldSet, type: FieldType): FieldSet {
  return reconcile({ member: false, children: set }, type).children ?? emptyFieldSet
}

function reconcile(node: FieldNode, type: FieldType): FieldNode {
  const { children } = node
  if (children === undefined) return node
  if (type.map !== undefined) {
    if (isDeduced(type.map)) return node
    if (type.map.atomic) return { member: true, children: undefined }
    const map = type.map
    return reconcileBelow(node, children, (element) =>
      element.startsWith('f:') ? map.field(element.slice(2)) ?? map.element : map.element)
  }
  if (type.scalar !== undefined || type.list === undefined) return node
  if (type.list.atomic) return { member: true, children: undefined }
  const list = type.list
  return reconcileBelow(node, children, () => list.element)
}

const isDeduced = (map: MapType): boolean => map.element === deduced && !map.declares

function reconcileBelow(
  node: FieldNode, children: FieldSet, typeOf: (element: string) => FieldType | undefined,
): FieldNode {
  let out: FieldSetBuilder | undefined
  for (const [element, child] of children) {
    if (child.children === undefined) continue
    const type = typeOf(element)
    const next = type === undefined ? child : reconcile(child, type)
    if (next === child) continue
    out ??= new Map(children)
    out.set(element, next)
  }
  return out === undefined ? node : { member: node.member, children: out }
}
