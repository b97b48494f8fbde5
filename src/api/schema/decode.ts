/**
 * Reads JSON into a built-in kind as upstream's decoder does: unknown fields are dropped and told, nulls are absent,
 * quantities, times and bytes take their stored form, and a value of a wrong type is an error in Go's words.
 * Inputs are never changed; parts that stay as they are are shared with the result.
 */
import { setOwn } from '../codec/set-own.ts'
import { badRequest } from '../meta/errors.ts'
import type { GroupVersionKind, KubeObject } from '../meta/object.ts'
import { canonicalQuantity, QuantityError } from '../meta/quantity.ts'
import { canonicalTime, formatDuration, parseDuration, parseTime, timeParseError } from '../meta/time.ts'
import { goQuote } from '../meta/go-text.ts'
import {
  durationName, embeddedMark, embeddedStruct, goTypeOf, jsonKind, mapKeyMark, microTimeName, strictPath, timeName, typeErrorText,
} from './go-decode.ts'
import type { Step } from './go-decode.ts'
import type { Schema } from './schema.ts'

export interface Decoded<T = unknown> {
  readonly value: T
  /** Paths of fields that the schema does not have, in the order met, at most 100. */
  readonly unknownFields: readonly string[]
}

export interface DecodedOrError extends Decoded {
  /** The first type error in Go's words. */
  readonly error?: string
}

/** Reads an object of a kind; throws a 400 StatusError as the API server words it. */
export function decodeObject(value: unknown, schema: Schema, kind: GroupVersionKind): Decoded<KubeObject> {
  const { error, ...decoded } = decodeValue(value, schema)
  if (error !== undefined) {
    throw badRequest(`${kind.kind} in version ${goQuote(kind.version)} cannot be handled as a ${kind.kind}: ${error}`)
  }
  return decoded as Decoded<KubeObject>
}

/** Reads any value by a schema, without an envelope around its error. */
export function decodeValue(value: unknown, schema: Schema): DecodedOrError {
  const reader = new Reader()
  const out = reader.read(value, schema)
  return { value: out, unknownFields: reader.unknown, ...(reader.error === undefined ? {} : { error: reader.error }) }
}

const unknownLimit = 100
const int32Max = 2147483647

/** Go leaves a null element of a list or map at its type's zero value. */
function zeroOf(schema: Schema): unknown {
  if (schema.quantity) return '0'
  if (schema.intOrString) return 0
  switch (schema.type) {
    case 'string': return schema.name === timeName || schema.name === microTimeName ? null : ''
    case 'integer': case 'number': return 0
    case 'boolean': return false
    case 'object': return schema.properties === undefined ? null : {}
    default: return null
  }
}

const shortNames = new Map<string, string>()

function shortName(name: string): string {
  let short = shortNames.get(name)
  if (short === undefined) shortNames.set(name, (short = name.slice(name.lastIndexOf('.') + 1)))
  return short
}

class Reader {
  readonly unknown: string[] = []
  error: string | undefined
  private readonly steps: Step[] = []
  private struct = ''

  read(value: unknown, schema: Schema): unknown {
    if (schema.preserveUnknownFields) return value
    if (schema.properties !== undefined) return this.readStruct(value, schema, schema.properties)
    if (schema.quantity) return this.readQuantity(value)
    if (schema.intOrString) return this.readIntOrString(value)
    switch (schema.type) {
      case 'string': return typeof value === 'string' ? this.readText(value, schema) : this.refuse(value, schema)
      case 'boolean': return typeof value === 'boolean' ? value : this.refuse(value, schema)
      case 'integer': case 'number': return this.readNumber(value, schema)
      case 'array': return this.readList(value, schema)
      case 'object': return this.readMap(value, schema)
      case undefined: return value
    }
  }

  private fail(text: string): unknown {
    this.error ??= text
    return undefined
  }

  private refuse(value: unknown, schema: Schema, what = jsonKind(value)): unknown {
    return this.error === undefined
      ? this.fail(typeErrorText(what, goTypeOf(schema), this.struct, this.steps))
      : undefined
  }

  private readNumber(value: unknown, schema: Schema): unknown {
    if (typeof value !== 'number') return this.refuse(value, schema)
    if (schema.type === 'number') return value
    const fits = Number.isInteger(value) && (schema.format !== 'int32' || (value <= int32Max && value >= -int32Max - 1))
    return fits ? value : this.refuse(value, schema, `number ${value}`)
  }

  private readQuantity(value: unknown): unknown {
    const text = typeof value === 'string' ? value.trim() : typeof value === 'number' ? value : JSON.stringify(value)
    try {
      return canonicalQuantity(text)
    } catch (error) {
      if (error instanceof QuantityError) return this.fail(error.message)
      throw error
    }
  }

