/**
 * A built-in object as upstream would show it after reading it into its Go type and writing it again: fields in the
 * order of the struct, maps sorted, empty things left out where the tag says omitempty, zero values filled in where it
 * does not (`status: {}`, `resources: {}`, `rules: null`). Values
 * themselves are not changed: schema/decode.ts reads those.
 */
import { goJsonText } from './json.ts'
import { perType, property, Source } from './compile.ts'
import { setOwn } from './set-own.ts'
import { wireTypeOfKind, type WireField, type WireType } from './wire.ts'

type Shape = (object: unknown, into?: Record<string, unknown>) => Record<string, unknown>

function shapesFor(stored: boolean): (name: string) => Shape {
  const shapes: (name: string) => Shape = perType((type) => shapeSource(type, stored).compile<Shape>('object, into', TOOLS, (name) => shapes(name)))
  return shapes
}

const shapeOf = shapesFor(false)
const storedShapeOf = shapesFor(true)

const NONE: Readonly<Record<string, unknown>> = Object.freeze({})

/** `stored`: as it is read back from protobuf, which knows no empty list or map. */
function shapeSource(type: WireType, stored: boolean): Source {
  const source = new Source()
  source.lines.push('const o = into === undefined ? {} : into')
  if (type.typeMeta) {
    source.lines.push('if (object.kind) o.kind = object.kind')
    source.lines.push('if (object.apiVersion) o.apiVersion = object.apiVersion')
  }
  for (const field of type.fields) source.lines.push(fieldText(source, field, stored))
  source.lines.push('return o')
  return source
}

function fieldText(source: Source, field: WireField, stored: boolean): string {
  if (field.inline) return `${source.use(field.type as string)}(object, o)`
  const get = `const v = object${property(field.json)}`
  const set = (value: string): string => `o${property(field.json)} = ${value}`
  const some = 'v !== undefined && v !== null'
  const one = oneOf(source, field)
  if (field.map || field.repeated) {
    const full = field.map ? mapText(one) : one === undefined ? 'v' : `v.map((e) => ${one}(e ?? NONE))`
    const size = field.map ? 'Object.keys(v).length' : 'v.length'
    if (field.omitEmpty) return `{ ${get}; if (${some} && ${size} > 0) ${set(full)} }`
    return `{ ${get}; ${set(`${some}${stored ? ` && ${size} > 0` : ''} ? ${full} : null`)} }`
  }
  if (field.pointer) {
    const full = one === undefined ? 'v' : `${one}(v)`
    return field.omitEmpty ? `{ ${get}; if (${some}) ${set(full)} }` : `{ ${get}; ${set(`${some} ? ${full} : null`)} }`
  }
  if (one !== undefined) return `{ ${get}; ${set(`${one}(v ?? NONE)`)} }`
  if (field.omitZero) return `{ ${get}; if (${some}) ${set('v')} }`
  return `{ ${get}; ${scalarText(field, set)} }`
}

/** The name of the function that shapes one element; undefined for values that stay as they are. */
function oneOf(source: Source, field: WireField): string | undefined {
  if (field.type !== undefined) return source.use(field.type)
  return field.kind === 'A' || field.kind === 'O' || field.kind === 'S' ? 'shapeProps' : undefined
}

function mapText(one: string | undefined): string {
  return one === undefined ? 'sortedMap(v)' : `sortedMap(v, ${one})`
}

/** A value that is not a pointer: left out when it is zero and may be, else zero when it is absent. */
function scalarText(field: WireField, set: (value: string) => string): string {
  switch (field.kind) {
    case 's': return field.omitEmpty ? `if (v) ${set('v')}` : set(`v ?? ''`)
    case 'b': return field.omitEmpty ? `if (v) ${set('v')}` : set('v ?? false')
    case 'i': case 'l': case 'd': return field.omitEmpty ? `if (v) ${set('v')}` : set('v ?? 0')
    case 'y': return field.omitEmpty ? `if (v) ${set('v')}` : set('v ?? null')
    case 'w': return field.omitEmpty ? `if (v && v.length > 0) ${set('v')}` : set('v ?? null')
    case 'n': return set('v ?? 0')
    case 'q': return set(`v ?? '0'`)
    case 'D': return set(`v ?? '0s'`)
    case 'O': return set('v ?? false')
    default: return set('v ?? null')
  }
}

function sortedMap(map: Record<string, unknown>, shape?: Shape): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const key of Object.keys(map).sort()) setOwn(out, key, shape ? shape(map[key] ?? NONE) : map[key])
  return out
}

const PROPS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'

/** JSONSchemaPropsOrArray and the like: schemas are shaped, other things stay. */
function shapeProps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => (typeof item === 'object' ? shapeOf(PROPS)(item ?? NONE) : item))
  return typeof value === 'object' && value !== null && value !== NONE ? shapeOf(PROPS)(value) : value
}

const TOOLS = { NONE, sortedMap, shapeProps }

/** An object of a built-in kind as upstream shows it; objects of other kinds as they are. */
export function goShape<T extends object>(object: T, gvk: { apiVersion?: string; kind?: string } = object): T {
  const type = wireTypeOfKind(gvk.apiVersion ?? '', gvk.kind ?? '')
  return type ? (shapeOf(type.name)(object) as T) : object
}

/** The same as it is once it has been stored as protobuf and read again: required lists and maps without an element are null. */
export function storedShape<T extends object>(object: T, gvk: { apiVersion?: string; kind?: string } = object): T {
  const type = wireTypeOfKind(gvk.apiVersion ?? '', gvk.kind ?? '')
  return type ? (storedShapeOf(type.name)(object) as T) : object
}

/** The JSON text that upstream's encoder writes for an object, without the newline. */
export function toGoJson(object: object, indent?: number, gvk?: { apiVersion?: string; kind?: string }): string {
  return goJsonText(goShape(object, gvk), indent)
}
