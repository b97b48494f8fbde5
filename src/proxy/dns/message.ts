/** DNS messages as bytes (RFC 1035, 2782, 3596, 6891). Names are text without the last dot; "" is the root. */

export const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const
export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const

export interface Question {
  /** As asked: its case is given back. */
  readonly name: string
  readonly type: number
}

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: string }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'SOA'; readonly primary: string; readonly mailbox: string; readonly serial: number; readonly minimum: number }

export interface ResourceRecord {
  readonly name: string
  readonly ttlSeconds: number
  readonly data: RecordData
}

export interface Query {
  readonly id: number
  readonly recursionDesired: boolean
  readonly question: Question
  /** What the asker can take over UDP; 512 without EDNS. */
  readonly udpSize: number
  readonly edns: boolean
}

export interface Answer {
  readonly rcode: number
  readonly authoritative: boolean
  readonly answers: readonly ResourceRecord[]
  readonly authority?: readonly ResourceRecord[]
  readonly additional?: readonly ResourceRecord[]
}

export class MessageError extends Error {}

/** Reads a query with one question. Throws MessageError for anything else. */
export function parseQuery(bytes: Buffer): Query {
  if (bytes.length < 12) throw new MessageError('shorter than a header')
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0x8000) !== 0) throw new MessageError('not a query')
  if (((flags >> 11) & 15) !== 0) throw new MessageError('not a standard query')
  if (bytes.readUInt16BE(4) !== 1) throw new MessageError('not one question')
  const [name, at] = readName(bytes, 12)
  if (at + 4 > bytes.length) throw new MessageError('question cut off')
  const question = { name, type: bytes.readUInt16BE(at) }
  const edns = findOpt(bytes, at + 4)
  return { id: bytes.readUInt16BE(0), recursionDesired: (flags & 0x100) !== 0, question, udpSize: Math.max(512, edns ?? 512), edns: edns !== undefined }
}

/** The UDP size in the OPT record behind the question. */
function findOpt(bytes: Buffer, from: number): number | undefined {
  let at = from
  const records = bytes.readUInt16BE(6) + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
  for (let i = 0; i < records && at < bytes.length; i++) {
    const [, next] = readName(bytes, at)
    if (next + 10 > bytes.length) return undefined
    if (bytes.readUInt16BE(next) === types.OPT) return bytes.readUInt16BE(next + 2)
    at = next + 10 + bytes.readUInt16BE(next + 8)
  }
  return undefined
}

/** The name at an offset and where it ends; follows compression pointers backwards only, so that it always ends. */
export function readName(bytes: Buffer, offset: number): [name: string, end: number] {
  const labels: string[] = []
  let at = offset
  let end = -1
  let limit = offset
  let length = 0
  for (;;) {
    const size = bytes[at]
    if (size === undefined) throw new MessageError('name cut off')
    if ((size & 0xc0) === 0xc0) {
      const target = bytes.readUInt16BE(at) & 0x3fff
      if (target >= limit) throw new MessageError('name points forward')
      if (end < 0) end = at + 2
      limit = target
      at = target
      continue
    }
    if (size > 63) throw new MessageError('label too long')
    at++
    if (size === 0) break
    if (at + size > bytes.length) throw new MessageError('label cut off')
    length += size + 1
    if (length > 254) throw new MessageError('name too long')
    labels.push(bytes.toString('latin1', at, at + size))
    at += size
  }
  return [labels.join('.'), end < 0 ? at : end]
}

/** The answer to a query as bytes. Over `limit` bytes it is cut off behind the question and marked as truncated. */
export function encodeAnswer(query: Query, answer: Answer, limit = 65_535): Buffer {
  const whole = encode(query, answer, false)
  return whole.length <= limit ? whole : encode(query, { ...answer, answers: [], authority: [], additional: [] }, true)
}

/** An OPT record: root name, our UDP size, no extended flags, no options. */
const opt = Uint8Array.of(0, 0, types.OPT, 0x10, 0, 0, 0, 0, 0, 0, 0)

