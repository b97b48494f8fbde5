/**
 * Strategic merge patch (apimachinery pkg/util/strategicpatch) for built-in kinds: merge keys and strategies come from
 * the schema; directives ($patch, $retainKeys, $setElementOrder/x, $deleteFromPrimitiveList/x) from the patch.
 * Inputs are never changed; unchanged parts are shared.
 */
import { badRequest, unknownError } from '../meta/errors.ts'
import { goQuote, goValue } from '../meta/go-text.ts'
import { isFields } from '../meta/json-equal.ts'
import type { Fields } from '../meta/json-equal.ts'
import { setOwn } from '../codec/set-own.ts'
import { jsonKind } from '../schema/go-decode.ts'
import type { Schema } from '../schema/schema.ts'
import { badArgType, noMergeKey } from './strategic-errors.ts'
import { mergeList, orderedList } from './strategic-lists.ts'

type List = readonly unknown[]

const patchDirective = '$patch'
const retainKeysDirective = '$retainKeys'
const deletePrefix = '$deleteFromPrimitiveList'
const orderPrefix = '$setElementOrder'

/** Errors that clients cause by the form of their patch (400). */
const badPatch = {
  primitiveList: 'invalid patch format of primitive list',
  retainKeys: 'invalid patch format of retainKeys',
  setElementOrder: 'invalid patch format of setElementOrder list',
} as const

