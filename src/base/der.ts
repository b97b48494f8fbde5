/** ASN.1 DER, as much of it as certificates and requests for them need. */

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  const head = body.length < 0x80 ? [tag, body.length] : [tag, ...longLength(body.length)]
  return Buffer.concat([Buffer.from(head), body])
}

function longLength(length: number): number[] {
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return [0x80 | bytes.length, ...bytes]
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
export const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts)
export const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
export const bits = (bytes: Uint8Array, unused = 0): Buffer => der(0x03, Buffer.from([unused]), bytes)
export const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]))
/** An unsigned number given as bytes. */
export const integer = (bytes: Uint8Array): Buffer => der(0x02, bytes[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
/** [n] EXPLICIT. */
export const explicit = (n: number, content: Uint8Array): Buffer => der(0xa0 | n, content)
/** [n] IMPLICIT of a primitive. */
export const implicit = (n: number, content: Uint8Array): Buffer => der(0x80 | n, content)

export function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number)
  const bytes = [first! * 40 + second!]
  for (const arc of rest) {
    const group = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) group.unshift((left & 0x7f) | 0x80)
    bytes.push(...group)
  }
  return der(0x06, Buffer.from(bytes))
}

/** UTCTime up to 2049, GeneralizedTime from 2050 on, as RFC 5280 wants it. */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits))
}

/** Four or sixteen bytes. */
export function ipBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head, tail] = address.split('::')
  const groups = (text: string | undefined): number[] => (text === undefined || text === '' ? [] : text.split(':').flatMap(groupBytes))
  const left = groups(head)
  const right = groups(tail)
  return Buffer.from([...left, ...Buffer.alloc(16 - left.length - right.length), ...right])
}

function groupBytes(group: string): number[] {
  if (group.includes('.')) return group.split('.').map(Number)
  const value = parseInt(group, 16)
  return [value >> 8, value & 0xff]
}

/** The content of a DER value and what follows it. */
export function read(bytes: Buffer, offset = 0): { tag: number; content: Buffer; end: number; whole: Buffer } {
  const tag = bytes[offset]!
  let length = bytes[offset + 1]!
  let start = offset + 2
  if (length & 0x80) {
    const count = length & 0x7f
    length = 0
    for (let i = 0; i < count; i++) length = length * 256 + bytes[start++]!
  }
  return { tag, content: bytes.subarray(start, start + length), end: start + length, whole: bytes.subarray(offset, start + length) }
}

/** The values inside a constructed one. */
export function children(content: Buffer): ReturnType<typeof read>[] {
  const found: ReturnType<typeof read>[] = []
  for (let offset = 0; offset < content.length;) {
    const value = read(content, offset)
    found.push(value)
    offset = value.end
  }
  return found
}