function encode(query: Query, answer: Answer, truncated: boolean): Buffer {
  const writer = new Writer()
  const { answers, authority = [], additional = [] } = answer
  const flags = 0x8000 | (answer.authoritative ? 0x400 : 0) | (truncated ? 0x200 : 0) | (query.recursionDesired ? 0x100 : 0) | 0x80 | answer.rcode
  for (const word of [query.id, flags, 1, answers.length, authority.length, additional.length + (query.edns ? 1 : 0)]) writer.uint16(word)
  writer.name(query.question.name)
  writer.uint16(query.question.type)
  writer.uint16(1)
  for (const record of [...answers, ...authority, ...additional]) writer.record(record)
  if (query.edns) writer.bytes(opt)
  return writer.finish()
}

/** Every message is written here first: one at a time, since writing waits for nothing. */
const scratch = { buffer: Buffer.allocUnsafe(4096) }

class Writer {
  #at = 0
  /** Where the names of this message begin that others may point to. */
  readonly #names = new Map<string, number>()

  #grow(size: number): Buffer {
    if (this.#at + size > scratch.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(scratch.buffer.length * 2, this.#at + size))
      scratch.buffer.copy(larger, 0, 0, this.#at)
      scratch.buffer = larger
    }
    return scratch.buffer
  }
  uint16(value: number): void {
    const buffer = this.#grow(2)
    buffer[this.#at++] = value >>> 8
    buffer[this.#at++] = value
  }
  uint32(value: number): void {
    this.uint16(value >>> 16)
    this.uint16(value & 0xffff)
  }
  bytes(content: Uint8Array): void {
    this.#grow(content.length).set(content, this.#at)
    this.#at += content.length
  }
  /** A byte of length and so much of the text. */
  label(text: string, from: number, end: number): void {
    const buffer = this.#grow(end - from + 1)
    buffer[this.#at++] = end - from
    for (let i = from; i < end; i++) buffer[this.#at++] = text.charCodeAt(i)
  }
  /** The rest of a name that is there already is a pointer to it. */
  name(name: string, compress = true): void {
    for (let from = 0; from < name.length;) {
      const rest = from === 0 ? name : name.slice(from)
      const known = compress ? this.#names.get(rest) : undefined
      if (known !== undefined) return this.uint16(0xc000 | known)
      if (this.#at < 0x4000) this.#names.set(rest, this.#at)
      const dot = name.indexOf('.', from)
      const end = dot < 0 ? name.length : dot
      this.label(name, from, end)
      from = end + 1
    }
    this.#grow(1)[this.#at++] = 0
  }
  record({ name, ttlSeconds, data }: ResourceRecord): void {
    this.name(name)
    this.uint16(types[data.type])
    this.uint16(1)
    this.uint32(ttlSeconds)
    const lengthAt = this.#at
    this.uint16(0)
    this.#data(data)
    scratch.buffer.writeUInt16BE(this.#at - lengthAt - 2, lengthAt)
  }
  #data(data: RecordData): void {
    switch (data.type) {
      case 'A':
        return this.ipv4(data.address)
      case 'AAAA':
        return this.bytes(ipv6Bytes(data.address))
      case 'SRV':
        for (const value of [data.priority, data.weight, data.port]) this.uint16(value)
        // RFC 2782: this name is not compressed.
        return this.name(data.target, false)
      case 'TXT':
        return this.label(data.text, 0, Math.min(255, data.text.length))
      case 'SOA':
        this.name(data.primary)
        this.name(data.mailbox)
        for (const value of [data.serial, 7200, 1800, 86_400, data.minimum]) this.uint32(value)
        return
      default:
        return this.name(data.target)
    }
  }
  ipv4(address: string): void {
    const buffer = this.#grow(4)
    let value = 0
    for (let i = 0; i < address.length; i++) {
      const code = address.charCodeAt(i)
      if (code !== 46) value = value * 10 + code - 48
      else {
        buffer[this.#at++] = value
        value = 0
      }
    }
    buffer[this.#at++] = value
  }
  finish(): Buffer {
    return Buffer.from(scratch.buffer.subarray(0, this.#at))
  }
}

/** The 16 bytes of an IPv6 address as text, "::" and a dotted end included. */
export function ipv6Bytes(address: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16)
  const text = dotted === null ? address : `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}`
  const [head = '', tail] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const all = tail === undefined ? front : [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back]
  const out = Buffer.alloc(16)
  all.forEach((group, i) => out.writeUInt16BE(parseInt(group, 16), 2 * i))
  return out
}
