/**
 * Encoders: from JSON-shaped objects to the bytes that upstream's Go writes. Strings, numbers, bools and structs that
 * are not pointers are written even when they are zero; maps are sorted by key.
 */
import { perType, property, Source, tagOf, wireTypeOf } from './compile.ts'
import { type Writer } from './protobuf-write.ts'
import type { WireField, WireType } from './wire.ts'

/** Writes a message's content, last field first. */
export type Encode = (writer: Writer, object: unknown) => void

/** The encoder of a type, by its definition name. */
export const encoderOf: (name: string) => Encode = perType((type) => {
  return encoderSource(type).compile<Encode>('writer, object', TOOLS, (name) => encoderOf(name))
})

const NONE: Readonly<Record<string, unknown>> = Object.freeze({})

function encoderSource(type: WireType): Source {
  const source = new Source()
  const fields = type.fields.filter((field) => field.number > 0).sort((a, b) => b.number - a.number)
  for (const field of fields) source.lines.push(fieldText(source, field))
  return source
}

function fieldText(source: Source, field: WireField): string {
  const tag = tagOf(field)
  if (field.inline) {
    return `{ const m = writer.size(); ${source.use(field.type as string)}(writer, object); writer.message(m, ${tag}) }`
  }
  const get = `const v = object${property(field.json)}`
  const some = 'v !== undefined && v !== null'
  if (field.map) {
    const value = `${wrapAbsent(field, 'v[k[i]]', writeText(source, field, 'v[k[i]]', 16 + wireTypeOf(field)))}`
    const entry = `const m = writer.size(); ${value}; writer.string(k[i], 10); writer.message(m, ${tag})`
    return `{ ${get}; if (${some}) { const k = sortedKeys(v); for (let i = k.length - 1; i >= 0; i--) { ${entry} } } }`
  }
  if (field.repeated) {
    const write = writeText(source, field, 'v[i]', tag)
    return `{ ${get}; if (${some}) for (let i = v.length - 1; i >= 0; i--) { ${write} } }`
  }
  const write = writeText(source, field, 'v', tag)
  // []byte and named lists are nil or not; other things are absent only when they are pointers.
  const nilable = field.pointer || field.kind === 'y' || field.kind === 'w'
  return nilable ? `{ ${get}; if (${some}) { ${write} } }` : `{ ${get}; ${write} }`
}

/** A nil []byte in a map has a key but no value. */
function wrapAbsent(field: WireField, value: string, write: string): string {
  return field.kind === 'y' ? `if (${value} !== undefined && ${value} !== null) { ${write} }` : write
}

function writeText(source: Source, field: WireField, v: string, tag: number): string {
  switch (field.kind) {
    case 's': return `writer.string(${v} ?? '', ${tag})`
    case 'b': return `writer.bool(${v} ?? false, ${tag})`
    case 'i': case 'l': return `writer.int(${v} ?? 0, ${tag})`
    case 'd': return `writer.double(${v} ?? 0, ${tag})`
    case 'y': return `writer.base64(${v}, ${tag})`
    case 't': return `writer.time(${v}, ${tag})`
    case 'u': return `writer.microTime(${v}, ${tag})`
    case 'D': return `writer.duration(${v}, ${tag})`
    case 'q': return `writer.quantity(${v}, ${tag})`
    case 'n': return `writer.intOrString(${v}, ${tag})`
    case 'r': case 'f': case 'j': return `writer.rawJson(${v}, ${tag})`
    case 'w': return `writer.strings(${v}, ${tag})`
    case 'A': return `writePropsOrArray(writer, ${v}, ${tag})`
    case 'O': return `writePropsOrBool(writer, ${v}, ${tag})`
    case 'S': return `writePropsOrStrings(writer, ${v}, ${tag})`
    default: {
      const encode = source.use(field.type as string)
      return `{ const m = writer.size(); ${encode}(writer, ${v} ?? NONE); writer.message(m, ${tag}) }`
    }
  }
}

/** Keys in the order of Go's sort, which is that of bytes; UTF-16 differs from it only beyond the basic plane. */
function sortedKeys(map: object): string[] {
  const keys = Object.keys(map)
  return keys.length > 1 ? keys.sort() : keys
}

const PROPS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'

function writeProps(writer: Writer, value: unknown, tag: number): void {
  const mark = writer.size()
  encoderOf(PROPS)(writer, value ?? NONE)
  writer.message(mark, tag)
}

function writePropsOrArray(writer: Writer, value: unknown, tag: number): void {
  const mark = writer.size()
  if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i--) writeProps(writer, value[i], 18)
  else if (value !== null && value !== undefined) writeProps(writer, value, 10)
  writer.message(mark, tag)
}

function writePropsOrBool(writer: Writer, value: unknown, tag: number): void {
  const mark = writer.size()
  const isSchema = typeof value === 'object' && value !== null
  if (isSchema) writeProps(writer, value, 18)
  writer.bool(isSchema || value === true, 8)
  writer.message(mark, tag)
}

function writePropsOrStrings(writer: Writer, value: unknown, tag: number): void {
  const mark = writer.size()
  if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i--) writer.string(String(value[i]), 18)
  else if (value !== null && value !== undefined) writeProps(writer, value, 10)
  writer.message(mark, tag)
}

const TOOLS = { NONE, sortedKeys, writePropsOrArray, writePropsOrBool, writePropsOrStrings }
