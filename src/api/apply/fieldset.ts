/**
 * Sets of field paths (structured-merge-diff fieldpath). A path is a row of elements in their FieldsV1 form: "f:name" a
 * field, `k:{"name":"web"}` a list item by its keys, `v:"a"` one by value, "i:0" one by index. Sets are immutable once
 * built: operations answer an operand itself when nothing changes, so that unchanged sets keep their encoded form.
 */
import { goJSON, goQuote, goNumber } from '../meta/go-text.ts'

export interface FieldNode {
  /** The path itself is in the set. */
  readonly member: boolean
  readonly children: FieldSet | undefined
}

/** Elements and what is below them. Never holds an element that is no member and has no children. */
export type FieldSet = ReadonlyMap<string, FieldNode>
export type FieldSetBuilder = Map<string, FieldNode>

export const emptyFieldSet: FieldSet = new Map()
export const leafNode: FieldNode = { member: true, children: undefined }

/** FieldsV1 on the wire. */
export type FieldsV1 = { readonly [element: string]: FieldsV1 | Record<string, never> }

/** A node, or undefined when it would say nothing. */
export function fieldNode(member: boolean, children: FieldSet | undefined): FieldNode | undefined {
  const some = children !== undefined && children.size > 0 ? children : undefined
  if (some === undefined) return member ? leafNode : undefined
  return { member, children: some }
}

/** Puts a path into a set that is being built. */
export function insertPath(set: FieldSetBuilder, path: readonly string[]): void {
  let at = set
  for (let i = 0; i < path.length; i++) {
    const element = path[i]!
    const node = at.get(element)
    if (i === path.length - 1) {
      if (node === undefined) at.set(element, leafNode)
      else if (!node.member) at.set(element, { member: true, children: node.children })
      return
    }
    const children: FieldSetBuilder = new Map(node?.children)
    at.set(element, { member: node?.member ?? false, children })
    at = children
  }
}

/** The set of dotted field paths such as "metadata.labels". */
export function fieldSetOf(paths: readonly string[]): FieldSet {
  const set: FieldSetBuilder = new Map()
  for (const path of paths) insertPath(set, path.split('.').map((name) => `f:${name}`))
  return set
}

export function hasPath(set: FieldSet, path: readonly string[]): boolean {
  let at: FieldSet | undefined = set
  for (let i = 0; i < path.length - 1; i++) at = at?.get(path[i]!)?.children
  return at?.get(path.at(-1)!)?.member ?? false
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || b.size === 0) return a
  if (a.size === 0) return b
  let out: FieldSetBuilder | undefined
  for (const [element, right] of b) {
    const left = a.get(element)
    if (left === right) continue
    const next = left === undefined ? right : unionNodes(left, right)
    if (next === left) continue
    out ??= new Map(a)
    out.set(element, next)
  }
  return out ?? a
}

function unionNodes(a: FieldNode, b: FieldNode): FieldNode {
  const children = a.children === undefined ? b.children : b.children === undefined ? a.children : union(a.children, b.children)
  const member = a.member || b.member
  if (member === a.member && children === a.children) return a
  return { member, children }
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a
  const out: FieldSetBuilder = new Map()
  for (const [element, left] of a) {
    const right = b.get(element)
    if (right === undefined) continue
    const below = left.children !== undefined && right.children !== undefined
      ? intersection(left.children, right.children) : undefined
    const node = fieldNode(left.member && right.member, below)
    if (node !== undefined) out.set(element, node)
  }
  return out
}