  private readIntOrString(value: unknown): unknown {
    if (typeof value === 'string') return value
    return this.readNumber(value, { type: 'integer', format: 'int32' })
  }

  private readText(value: string, schema: Schema): unknown {
    if (schema.format === undefined && schema.name === undefined) return value
    if (schema.name === timeName) {
      const time = canonicalTime(value)
      // Go's zero time is no time.
      return time === '0001-01-01T00:00:00Z' ? undefined : time ?? this.fail(timeParseError(value))
    }
    if (schema.name === microTimeName) return this.readMicroTime(value)
    if (schema.name === durationName) return this.readDuration(value)
    return schema.format === 'byte' ? this.readBytes(value) : value
  }

  private readMicroTime(value: string): unknown {
    const time = parseTime(value)
    const digits = /\.(\d{6})(?:Z|[+-]\d\d:\d\d)$/.exec(value)?.[1]
    if (time === undefined || digits === undefined) {
      return this.fail(timeParseError(value, true))
    }
    return value.endsWith('Z')
      ? value
      : `${new Date(Math.floor(time / 1000) * 1000).toISOString().slice(0, -5)}.${digits}Z`
  }

  private readDuration(value: string): unknown {
    const ms = parseDuration(value)
    return ms === undefined ? this.fail(`time: invalid duration ${goQuote(value)}`) : formatDuration(ms)
  }

  private readBytes(value: string): unknown {
    const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]/g, '') : value
    if (text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)) return text
    const wrong = /[^A-Za-z0-9+/]/.exec(text)
    return this.fail(`illegal base64 data at input byte ${wrong?.index ?? text.length - (text.length % 4)}`)
  }

  private readList(value: unknown, schema: Schema): unknown {
    if (!Array.isArray(value)) return this.refuse(value, schema)
    const { items } = schema
    if (items === undefined) return value
    let out: unknown[] | undefined
    const at = this.steps.length
    for (let i = 0; i < value.length; i++) {
      this.steps[at] = i
      const item: unknown = value[i]
      const read = item === null ? zeroOf(items) : this.read(item, items)
      if (read === item) continue
      out ??= value.slice()
      out[i] = read
    }
    this.steps.length = at
    return out ?? value
  }

  private readMap(value: unknown, schema: Schema): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.refuse(value, schema)
    const values = schema.additionalProperties
    if (values === undefined || typeof values === 'boolean') return value
    const from = value as Record<string, unknown>
    let out: Record<string, unknown> | undefined
    const at = this.steps.length
    for (const key of Object.keys(from)) {
      const item = from[key]
      // Plain texts are by far the most common: labels, annotations, data.
      if (typeof item === 'string' && values.type === 'string' && values.format === undefined) continue
      this.steps[at] = mapKeyMark + key
      const read = item === null ? zeroOf(values) : this.read(item, values)
      if (read === item) continue
      out ??= { ...from }
      setOwn(out, key, read)
    }
    this.steps.length = at
    return out ?? value
  }

  private readStruct(value: unknown, schema: Schema, properties: Readonly<Record<string, Schema>>): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.refuse(value, schema)
    const from = value as Record<string, unknown>
    const outer = this.struct
    const at = this.steps.length
    const keys = Object.keys(from)
    let out: Record<string, unknown> | undefined
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const item = from[key]
      const read = item === null || item === undefined ? this.drop(key, properties)
        : Object.hasOwn(properties, key) ? this.readField(key, item, schema, properties[key]!) : this.drop(key, properties)
      if (out === undefined) {
        if (read === item) continue
        out = {}
        for (let j = 0; j < i; j++) out[keys[j]!] = from[keys[j]!]
      }
      if (read !== undefined) out[key] = read
    }
    this.struct = outer
    this.steps.length = at
    return out ?? value
  }

  private readField(key: string, item: unknown, schema: Schema, property: Schema): unknown {
    const at = this.steps.length
    this.struct = schema.name === undefined ? '' : shortName(schema.name)
    const inner = embeddedStruct(this.struct, key)
    if (inner !== undefined) this.steps.push(embeddedMark + inner)
    this.steps.push(key)
    const read = this.read(item, property)
    this.steps.length = at
    return read
  }

  /** A null of a known field is just absent; an unknown one is told. */
  private drop(key: string, properties: Readonly<Record<string, Schema>>): undefined {
    if (Object.hasOwn(properties, key) || this.unknown.length >= unknownLimit) return undefined
    const path = strictPath(this.steps, key)
    if (!this.unknown.includes(path)) this.unknown.push(path)
    return undefined
  }
}
