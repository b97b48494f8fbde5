/**
 * Writes protobuf's primitives from the end of a buffer to its start, as gogo-protobuf does: when a message's content
 * is written its length is known, so nothing is measured twice. Callers write fields in falling order of their numbers.
 */
import { parseDuration } from '../meta/time.ts'
import { microsOf, secondsOf } from './protobuf-time.ts'

const START_SIZE = 64 * 1024
/** A buffer that one large object made is not kept. */
const KEEP_SIZE = 4 * 1024 * 1024
/** Up to this length a loop over characters beats the call into Buffer. */
const SHORT = 48
const TWO_32 = 4_294_967_296

export class Writer {
  bytes: Buffer = Buffer.allocUnsafeSlow(START_SIZE)
  /** Everything from here to the end is written. */
  position = START_SIZE

  /** Forgets what was written. */
  reset(): void {
    if (this.bytes.length > KEEP_SIZE) this.bytes = Buffer.allocUnsafeSlow(START_SIZE)
    this.position = this.bytes.length
  }

  /** A copy of all that was written, with memory of its own: it may be kept for long (see ownBytes). */
  copy(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.bytes.length - this.position)
    this.bytes.copy(out, 0, this.position)
    return out
  }

  /** Makes room for n more bytes. Positions counted from the end stay true; those from the start do not. */
  private grow(n: number): void {
    const used = this.bytes.length - this.position
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, used + n + START_SIZE))
    this.bytes.copy(bigger, bigger.length - used, this.position)
    this.bytes = bigger
    this.position = bigger.length - used
  }

  /** How many bytes are written: a mark that survives growing. */
  size(): number {
    return this.bytes.length - this.position
  }

  /** The length of what was written since `mark`, which was size() then, and the tag before it. */
  message(mark: number, tag: number): void {
    this.uint32(this.bytes.length - this.position - mark)
    this.uint32(tag)
  }

  uint32(value: number): void {
    if (this.position < 5) this.grow(5)
    const { bytes } = this
    if (value < 0x80) {
      bytes[--this.position] = value
    } else if (value < 0x4000) {
      bytes[--this.position] = value >>> 7
      bytes[--this.position] = (value & 127) | 128
    } else {
      let length = 3
      for (let rest = value >>> 21; rest > 0; rest >>>= 7) length++
      let at = (this.position -= length)
      for (; value > 127; value >>>= 7) bytes[at++] = (value & 127) | 128
      bytes[at] = value
    }
  }

  /** int32 and int64 alike: a negative number takes ten bytes. */
  int(value: number, tag: number): void {
    if (value >= 0 && value < 0x80000000) {
      this.uint32(value)
    } else {
      if (this.position < 10) this.grow(10)
      const whole = Math.trunc(value)
      let high = Math.floor(whole / TWO_32) >>> 0
      let low = whole >>> 0
      if (!Number.isFinite(whole)) high = low = 0
      const groups: number[] = []
      do {
        groups.push(low & 127)
        low = ((low >>> 7) | (high << 25)) >>> 0
        high >>>= 7
      } while (low !== 0 || high !== 0)
      this.position -= groups.length
      const last = groups.length - 1
      for (let i = 0; i <= last; i++) this.bytes[this.position + i] = (groups[i] as number) | (i < last ? 128 : 0)
    }
    this.uint32(tag)
  }

  bool(value: boolean, tag: number): void {
    this.uint32(value ? 1 : 0)
    this.uint32(tag)
  }

  double(value: number, tag: number): void {
    if (this.position < 8) this.grow(8)
    this.bytes.writeDoubleLE(value, (this.position -= 8))
    this.uint32(tag)
  }

  string(value: string, tag: number): void {
    this.text(value)
    this.uint32(tag)
  }

  /** A string with its length, no tag. */
  text(value: string): void {
    const { length } = value
    if (length <= SHORT) {
      if (this.position < length) this.grow(length)
      const { bytes } = this
      const start = this.position - length
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code > 127) break
        bytes[start + i] = code
      }
      if (i === length) {
        this.position = start
        this.uint32(length)
        return
      }
    }
    const size = Buffer.byteLength(value)
    if (this.position < size) this.grow(size)
    this.position -= size
    this.bytes.write(value, this.position, size, 'utf8')
    this.uint32(size)
  }

  /** Bytes from their base64. */
  base64(value: string, tag: number): void {
    const size = Buffer.byteLength(value, 'base64')
    if (this.position < size) this.grow(size)
    const end = this.position
    const written = this.bytes.write(value, end - size, size, 'base64')
    if (written < size) this.bytes.copyWithin(end - written, end - size, end - size + written)
    this.position = end - written
    this.uint32(written)
    this.uint32(tag)
  }

  raw(value: Uint8Array): void {
    if (this.position < value.length) this.grow(value.length)
    this.position -= value.length
    this.bytes.set(value, this.position)
  }

  /** A message with one bytes field that holds JSON; without it when the value is null. */
  rawJson(value: unknown, tag: number): void {
    const mark = this.size()
    if (value !== null && value !== undefined) this.string(JSON.stringify(value), 10)
    this.message(mark, tag)
  }

  /** Absent and unreadable times are Go's zero time: an empty message. */
  time(value: unknown, tag: number): void {
    const mark = this.size()
    const seconds = typeof value === 'string' ? secondsOf(value) : Number.NaN
    if (!Number.isNaN(seconds)) {
      this.int(0, 16)
      this.int(seconds, 8)
    }
    this.message(mark, tag)
  }

  microTime(value: unknown, tag: number): void {
    const mark = this.size()
    const seconds = typeof value === 'string' ? secondsOf(value) : Number.NaN
    if (!Number.isNaN(seconds)) {
      this.int(microsOf(value as string), 16)
      this.int(seconds, 8)
    }
    this.message(mark, tag)
  }

  quantity(value: unknown, tag: number): void {
    const mark = this.size()
    this.string(typeof value === 'string' || typeof value === 'number' ? String(value) : '0', 10)
    this.message(mark, tag)
  }

  intOrString(value: unknown, tag: number): void {
    const mark = this.size()
    const isText = typeof value === 'string'
    this.string(isText ? value : '', 26)
    this.int(isText ? 0 : Number(value ?? 0), 16)
    this.int(isText ? 1 : 0, 8)
    this.message(mark, tag)
  }

  /** A message with one repeated string. */
  strings(value: unknown, tag: number): void {
    const mark = this.size()
    if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i--) this.string(String(value[i]), 10)
    this.message(mark, tag)
  }

  duration(value: unknown, tag: number): void {
    const mark = this.size()
    this.int(typeof value === 'string' ? (parseDuration(value) ?? 0) * 1e6 : 0, 8)
    this.message(mark, tag)
  }
}
