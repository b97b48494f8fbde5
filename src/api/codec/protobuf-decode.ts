/** Decoders: from protobuf bytes straight to the object that Go's JSON would show, in the order of its fields. */
import { perType, property, Source, tagOf, wireTypeOf } from './compile.ts'
import { type Reader } from './protobuf-read.ts'
import { setOwn } from './set-own.ts'
import type { WireField, WireType } from './wire.ts'

/** Reads a message that ends at `end`. `into` already holds kind and apiVersion, or is what an inlined struct adds to. */
export type Decode = (reader: Reader, end: number, into?: Record<string, unknown>) => Record<string, unknown>

/** The decoder of a type, by its definition name. */
export const decoderOf: (name: string) => Decode = perType((type) => {
  return decoderSource(type).compile<Decode>('reader, end, into', TOOLS, (name) => decoderOf(name))
})

const READ: Readonly<Record<string, string>> = {
  s: 'reader.string()',
  b: 'reader.bool()',
  i: 'reader.int32()',
  l: 'reader.int64()',
  d: 'reader.double()',
  y: 'reader.base64()',
  t: 'reader.time()',
  u: 'reader.microTime()',
  D: 'reader.duration()',
  q: 'reader.quantity()',
  n: 'reader.intOrString()',
  r: 'reader.rawJson()',
  f: 'reader.rawJson()',
  j: 'reader.rawJson()',
  w: 'reader.strings()',
  A: 'readPropsOr(reader, 10, readProps)',
  O: 'readPropsOr(reader, 18, readProps)',
  S: 'readPropsOr(reader, 10, readText)',
}

function readOne(source: Source, field: WireField): string {
  return field.type === undefined ? (READ[field.kind] as string) : `${source.use(field.type)}(reader, reader.end())`
}

/** The JSON of Go's zero value of one element. */
function zeroOf(source: Source, field: WireField): string {
  switch (field.kind) {
    case 's': return `''`
    case 'b': case 'O': return 'false'
    case 'i': case 'l': case 'd': case 'n': return '0'
    case 'q': return `'0'`
    case 'D': return `'0s'`
    case 'm': return `${source.use(field.type as string)}(reader, reader.position)`
    default: return 'null'
  }
}

function decoderSource(type: WireType): Source {
  const source = new Source()
  const { lines } = source
  const fields = type.fields.map((field, i) => ({ field, v: `v${i}` })).filter(({ field }) => field.number > 0)
  for (const { field, v } of fields) lines.push(field.inline ? `let ${v} = -1, ${v}e = -1` : `let ${v}`)
  lines.push('while (reader.position < end) {', 'const tag = reader.uint32()', 'switch (tag) {')
  for (const { field, v } of fields) {
    lines.push(`case ${tagOf(field)}: ${caseText(source, field, v)}; break`)
    if (field.repeated && wireTypeOf(field) !== 2) {
      // proto2 lists are not packed, but every reader must take packed ones.
      const loop = `while (reader.position < e) ${v}.push(${readOne(source, field)})`
      lines.push(`case ${field.number * 8 + 2}: { const e = reader.end(); ${v} ??= []; ${loop}; break }`)
    }
  }
  lines.push('default: reader.skip(tag)', '}', '}', 'reader.close(end)', 'const o = into === undefined ? {} : into')
  for (const { field, v } of fields) lines.push(assignText(source, field, v))
  lines.push('return o')
  return source
}

function caseText(source: Source, field: WireField, v: string): string {
  if (field.inline) return `${v}e = reader.end(); ${v} = reader.position; reader.position = ${v}e`
  if (field.map) {
    if (field.kind === 's') return `${v} = readTextEntry(reader, ${v})`
    const read = source.hoist(`(reader) => ${readOne(source, field)}`)
    const zero = source.hoist(`(reader) => ${zeroOf(source, field)}`)
    return `${v} = readEntry(reader, ${v}, ${16 + wireTypeOf(field)}, ${read}, ${zero})`
  }
  if (field.repeated) return `(${v} ??= []).push(${readOne(source, field)})`
  return `${v} = ${readOne(source, field)}`
}

/** Go leaves a field out when its tag says omitempty and it is nil, zero, or an empty list or map; structs stay. */
function assignText(source: Source, field: WireField, v: string): string {
  const target = `o${property(field.json)}`
  if (field.inline) {
    const decode = source.use(field.type as string)
    return `if (${v} < 0) ${decode}(reader, reader.position, o)\n`
      + `else { reader.position = ${v}; ${decode}(reader, ${v}e, o); reader.position = end }`
  }
  if (field.pointer || field.map || field.repeated) {
    return field.omitEmpty ? `if (${v} !== undefined) ${target} = ${v}` : `${target} = ${v} === undefined ? null : ${v}`
  }
  if (field.omitZero) return `if (${v} !== undefined && ${v} !== null) ${target} = ${v}`
  if (field.omitEmpty) {
    switch (field.kind) {
      case 's': case 'y': return `if (${v} !== undefined && ${v} !== '') ${target} = ${v}`
      case 'b': return `if (${v} === true) ${target} = true`
      case 'i': case 'l': case 'd': return `if (${v} !== undefined && ${v} !== 0) ${target} = ${v}`
      case 'w': return `if (${v} !== undefined && ${v}.length > 0) ${target} = ${v}`
      default: break
    }
  }
  return `${target} = ${v} === undefined ? ${zeroOf(source, field)} : ${v}`
}

function readTextEntry(reader: Reader, map: Record<string, unknown> | undefined): Record<string, unknown> {
  const end = reader.end()
  let key = ''
  let value = ''
  while (reader.position < end) {
    const tag = reader.uint32()
    if (tag === 10) key = reader.string()
    else if (tag === 18) value = reader.string()
    else reader.skip(tag)
  }
  reader.close(end)
  const into = map ?? {}
  setOwn(into, key, value)
  return into
}

function readEntry(
  reader: Reader, map: Record<string, unknown> | undefined, valueTag: number,
  read: (reader: Reader) => unknown, zero: (reader: Reader) => unknown,
): Record<string, unknown> {
  const end = reader.end()
  let key = ''
  let value: unknown
  while (reader.position < end) {
    const tag = reader.uint32()
    if (tag === 10) key = reader.string()
    else if (tag === valueTag) value = read(reader)
    else reader.skip(tag)
  }
  reader.close(end)
  const into = map ?? {}
  setOwn(into, key, value === undefined ? zero(reader) : value)
  return into
}

const PROPS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'

/**
 * JSONSchemaPropsOrArray, ...OrBool and ...OrStringArray: in JSON the schema itself, or the other thing. The tag says
 * where the schema is; the other field of the three is a list of schemas, a bool or a list of strings.
 */
function readPropsOr(reader: Reader, schemaTag: number, readListed: (reader: Reader) => unknown): unknown {
  const end = reader.end()
  let schema: unknown
  let allows: boolean | undefined
  let list: unknown[] | undefined
  while (reader.position < end) {
    const tag = reader.uint32()
    if (tag === schemaTag) schema = readProps(reader)
    else if (tag === 8) allows = reader.bool()
    else if (tag === 18) (list ??= []).push(readListed(reader))
    else reader.skip(tag)
  }
  reader.close(end)
  if (list) return list
  return schema ?? allows ?? null
}

function readProps(reader: Reader): unknown {
  return decoderOf(PROPS)(reader, reader.end())
}

function readText(reader: Reader): string {
  return reader.string()
}

const TOOLS = { readTextEntry, readEntry, readPropsOr, readProps, readText }
