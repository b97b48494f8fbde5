/**
 * JSON Patch (RFC 6902) as the API server applies it: evanphx/json-patch's rules and texts, where `replace` of an absent
 * key adds it, indices may be negative, and an absent value reads as null. Copy on write: inputs are never changed.
 */
import { badRequest, rejectedRequest, requestEntityTooLarge } from '../meta/errors.ts'
import { goQuote } from '../meta/go-text.ts'
import { jsonEqual } from '../meta/json-equal.ts'
import { jsonKind } from '../schema/go-decode.ts'
import { setOwn } from '../codec/set-own.ts'

/** Operations that one patch may have. */
export const maxJsonPatchOperations = 10_000

/** Why a patch does not apply, in the library's words. */
export class JsonPatchError extends Error {
  override readonly name = 'JsonPatchError'
}

interface Operation {
  readonly op?: unknown
  readonly path?: unknown
  readonly from?: unknown
  readonly value?: unknown
}

type Container = Record<string, unknown> | unknown[]

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null

/** The document with the patch applied; throws a StatusError (400, 413 or 422) as the API server answers it. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = readOperations(patch)
  try {
    return new Patcher(document).apply(operations)
  } catch (error) {
    if (error instanceof JsonPatchError) throw rejectedRequest(error.message)
    throw error
  }
}

function readOperations(patch: unknown): readonly Operation[] {
  if (patch === null) return []
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonKind(patch)} into Go value of type jsonpatch.Patch`)
  }
  for (const operation of patch as unknown[]) {
    if (operation !== null && (typeof operation !== 'object' || Array.isArray(operation))) {
      throw badRequest(`json: cannot unmarshal ${jsonKind(operation)} into Go value of type jsonpatch.Operation`)
    }
  }
  if (patch.length > maxJsonPatchOperations) {
    throw requestEntityTooLarge(`Request entity too large: The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`)
  }
  return patch as readonly Operation[]
}

const operationFields = ['op', 'path', 'from', 'value']

/**
 * What strict field validation says of the operations themselves, such as `json patch unknown field "[0].vlaue"`.
 * Throws a 400 StatusError when a member has a wrong type.
 */
export function jsonPatchStrictErrors(patch: unknown): string[] {
  const errors: string[] = []
  if (patch === null) return errors
  if (!Array.isArray(patch)) throw decodingError(jsonKind(patch), 'Go value', '[]handlers.jsonPatchOp')
  patch.forEach((operation: unknown, i) => {
    if (operation === null) return
    if (typeof operation !== 'object' || Array.isArray(operation)) {
      throw decodingError(jsonKind(operation), 'Go value', 'handlers.jsonPatchOp')
    }
    for (const [key, value] of Object.entries(operation as object)) {
      if (!operationFields.includes(key)) errors.push(`json patch unknown field ${goQuote(`[${i}].${key}`)}`)
      else if (key !== 'value' && value !== null && typeof value !== 'string') {
        throw decodingError(jsonKind(value), `Go struct field jsonPatchOp.${key}`, 'string')
      }
    }
  })
  return errors
}

const decodingError = (kind: string, into: string, type: string): Error =>
  badRequest(`error decoding patch: json: cannot unmarshal ${kind} into ${into} of type ${type}`)

const unescapeKey = (key: string): string =>
  key.includes('~') ? key.replace(/~1|~0/g, (escape) => (escape === '~1' ? '/' : '~')) : key

/** Go's strconv.Atoi of a path segment. */
function readIndex(key: string): number {
  if (!/^[+-]?[0-9]+$/.test(key)) throw new JsonPatchError(`strconv.Atoi: parsing ${goQuote(key)}: invalid syntax`)
  return Number(key)
}

const invalidIndex = (index: number): JsonPatchError =>
  new JsonPatchError(`Unable to access invalid index: ${index}: invalid index referenced`)

/** An index into `length` places; negative ones count from the end. */
function place(index: number, length: number): number {
  if (index >= length || index < -length) throw invalidIndex(index)
  return index < 0 ? index + length : index
}

function wrapped<T>(prefix: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof JsonPatchError) throw new JsonPatchError(`${prefix}: ${error.message}`)
    throw error
  }
}

interface Target {
  readonly container: Container
  readonly key: string
}

class Patcher {
  private root: unknown
  /** Containers made by this patch: they may be changed in place. */
  private owned = new WeakSet<object>()

  constructor(document: unknown) {
    this.root = document
  }

  apply(operations: readonly Operation[]): unknown {
    for (const operation of operations) this.applyOne(operation ?? {})
    return this.root
  }

  private applyOne(operation: Operation): void {
    switch (operation.op) {
      case 'add': return this.add(operation)
      case 'remove': return this.remove(operation)
      case 'replace': return this.replace(operation)
      case 'move': return this.move(operation)
      case 'test': return this.test(operation)
      case 'copy': return this.copy(operation)
      default:
        throw new JsonPatchError(`Unexpected kind: ${typeof operation.op === 'string' ? operation.op : 'unknown'}`)
    }
  }

  private pathOf(operation: Operation, what: string): string {
    if (typeof operation.path === 'string') return operation.path
    const bare = what === 'add' || what === 'remove' || what === 'copy'
    throw new JsonPatchError(`${what} operation failed to decode path: ${bare ? '' : 'operation missing path field: '}missing value`)
  }

  private fromOf(operation: Operation, what: string): string {
    if (typeof operation.from === 'string') return operation.from
    throw new JsonPatchError(`${what} operation failed to decode from: operation, missing from field: missing value`)
  }

