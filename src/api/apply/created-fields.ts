/**
 * What the creator of an object owns depends on which fields there are, not on what they hold. Objects that are made from
 * one template share what was worked out for the first of them: time for every write, memory for every object.
 */
import { isFields } from '../meta/json-equal.ts'
import type { FieldsV1 } from './fieldset.ts'
import { deduce } from './field-types.ts'
import type { FieldType } from './field-types.ts'
import { elementOf, fieldTypeAt } from './typed.ts'

/** Fields by shape; the oldest are forgotten. */
const capacity = 512
/** Texts of specs are long. */
const specCapacity = 128
/** A shape that is longer than this is hardly seen twice. */
const longest = 16_384

export class CreatedFields {
  readonly #known = new Map<string, FieldsV1 | undefined>()
  /** By the text of a spec, which tells it too and is made in a third of the time: specs of one template are the same. */
  readonly #specs = new Map<string, string>()

  /** What `make` answered for an object of this shape; frozen, since objects share it. `before` is the kind's empty object. */
  of(value: unknown, type: FieldType, before: unknown, make: () => FieldsV1 | undefined): FieldsV1 | undefined {
    const shape = this.#shapeOf(value, type, before)
    if (shape.length > longest) return make()
    const known = this.#known.get(shape)
    if (known !== undefined || this.#known.has(shape)) return known
    const made = freeze(make())
    remember(this.#known, capacity, shape, made)
    return made
  }

  #shapeOf(value: unknown, type: FieldType, before: unknown): string {
    const map = deduce(type, value).map
    if (map === undefined || map.atomic || !isFields(value) || !isFields(value['spec'])) return shapeOf(value, type, before)
    const { spec, ...rest } = value
    const text = JSON.stringify(spec)
    let shape = this.#specs.get(text)
    if (shape === undefined) {
      shape = shapeOf(spec, fieldTypeAt(map, 'spec'), isFields(before) && Object.hasOwn(before, 'spec') ? before['spec'] : undefined)
      if (text.length <= longest) remember(this.#specs, specCapacity, text, shape)
    }
    return `${shape.length}:${shape}${shapeOf(rest, type, before)}`
  }
}

function remember<T>(known: Map<string, T>, most: number, key: string, value: T): void {
  if (known.size >= most) known.delete(known.keys().next().value!)
  known.set(key, value)
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const key in value) freeze(value[key])
  return Object.freeze(value)
}

/** A text that two values share only when they set the same fields. Where the empty object has a value, theirs counts too. */
function shapeOf(value: unknown, open: FieldType, before: unknown): string {
  const type = deduce(open, value)
  if (type.map !== undefined && !type.map.atomic && isFields(value)) {
    const was = isFields(before) ? before : undefined
    let out = '{'
    for (const key of Object.keys(value)) {
      const inner = value[key]
      if (inner === undefined) continue
      out += `${key.length}:${key}${shapeOf(inner, fieldTypeAt(type.map, key), was === undefined || !Object.hasOwn(was, key) ? undefined : was[key])}`
    }
    return `${out}}`
  }
  if (type.scalar === undefined && type.list !== undefined && !type.list.atomic && Array.isArray(value)) {
    let out = '['
    for (const item of value) {
      const element = elementOf(type.list, item)
      out += `${element.length}:${element}${shapeOf(item, type.list.element, undefined)}`
    }
    return `${out}]`
  }
  if (before === undefined) return '.'
  const text = JSON.stringify(value) ?? ''
  return `=${text.length}:${text}`
}
