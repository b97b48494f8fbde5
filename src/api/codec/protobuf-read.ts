/** Reads protobuf's primitives. Compiled decoders (protobuf-compile.ts) share one Reader per document. */
import { formatDuration } from '../meta/time.ts'
import { timeText, microTimeText } from './protobuf-time.ts'

/** The bytes are not a message that upstream could have written. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtobufError'
  }
}

/** Longest text that is looked up before it is made. */
const CACHED_LENGTH = 48
const CACHE_SIZE = 4096
/** Field values and label keys repeat over all objects: one string each saves memory and half of the decoding time. */
const cache = Array.from({ length: CACHE_SIZE }, () => '')

/** "k8s" and a zero byte: what every Kubernetes protobuf document starts with. */
export function isEnvelope(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  return end - start >= 4 && bytes[start] === 107 && bytes[start + 1] === 56 && bytes[start + 2] === 115
    && bytes[start + 3] === 0
}

/** Set by protobuf.ts, which knows kinds: objects inside objects (watch events) carry envelopes of their own. */
let decodeNested: (bytes: Buffer) => unknown = () => {
  throw new ProtobufError('no decoder of nested documents')
}
export function onNestedEnvelope(decode: (bytes: Buffer) => unknown): void {
  decodeNested = decode
}

const TWO_32 = 4_294_967_296

export class Reader {
  readonly bytes: Buffer
  position: number

  constructor(bytes: Buffer, position: number) {
    this.bytes = bytes
    this.position = position
  }

  /** An unsigned varint's low 32 bits; higher bits (of negative int32, of int64) are dropped. */
  uint32(): number {
    const { bytes } = this
    let byte = bytes[this.position++] as number
    if (byte < 128) return byte
    let value = byte & 127
    for (let shift = 7; shift < 70; shift += 7) {
      byte = bytes[this.position++] as number
      if (shift < 32) value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
    throw new ProtobufError('proto: integer overflow')
  }

  int32(): number {
    return this.uint32() | 0
  }

  /** An int64 as a number: exact up to 2^53, as JSON's numbers are here. */
  int64(): number {
    const { bytes } = this
    let byte = bytes[this.position++] as number
    if (byte < 128) return byte
    let low = byte & 127
    let high = 0
    for (let shift = 7; shift < 70; shift += 7) {
      byte = bytes[this.position++] as number
      const bits = byte & 127
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high |= bits >> 4
      } else high |= bits << (shift - 32)
      if (byte < 128) return (high | 0) * TWO_32 + (low >>> 0)
    }
    throw new ProtobufError('proto: integer overflow')
  }

  bool(): boolean {
    return this.uint32() !== 0
  }

  double(): number {
    const value = this.bytes.readDoubleLE(this.position)
    this.position += 8
    return value
  }

  /** A length, as the position where its field ends. */
  end(): number {
    const end = this.uint32() + this.position
    if (!(end <= this.bytes.length)) throw new ProtobufError('unexpected EOF')
    return end
  }

  string(): string {
    const end = this.end()
    const { bytes, position: start } = this
    this.position = end
    const length = end - start
    if (length === 0) return ''
    if (length > CACHED_LENGTH) return bytes.toString('utf8', start, end)
    let hash = length
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number
      if (byte > 127) return bytes.toString('utf8', start, end)
      hash = Math.imul(hash, 31) + byte
    }
    const slot = (hash ^ (hash >>> 12)) & (CACHE_SIZE - 1)
    const cached = cache[slot] as string
    if (cached.length === length) {
      let i = 0
      while (i < length && cached.charCodeAt(i) === bytes[start + i]) i++
      if (i === length) return cached
    }
    return (cache[slot] = bytes.toString('latin1', start, end))
  }

  /** Bytes, as JSON shows them. */
  base64(): string {
    const end = this.end()
    const start = this.position
    this.position = end
    return this.bytes.toString('base64', start, end)
  }

  /** A message with one bytes field that holds JSON; null when it is empty. */
  rawJson(): unknown {
    const end = this.end()
    let value: unknown = null
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 10) value = this.jsonText()
      else this.skip(tag)
    }
    this.close(end)
    return value
  }

  private jsonText(): unknown {
    const end = this.end()
    if (isEnvelope(this.bytes, this.position, end)) {
      const nested = this.bytes.subarray(this.position, end)
      this.position = end
      return decodeNested(nested)
    }
    const text = this.bytes.toString('utf8', this.position, end)
    this.position = end
    try {
      return JSON.parse(text)
    } catch (error) {
      throw new ProtobufError(`raw field holds no JSON: ${String(error)}`)
    }
  }

  /** seconds and nanos; null for the empty message, Go's zero time. */
  private seconds = 0
  private nanos = 0
  private instant(): boolean {
    const end = this.end()
    const empty = this.position === end
    this.seconds = 0
    this.nanos = 0
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 8) this.seconds = this.int64()
      else if (tag === 16) this.nanos = this.int32()
      else this.skip(tag)
    }
    this.close(end)
    return !empty
  }

  time(): string | null {
    return this.instant() ? timeText(this.seconds) : null
  }

  microTime(): string | null {
    return this.instant() ? microTimeText(this.seconds, this.nanos) : null
  }

  /** Quantity: a message with one string. */
  quantity(): string {
    const end = this.end()
    let value = ''
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 10) value = this.string()
      else this.skip(tag)
    }
    this.close(end)
    return value === '' ? '0' : value
  }

  intOrString(): number | string {
    const end = this.end()
    let type = 0
    let number = 0
    let text = ''
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 8) type = this.int32()
      else if (tag === 16) number = this.int32()
      else if (tag === 26) text = this.string()
      else this.skip(tag)
    }
    this.close(end)
    return type === 1 ? text : number
  }

  /** A message with one repeated string. */
  strings(): string[] {
    const end = this.end()
    const items: string[] = []
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 10) items.push(this.string())
      else this.skip(tag)
    }
    this.close(end)
    return items
  }

  /** Duration: a message with nanoseconds, a text such as "1m30s" in JSON. */
  duration(): string {
    const end = this.end()
    let value = 0
    while (this.position < end) {
      const tag = this.uint32()
      if (tag === 8) value = this.int64()
      else this.skip(tag)
    }
    this.close(end)
    return formatDuration(value / 1e6)
  }

  /** Every message ends exactly where its length says. */
  close(end: number): void {
    if (this.position !== end) throw new ProtobufError('unexpected EOF')
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.uint32()
        return
      case 1:
        this.position += 8
        return
      case 2:
        this.position = this.end()
        return
      case 5:
        this.position += 4
        return
      default:
        throw new ProtobufError(`proto: illegal wireType ${tag & 7}`)
    }
  }
}
