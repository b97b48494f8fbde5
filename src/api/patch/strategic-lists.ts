/** How strategic merge patch merges lists: by merge key or as sets of scalars, in the patch's order. */
import { unknownError } from '../meta/errors.ts'
import { goValue } from '../meta/go-text.ts'
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { badArgType, listOfLists, noMergeKey } from './strategic-errors.ts'

type List = readonly unknown[]
type MergeMaps = (original: Fields, patch: Fields) => Fields

/** What the elements of the lists are, all alike; throws when they differ or there are none. */
export function elementKind(...lists: List[]): 'map' | 'scalar' {
  let kind: string | undefined
  for (const list of lists) {
    for (const item of list) {
      const next = item === null ? 'null' : Array.isArray(item) ? 'list' : typeof item
      if (kind === undefined && next === 'list') throw listOfLists()
      if (kind !== undefined && next !== kind) {
        throw unknownError(`list element types are not identical: ${goValue(lists)}`)
      }
      kind = next
    }
  }
  if (kind === undefined) throw unknownError('no elements in any of the given slices')
  return kind === 'object' ? 'map' : 'scalar'
}

/** A list merged with its patch, or with the scalars in the patch taken out of it. */
export function mergeList(
  original: List, patch: List, mergeKey: string, deleting: boolean, mergeMaps: MergeMaps,
): List {
  if (original.length === 0 && patch.length === 0) return original
  if (elementKind(original, patch) === 'scalar') {
    if (deleting) return original.filter((item) => !patch.includes(item))
    return inOrder([...new Set([...original, ...patch])], patch, original, (item) => item)
  }
  if (mergeKey === '') throw unknownError('cannot merge lists without merge key for struct')
  const special = applySpecialElements(original, patch as readonly Fields[], mergeKey)
  const merged = mergeElements(special.original, special.patch, mergeKey, mergeMaps)
  return orderByKey(merged, special.patch, special.original, mergeKey)
}

interface Special {
  readonly original: List
  readonly patch: readonly Fields[]
}

/** Elements that carry a $patch directive: deletions by key, or the replacement of the whole list. */
function applySpecialElements(original: List, patch: readonly Fields[], mergeKey: string): Special {
  const plain: Fields[] = []
  let left = original
  let replace = false
  for (const element of patch) {
    if (!Object.hasOwn(element, '$patch')) {
      plain.push(element)
      continue
    }
    const directive = element['$patch']
    if (directive === 'delete') {
      if (!Object.hasOwn(element, mergeKey)) throw noMergeKey(element, mergeKey)
      left = left.filter((item, i) => mapAt(item, i)[mergeKey] !== element[mergeKey])
    } else if (directive === 'replace') replace = true
    else if (directive === 'merge') throw unknownError('merging lists cannot yet be specified in the patch')
    else throw unknownError(`unknown patch type: ${goValue(directive)} in map: ${goValue(element)}`)
  }
  return replace ? { original: plain, patch: [] } : { original: left, patch: plain }
}

function mapAt(item: unknown, index: number): Fields {
  if (!isFields(item)) throw unknownError(`value for key ${index} is not a map`)
  return item
}

function mergeElements(original: List, patch: readonly Fields[], mergeKey: string, mergeMaps: MergeMaps): List {
  const out = [...original]
  for (const element of patch) {
    if (!Object.hasOwn(element, mergeKey)) throw noMergeKey(element, mergeKey)
    const at = out.findIndex((item, i) => {
      const map = mapAt(item, i)
      return Object.hasOwn(map, mergeKey) && map[mergeKey] === element[mergeKey]
    })
    if (at < 0) out.push(element)
    else out[at] = mergeMaps(out[at] as Fields, element)
  }
  return out
}

/** The merged list in the order of $setElementOrder. */
export function orderedList(merged: List, original: List, patch: List, order: List, mergeKey: string): List {
  const kind = elementKind(original, patch)
  return kind === 'scalar' || mergeKey === '' ? inOrder(merged, order, original, (item) => item)
    : orderByKey(merged, order, orderLeftBehind(original, patch, mergeKey), mergeKey)
}

/**
 * The server's order as upstream has it once it has merged: deletions close up in the same memory and new elements are
 * written where deleted ones made room, so that they count as standing there. Clients see that order.
 */
function orderLeftBehind(original: List, patch: List, mergeKey: string): List {
  const slots = [...original] as Fields[]
  let used = slots.length
  const elements = patch as readonly Fields[]
  for (const element of elements) {
    if (element['$patch'] !== 'delete') continue
    for (let at = 0; at < used; at++) {
      if (slots[at]![mergeKey] !== element[mergeKey]) continue
      slots.copyWithin(at, at + 1, used)
      used--
      at--
    }
  }
  if (elements.some((element) => element['$patch'] === 'replace')) return slots
  for (const element of elements) {
    if (Object.hasOwn(element, '$patch') || slots.slice(0, used).some((item) => item[mergeKey] === element[mergeKey])) {
      continue
    }
    if (used === slots.length) break
    slots[used++] = element
  }
  return slots
}

function orderByKey(merged: List, order: List, original: List, mergeKey: string): List {
  for (const list of [merged, order, original]) {
    for (const item of list) {
      if (!isFields(item)) throw unknownError(badArgType('map[string]interface {}', item))
      if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey)
    }
  }
  return inOrder(merged, order, original, (item) => (item as Fields)[mergeKey])
}

/** Items of the patch in its order and others in theirs, woven by where the server had them. */
function inOrder(merged: List, order: List, original: List, key: (item: unknown) => unknown): List {
  const orderAt = places(order, key)
  const serverAt = places(original, key)
  const sorted = (list: unknown[], by: ReadonlyMap<unknown, number>): unknown[] =>
    list.sort((a, b) => (by.get(key(a)) ?? Infinity) - (by.get(key(b)) ?? Infinity) || 0)
  const patched = sorted(merged.filter((item) => orderAt.has(key(item))), orderAt)
  const others = sorted(merged.filter((item) => !orderAt.has(key(item))), serverAt)
  const out: unknown[] = []
  let i = 0
  let j = 0
  while (i < others.length || j < patched.length) {
    if (i >= others.length) out.push(patched[j++])
    else if (j >= patched.length) out.push(others[i++])
    else {
      const left = serverAt.get(key(others[i]))
      const right = serverAt.get(key(patched[j]))
      out.push(left !== undefined && right !== undefined && left < right ? others[i++] : patched[j++])
    }
  }
  return out
}

function places(list: List, key: (item: unknown) => unknown): ReadonlyMap<unknown, number> {
  const out = new Map<unknown, number>()
  list.forEach((item, i) => {
    if (!out.has(key(item))) out.set(key(item), i)
  })
  return out
}
