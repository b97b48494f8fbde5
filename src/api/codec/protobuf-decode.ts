/** Decoders: from protobuf bytes straight to the object that Go's JSON would show, in the order of its fields. */
import { perType, property, Source, tagOf, wireTypeOf } from './compile.ts'
import { type Reader } from './protobuf-read.ts'
import { setOwn } from './set-own.ts'
import type { WireField, WireType } from './wire.ts'

/** Reads a message that ends at `end`. `into` has kind and apiVersion already, or is what an inlined struct adds to. */
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
    lines.push(`case ${tagOf(field)}: { ${caseText(source, field, v)}; break }`)
    if (field.repeated && wireTypeOf(field) !== 2) {
      // proto2 lists are not packed, but every reader must take packed ones.
      const loop = `while (reader.position < e) ${v}.push(${readOne(source, field)})`
      lines.push(`case ${field.number * 8 + 2}: { const e = reader.end(); ${v} ??= []; ${loop}; break }`)
    }
  }
  lines.push('default: reader.skip(tag)', '}', '}', 'reader.close(end)')
  const parts = fields.map(({ field, v }) => assignText(source, field, v))
  const always = parts.filter((part) => part.when === undefined).length
  lines.push(`let n = ${always}`)
  for (const { when } of parts) if (when !== undefined) lines.push(`if (${when}) n++`)
  lines.push('const o = into === undefined ? objectOf(n) : into')
  for (const { when, set } of parts) lines.push(when === undefined ? set : `if (${when}) ${set}`)
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
  if (field.repeated) {
    return `const e = ${readOne(source, field)}; if (${v} === undefined) ${v} = [e]; else ${v}.push(e)`
  }
  return `${v} = ${readOne(source, field)}`
}

interface Assignment {
  /** The condition; absent when the field is always there. */
  when?: string
  set: string
}

/** Go leaves a field out when its tag says omitempty and it is nil, zero, or an empty list or map; structs stay. */
function assignText(source: Source, field: WireField, v: string): Assignment {
  const target = `o${property(field.json)}`
  if (field.inline) {
    const decode = source.use(field.type as string)
    const set = `if (${v} < 0) ${decode}(reader, reader.position, o)\n`
      + `else { reader.position = ${v}; ${decode}(reader, ${v}e, o); reader.position = end }`
    return { set }
  }
  if (field.pointer || field.map || field.repeated) {
    // push() leaves room for sixteen more, which stays with the object as long as it lives.
    const value = field.repeated ? `${v}.length > 1 ? ${v}.slice() : ${v}` : v
    if (field.omitEmpty) return { when: `${v} !== undefined`, set: `${target} = ${value}` }
    return { set: `${target} = ${v} === undefined ? null : ${value}` }
  }
  if (field.omitZero) return { when: `${v} !== undefined && ${v} !== null`, set: `${target} = ${v}` }
  const zero = field.omitEmpty ? ZERO[field.kind] : undefined
  if (zero !== undefined) return { when: `${v} !== undefined && ${v}${zero}`, set: `${target} = ${v}` }
  return { set: `${target} = ${v} === undefined ? ${zeroOf(source, field)} : ${v}` }
}

/** What a value that is not Go's zero passes. */
const ZERO: Readonly<Partial<Record<string, string>>> = {
  s: ` !== ''`, y: ` !== ''`, b: '', i: ' !== 0', l: ' !== 0', d: ' !== 0', w: '.length > 0',
}

const LARGEST = 64

interface Constructor {
  new (): Record<string, unknown>
  prototype: unknown
}

/**
 * Empty objects with room for exactly n fields, as JSON.parse makes them: an object that grows field by field takes
 * twice the memory. The engine sizes what a constructor makes by the assignments in its text, and trims it by its
 * first uses.
 */
const constructors = Array.from({ length: LARGEST + 1 }, (_, n) => {
  const body = Array.from({ length: n }, (_each, i) => `this.f${i} = 0`).join(';')
  // oxlint-disable-next-line typescript/no-implied-eval -- see compile.ts
  const make = new Function('fill', `if (fill === true) { ${body} }`) as unknown as Constructor
  make.prototype = Object.prototype
  return make
})

function objectOf(n: number): Record<string, unknown> {
  return n > LARGEST ? {} : new (constructors[n] as Constructor)()
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

const TOOLS = { objectOf, readTextEntry, readEntry, readPropsOr, readProps, readText }