/** The document with the patch merged in; throws StatusErrors as the API server answers them. */
export function applyStrategicMergePatch(document: unknown, patch: unknown, schema: Schema): unknown {
  if (!isFields(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`)
  }
  return mergeMap(isFields(document) ? document : {}, patch, schema)
}

interface FieldMeta {
  /** The schema of the field's value, or of its elements when it is a list. */
  readonly schema: Schema
  /** 'merge', 'replace' or ''. */
  readonly strategy: string
  readonly mergeKey: string
}

/** How a field merges; throws for fields that the kind does not have, as upstream does when both sides carry one. */
function metaOf(schema: Schema, key: string, list: boolean): FieldMeta {
  const property = schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key]
    : typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
  if (property === undefined) {
    const struct = schema.name?.slice(schema.name.lastIndexOf('.') + 1) ?? ''
    throw unknownError(`unable to find api field in struct ${struct} for the json field ${goQuote(key)}`)
  }
  const strategies = (property.patchStrategy ?? '').split(',').filter((s) => s !== 'retainKeys')
  return { schema: list ? property.items ?? {} : property, strategy: strategies[0] ?? '', mergeKey: property.patchMergeKey ?? '' }
}

/** One map merged with its patch. Lists call back here for their elements. */
export function mergeMap(original: Fields, patch: Fields, schema: Schema): Fields {
  if (Object.hasOwn(patch, patchDirective)) return replaceOrDelete(patch)
  const merger = new MapMerger(original, patch, schema)
  return merger.run()
}

function replaceOrDelete(patch: Fields): Fields {
  const { [patchDirective]: directive, ...rest } = patch
  if (directive === 'replace') return rest
  if (directive === 'delete') return {}
  throw unknownError(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`)
}

class MapMerger {
  private readonly original: Fields
  private readonly patch: Fields
  private readonly schema: Schema
  private out: Record<string, unknown>
  /** Keys of the patch that directives have dealt with. */
  private readonly done = new Set<string>()

  constructor(original: Fields, patch: Fields, schema: Schema) {
    this.original = original
    this.patch = patch
    this.schema = schema
    this.out = original as Record<string, unknown>
  }

  run(): Fields {
    this.retainKeys()
    for (const key of Object.keys(this.patch)) if (key.startsWith(orderPrefix)) this.orderList(key)
    for (const key of Object.keys(this.patch)) if (!this.done.has(key)) this.mergeField(key, this.patch[key])
    return this.out
  }

  private set(key: string, value: unknown): void {
    if (Object.hasOwn(this.out, key) && this.out[key] === value) return
    if (this.out === this.original) this.out = { ...this.original }
    setOwn(this.out, key, value)
  }

  private remove(key: string): void {
    if (!Object.hasOwn(this.out, key)) return
    if (this.out === this.original) this.out = { ...this.original }
    delete this.out[key]
  }

  private has(key: string): boolean {
    return Object.hasOwn(this.out, key)
  }

  /** Drops all fields of the original that $retainKeys does not name. */
  private retainKeys(): void {
    if (!Object.hasOwn(this.patch, retainKeysDirective)) return
    this.done.add(retainKeysDirective)
    const list = this.patch[retainKeysDirective]
    if (!Array.isArray(list)) throw badRequest(badPatch.retainKeys)
    const keep = new Set<unknown>(list)
    for (const [key, value] of Object.entries(this.patch)) {
      if (value === null || key === retainKeysDirective || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) {
        continue
      }
      if (!keep.has(key)) throw badRequest(badPatch.retainKeys)
    }
    for (const key of Object.keys(this.original)) if (!keep.has(key)) this.remove(key)
  }

  /** Merges a list and puts its elements in the order that the patch states. */
  private orderList(directive: string): void {
    this.done.add(directive)
    const order = this.patch[directive]
    if (!Array.isArray(order)) throw unknownError(badArgType('[]interface {}', order))
    const key = keyAfter(directive, orderPrefix, badPatch.setElementOrder)
    const original = this.listIn(this.out, key)
    const patch = this.listIn(this.patch, key)
    const meta = metaOf(this.schema, key, true)
    checkOrder(patch ?? [], order, meta.mergeKey)
    let merged: List
    if (patch === undefined) {
      if (original === undefined) return
      merged = original
    } else if (original === undefined) merged = withoutDirectives(patch) as List
    else merged = this.mergeLists(original, patch, meta, false)
    this.set(key, orderedList(merged, original ?? [], patch ?? [], order, meta.mergeKey))
    this.done.add(key)
  }

  private listIn(fields: Fields, key: string): List | undefined {
    if (!Object.hasOwn(fields, key)) return undefined
    const value = fields[key]
    if (!Array.isArray(value)) throw unknownError(badArgType('[]interface {}', value))
    return value
  }

  private mergeLists(original: List, patch: List, meta: FieldMeta, deleting: boolean): List {
    if (meta.strategy !== 'merge' && !deleting) return patch
    return mergeList(original, patch, meta.mergeKey, deleting, (a, b) => mergeMap(a, b, meta.schema))
  }

  private mergeField(patchKey: string, value: unknown): void {
    const deleting = patchKey.startsWith(deletePrefix)
    const key = deleting ? keyAfter(patchKey, deletePrefix, badPatch.primitiveList) : patchKey
    if (value === null || value === undefined) return this.remove(key)
    const current = this.has(key) ? this.out[key] : undefined
    if (isFields(current) && isFields(value) && !deleting) {
      const meta = metaOf(this.schema, key, false)
      this.set(key, meta.strategy === 'replace' ? value : mergeMap(current, value, meta.schema))
    } else if (Array.isArray(current) && Array.isArray(value)) {
      this.set(key, this.mergeLists(current, value, metaOf(this.schema, key, true), deleting))
    } else if (!deleting) this.setNew(key, value)
  }

  private setNew(key: string, value: unknown): void {
    const clean = withoutDirectives(withoutNulls(value))
    if (clean === undefined) this.remove(key)
    else this.set(key, clean)
  }
}

function keyAfter(directive: string, prefix: string, error: string): string {
  const slash = directive.indexOf('/')
  if (slash < 0 || directive.slice(0, slash) !== prefix) throw badRequest(error)
  return directive.slice(slash + 1)
}

/** Elements of the patch must stand in the order that $setElementOrder states. */
function checkOrder(patch: List, order: List, mergeKey: string): void {
  if (order.length === 0 || patch.length === 0) return
  const kept = mergeKey === '' ? patch : patch.filter((item) => {
    if (!isFields(item)) throw unknownError(badArgType('map[string]interface {}', item))
    return item[patchDirective] !== 'delete'
  })
  let at = 0
  let orderAt = 0
  while (at < kept.length && orderAt < order.length) {
    const item = kept[at]
    if (isFields(item) && Object.hasOwn(item, patchDirective)) at++
    else if (sameElement(item, order[orderAt++], mergeKey)) at++
  }
  if (at < kept.length && orderAt >= order.length) {
    throw unknownError(`The order in patch list:\n${goValue(patch)}\n doesn't match ${orderPrefix} list:\n${goValue(order)}\n`)
  }
}

function sameElement(a: unknown, b: unknown, mergeKey: string): boolean {
  if (mergeKey === '') return a === b
  return keyOf(a, mergeKey) === keyOf(b, mergeKey)
}

function keyOf(item: unknown, mergeKey: string): unknown {
  if (!isFields(item)) throw unknownError(badArgType('map[string]interface {}', item))
  if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey)
  return item[mergeKey]
}

/** Nulls in what is new say nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isFields(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null).map(([k, v]) => [k, withoutNulls(v)]))
}

/** What is new without its directives: a map with $patch is not taken at all (undefined). */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined)
  if (!isFields(value)) return value
  if (Object.hasOwn(value, patchDirective)) return undefined
  const entries = Object.entries(value).map(([key, item]) => [key, withoutDirectives(item)] as const)
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined))
}