  /** Where a path leads: its container (copied along the way when it is to be changed) and the last key. */
  private find(path: string, write: boolean): Target | undefined {
    const parts = path.split('/')
    if (parts.length < 2 || !isContainer(this.root)) return undefined
    let container: Container = write ? (this.root = this.own(this.root)) : this.root
    for (let i = 1; i < parts.length - 1; i++) {
      const key = unescapeKey(parts[i]!)
      let next: unknown
      try {
        next = this.get(container, key)
      } catch (error) {
        if (error instanceof JsonPatchError) return undefined
        throw error
      }
      if (!isContainer(next)) return undefined
      if (write) {
        const own = this.own(next)
        if (own !== next) this.assign(container, key, own)
        next = own
      }
      container = next as Container
    }
    return { container, key: unescapeKey(parts.at(-1)!) }
  }

  private own(container: Container): Container {
    if (this.owned.has(container)) return container
    const copy = Array.isArray(container) ? container.slice() : { ...container }
    this.owned.add(copy)
    return copy
  }

  private get(container: Container, key: string): unknown {
    if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined
    return container[place(readIndex(key), container.length)]
  }

  private assign(container: Container, key: string, value: unknown): void {
    if (Array.isArray(container)) container[place(readIndex(key), container.length)] = value
    else setOwn(container, key, value)
  }

  private insert(container: Container, key: string, value: unknown): void {
    if (!Array.isArray(container)) return setOwn(container, key, value)
    if (key === '-') {
      container.push(value)
      return
    }
    const index = wrapped(`value was not a proper array index: '${key}'`, () => readIndex(key))
    container.splice(place(index, container.length + 1), 0, value)
  }

  private delete(container: Container, key: string): void {
    if (Array.isArray(container)) container.splice(place(readIndex(key), container.length), 1)
    else if (Object.hasOwn(container, key)) delete container[key]
    else throw new JsonPatchError(`Unable to remove nonexistent key: ${key}: missing value`)
  }

  private add(operation: Operation): void {
    const path = this.pathOf(operation, 'add')
    const target = this.find(path, true)
    if (target === undefined) {
      throw new JsonPatchError(`add operation does not apply: doc is missing path: "${path}": missing value`)
    }
    wrapped(`error in add for path: '${path}'`, () => this.insert(target.container, target.key, operation.value ?? null))
  }

  private remove(operation: Operation): void {
    const path = this.pathOf(operation, 'remove')
    const target = this.find(path, true)
    if (target === undefined) {
      throw new JsonPatchError(`remove operation does not apply: doc is missing path: "${path}": missing value`)
    }
    wrapped(`error in remove for path: '${path}'`, () => this.delete(target.container, target.key))
  }

  private replace(operation: Operation): void {
    const path = this.pathOf(operation, 'replace')
    if (path === '') {
      if (!isContainer(operation.value)) {
        throw new JsonPatchError('replace operation value must be object or array: %!w(<nil>)')
      }
      this.root = operation.value
      return
    }
    const target = this.find(path, true)
    if (target === undefined) {
      throw new JsonPatchError(`replace operation does not apply: doc is missing path: ${path}: missing value`)
    }
    try {
      this.get(target.container, target.key)
    } catch (error) {
      if (!(error instanceof JsonPatchError)) throw error
      throw new JsonPatchError(`replace operation does not apply: doc is missing key: ${path}: missing value`)
    }
    this.assign(target.container, target.key, operation.value ?? null)
  }

  private move(operation: Operation): void {
    const from = this.fromOf(operation, 'move')
    const source = this.find(from, true)
    if (source === undefined) {
      throw new JsonPatchError(`move operation does not apply: doc is missing from path: ${from}: missing value`)
    }
    const value = wrapped(`error in move for path: '${source.key}'`, () => {
      const found = this.get(source.container, source.key)
      this.delete(source.container, source.key)
      return found
    })
    const path = this.pathOf(operation, 'move')
    const target = this.find(path, true)
    if (target === undefined) {
      throw new JsonPatchError(`move operation does not apply: doc is missing destination path: ${path}: missing value`)
    }
    wrapped(`error in move for path: '${path}'`, () => this.insert(target.container, target.key, value))
  }

  private copy(operation: Operation): void {
    const from = this.fromOf(operation, 'copy')
    const source = this.find(from, false)
    if (source === undefined) {
      throw new JsonPatchError(`copy operation does not apply: doc is missing from path: ${from}: missing value`)
    }
    const value = wrapped(`error in copy for from: '${from}'`, () => this.get(source.container, source.key))
    const path = this.pathOf(operation, 'copy')
    // The value now stands in two places, so nothing made so far may be changed in place any more.
    this.owned = new WeakSet()
    const target = this.find(path, true)
    if (target === undefined) {
      throw new JsonPatchError(`copy operation does not apply: doc is missing destination path: ${path}: missing value`)
    }
    wrapped('error while adding value during copy', () => this.insert(target.container, target.key, value ?? null))
  }

  private test(operation: Operation): void {
    const path = this.pathOf(operation, 'test')
    const failed = new JsonPatchError(`testing value ${path} failed: test failed`)
    if (path === '') {
      if (!jsonEqual(this.root, operation.value)) throw failed
      return
    }
    const target = this.find(path, false)
    if (target === undefined) {
      throw new JsonPatchError(`test operation does not apply: is missing path: ${path}: missing value`)
    }
    const value = wrapped(`error in test for path: '${path}'`, () => this.get(target.container, target.key))
    if (!jsonEqual(value ?? null, operation.value ?? null)) throw failed
  }
}
