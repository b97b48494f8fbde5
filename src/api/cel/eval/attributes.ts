/**
 * Ways into values: `a.b[0].?c` (cel-go interpreter/attributes.go). A chain of selections is one closure over its steps.
 * Costs are upstream's: one for the chain, one for every step taken.
 */
import {
  CelError, Double, NONE, Optional, Struct, Uint, adapt, isInt, isList, isMap, itemsOf, mapGet, some, typeOf,
} from '../values.ts'
import { typeName } from './convert.ts'
import { formatValue } from './format.ts'
import type { Eval, Frame } from './frame.ts'

/** One step. A constant key is evaluated beforehand. */
export interface Step {
  readonly key: unknown
  readonly compute: Eval | undefined
  readonly optional: boolean
}

export interface Attribute {
  /** Where the chain begins, without the cost of the chain itself. */
  readonly root: Eval
  readonly steps: readonly Step[]
  /** A conditional costs nothing itself: `(a ? b : c).d`. */
  readonly free: boolean
}

const missing = Symbol('missing')

/** The chain without its own cost. */
export function resolver({ root, steps }: Attribute): Eval {
  if (steps.length === 0) return root
  if (steps.every((step) => step.compute === undefined && !step.optional && typeof step.key === 'string')) {
    return fieldResolver(root, steps.map((step) => step.key as string))
  }
  return (frame) => {
    const value = root(frame)
    return value instanceof CelError ? value : walk(frame, value, steps)
  }
}

/** The usual chain of plain fields. */
function fieldResolver(root: Eval, keys: readonly string[]): Eval {
  const steps: readonly Step[] = keys.map((key) => ({ key, compute: undefined, optional: false }))
  return (frame) => {
    let value = root(frame)
    if (value instanceof Optional) return walk(frame, value, steps)
    if (value instanceof CelError) return value
    for (const key of keys) {
      frame.cost++
      value = getField(value, key)
      if (value instanceof CelError) return value
    }
    return value
  }
}

export function evaluator(attribute: Attribute): Eval {
  const resolve = resolver(attribute)
  if (attribute.free) return resolve
  return (frame) => {
    frame.cost++
    return resolve(frame)
  }
}

/** has(): whether the last step is there. It costs its steps only. */
export function tester({ root, steps }: Attribute, field: string): Eval {
  return (frame) => {
    let value = root(frame)
    if (value instanceof CelError) return value
    if (steps.length > 0) value = walk(frame, value, steps)
    if (value instanceof CelError) return value
    if (value instanceof Optional) {
      if (!value.present) return false
      ;({ value } = value)
    }
    frame.cost++
    const found = lookup(value, field)
    return found instanceof CelError ? found : found !== missing
  }
}

function walk(frame: Frame, root: unknown, steps: readonly Step[]): unknown {
  let value = root
  let optional = false
  if (value instanceof Optional) {
    if (!value.present) return value
    optional = true
    ;({ value } = value)
  }
  for (const step of steps) {
    optional ||= step.optional
    const key = step.compute ? step.compute(frame) : step.key
    if (key instanceof CelError) return key
    const found = lookup(value, key)
    if (found === missing) {
      if (optional) return NONE
      frame.cost++
      return absent(value, key)
    }
    frame.cost++
    if (found instanceof CelError) return found
    value = found
  }
  return optional ? some(value) : value
}

/** A plain field of an object. */
export function getField(value: unknown, key: string): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, key) && isMap(value)) {
    return adapt((value as Record<string, unknown>)[key])
  }
  const found = lookup(value, key)
  return found === missing ? (value instanceof Struct ? null : absent(value, key)) : found
}

function lookup(value: unknown, key: unknown): unknown {
  if (isMap(value)) {
    const found = mapGet(value, key)
    return found === undefined ? missing : found
  }
  if (isList(value)) {
    const index = listIndex(key)
    if (index instanceof CelError) return index
    const items = itemsOf(value)
    return index >= 0 && index < items.length ? adapt(items[index]) : missing
  }
  if (value instanceof Struct && typeof key === 'string' && value.fields.has(key)) return value.fields.get(key)
  return missing
}

const absent = (value: unknown, key: unknown): CelError =>
  new CelError(`${isList(value) ? 'index out of bounds' : 'no such key'}: ${formatValue(key)}`)

/** A list's index: whole numbers of any type. */
export function listIndex(key: unknown): number | CelError {
  if (typeof key === 'number') return key
  if (isInt(key)) return key < 0 ? -1 : Number.MAX_SAFE_INTEGER
  if (key instanceof Uint) return Number(key.value)
  if (key instanceof Double) {
    if (Number.isInteger(key.value)) return key.value
    return new CelError(`unsupported index value ${formatValue(key)} in list`)
  }
  return new CelError(`unsupported index type '${typeName(typeOf(key))}' in list`)
}