/** What of `a` is not in `b`; paths below a member of `b` stay unless they are members themselves. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, (left, right) => {
    const below = left.children !== undefined && right.children !== undefined
      ? difference(left.children, right.children) : left.children
    return keep(left, left.member && !right.member, below)
  })
}

/** What of `a` is neither in `b` nor below a member of `b`. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, (left, right) => {
    if (right.member) return undefined
    const below = left.children !== undefined && right.children !== undefined
      ? recursiveDifference(left.children, right.children) : left.children
    return keep(left, left.member, below)
  })
}

function keep(node: FieldNode, member: boolean, children: FieldSet | undefined): FieldNode | undefined {
  return member === node.member && children === node.children ? node : fieldNode(member, children)
}

function subtract(
  a: FieldSet, b: FieldSet, rest: (left: FieldNode, right: FieldNode) => FieldNode | undefined,
): FieldSet {
  if (b.size === 0 || a.size === 0) return a
  let out: FieldSetBuilder | undefined
  for (const [element, left] of a) {
    const right = b.get(element)
    if (right === undefined) continue
    const next = rest(left, right)
    if (next === left) continue
    out ??= new Map(a)
    if (next === undefined) out.delete(element)
    else out.set(element, next)
  }
  return out ?? a
}

export function fieldSetsEqual(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [element, left] of a) {
    const right = b.get(element)
    if (right === undefined || left.member !== right.member) return false
    if (!fieldSetsEqual(left.children ?? emptyFieldSet, right.children ?? emptyFieldSet)) return false
  }
  return true
}

/** Every member's path, in upstream's order: members of a level first, then what is below it. */
export function* pathsOf(set: FieldSet, prefix: readonly string[] = []): Generator<readonly string[]> {
  const elements = sortedElements(set)
  for (const element of elements) if (set.get(element)!.member) yield [...prefix, element]
  for (const element of elements) {
    const below = set.get(element)!.children
    if (below !== undefined) yield* pathsOf(below, [...prefix, element])
  }
}

// ---- elements

type KeyFields = readonly (readonly [string, unknown])[]
type Parsed = { readonly rank: 1; readonly fields: KeyFields } | { readonly rank: 2; readonly value: unknown }

const parsedElements = new Map<string, Parsed>()
const parsedLimit = 8192

/** The content of a "k:" or "v:" element. Throws SyntaxError when it is no JSON. */
function parseElement(element: string): Parsed {
  const known = parsedElements.get(element)
  if (known !== undefined) return known
  const value: unknown = JSON.parse(element.slice(2))
  const parsed: Parsed = element.startsWith('k:')
    ? { rank: 1, fields: Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1)) }
    : { rank: 2, value }
  if (parsedElements.size >= parsedLimit) parsedElements.clear()
  parsedElements.set(element, parsed)
  return parsed
}

/** The element of a list item that is known by keys; fields must be sorted by name. */
export function keyElement(fields: readonly (readonly [string, unknown])[]): string {
  let out = 'k:{'
  for (let i = 0; i < fields.length; i++) {
    out += `${i === 0 ? '' : ','}${goJSON(fields[i]![0])}:${goJSON(fields[i]![1])}`
  }
  return `${out}}`
}

export function valueElement(value: unknown): string {
  return `v:${goJSON(value)}`
}

const rankOf = (element: string): number => {
  switch (element.charCodeAt(0)) {
    case 102: return 0
    case 107: return 1
    case 118: return 2
    default: return 3
  }
}

function typeRank(value: unknown): number {
  if (typeof value === 'number') return 0
  if (typeof value === 'string') return 1
  if (typeof value === 'boolean') return 2
  if (Array.isArray(value)) return 3
  return value === null ? 5 : 4
}

function compareValues(a: unknown, b: unknown): number {
  const rank = typeRank(a) - typeRank(b)
  if (rank !== 0) return rank
  if (a === b) return 0
  if (typeof a === 'object') {
    const x = JSON.stringify(a)
    const y = JSON.stringify(b)
    return x < y ? -1 : x > y ? 1 : 0
  }
  return (a as string) < (b as string) ? -1 : 1
}

/** Upstream's order of elements: fields, keys, values, indices; each by content. */
export function compareElements(a: string, b: string): number {
  if (a === b) return 0
  const rank = rankOf(a) - rankOf(b)
  if (rank !== 0) return rank
  if (a.startsWith('f:')) return a < b ? -1 : 1
  if (a.startsWith('i:')) return Number(a.slice(2)) - Number(b.slice(2))
  const x = parseElement(a)
  const y = parseElement(b)
  if (x.rank === 2 || y.rank === 2) {
    return compareValues((x as { value: unknown }).value, (y as { value: unknown }).value)
  }
  for (let i = 0; i < Math.min(x.fields.length, y.fields.length); i++) {
    const [nameX, valueX] = x.fields[i]!
    const [nameY, valueY] = y.fields[i]!
    if (nameX !== nameY) return nameX < nameY ? -1 : 1
    const order = compareValues(valueX, valueY)
    if (order !== 0) return order
  }
  return x.fields.length - y.fields.length
}

function sortedElements(set: FieldSet): string[] {
  const elements = [...set.keys()]
  return elements.length < 2 ? elements : elements.sort(compareElements)
}

/** The names of the key fields of a "k:" element. */
export function keyNamesOf(element: string): readonly string[] {
  const parsed = element.startsWith('k:') ? parseElement(element) : undefined
  return parsed?.rank === 1 ? parsed.fields.map(([name]) => name) : []
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return goQuote(value)
  if (typeof value === 'number') return goNumber(value)
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`
  if (value !== null && typeof value === 'object') {
    return Object.entries(value).map(([k, v]) => `${k}=${valueText(v)}`).join('')
  }
  return String(value)
}

/** An element as upstream prints it in a path: ".spec", `[name="web"]`, `[="a"]`, "[0]". */
export function elementText(element: string): string {
  if (element.startsWith('f:')) return `.${element.slice(2)}`
  if (element.startsWith('i:')) return `[${element.slice(2)}]`
  const parsed = parseElement(element)
  return parsed.rank === 2 ? `[=${valueText(parsed.value)}]`
    : `[${parsed.fields.map(([name, value]) => `${name}=${valueText(value)}`).join(',')}]`
}

export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('')
}

// ---- FieldsV1

const encoded = new WeakMap<FieldSet, FieldsV1>()
const decoded = new WeakMap<object, FieldSet>()

/** The FieldsV1 form with elements in upstream's order. Shared: do not change it. */
export function encodeFieldSet(set: FieldSet): FieldsV1 {
  const known = encoded.get(set)
  if (known !== undefined) return known
  const out = encodeLevel(set, false)
  encoded.set(set, out)
  return out
}

const nothing: Record<string, never> = Object.freeze({})

function encodeLevel(set: FieldSet, self: boolean): FieldsV1 {
  const out: Record<string, FieldsV1> = self ? { '.': nothing } : {}
  for (const element of sortedElements(set)) {
    const node = set.get(element)!
    out[element] = node.children === undefined ? nothing : encodeLevel(node.children, node.member)
  }
  return out
}

/** Reads FieldsV1; throws when an element cannot be read. */
export function decodeFieldSet(fields: object): FieldSet {
  const known = decoded.get(fields)
  if (known !== undefined) return known
  const set = decodeLevel(fields as FieldsV1) ?? emptyFieldSet
  if (Object.isFrozen(fields)) {
    decoded.set(fields, set)
    if (!encoded.has(set)) encoded.set(set, fields as FieldsV1)
  }
  return set
}

function decodeLevel(fields: FieldsV1): FieldSet | undefined {
  let set: FieldSetBuilder | undefined
  for (const key of Object.keys(fields)) {
    if (key === '.') continue
    const element = readElement(key)
    if (element === undefined) continue
    const below = fields[key]
    if (typeof below !== 'object' || below === null) throw new Error(`parsing fields: ${goQuote(key)} has no object`)
    const children = decodeLevel(below)
    set ??= new Map()
    set.set(element, children === undefined ? leafNode : { member: Object.hasOwn(below, '.'), children })
  }
  return set
}

/** An element in its one form; undefined for kinds that are not known, which are passed over. */
function readElement(key: string): string | undefined {
  if (key.startsWith('f:')) return key
  if (key.length < 2) throw new Error('key must be 2 characters long:')
  if (key[1] !== ':') throw new Error(`missing colon: ${key}`)
  if (key.startsWith('i:')) {
    if (!/^i:[+-]?\d+$/.test(key)) throw new Error(`strconv.Atoi: parsing ${goQuote(key.slice(2))}: invalid syntax`)
    return `i:${Number(key.slice(2))}`
  }
  if (!key.startsWith('k:') && !key.startsWith('v:')) return undefined
  const parsed = parseElement(key)
  return parsed.rank === 1 ? keyElement(parsed.fields) : valueElement(parsed.value)
}
