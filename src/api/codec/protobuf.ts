/**
 * Kubernetes' protobuf documents: "k8s\0", then a runtime.Unknown with apiVersion, kind and the object's message.
 * Objects on this side are JSON-shaped: what is decoded here is what upstream's JSON of the same object says.
 */
import type { KubeObject } from '../meta/object.ts'
import { decoderOf } from './protobuf-decode.ts'
import { encoderOf } from './protobuf-encode.ts'
import { isEnvelope, onNestedEnvelope, ProtobufError, Reader } from './protobuf-read.ts'
import { Writer } from './protobuf-write.ts'
import { wireTypeOfKind, type WireType } from './wire.ts'

export { ProtobufError } from './protobuf-read.ts'

const MAGIC = Buffer.from('k8s\0')
/** contentEncoding and contentType, both empty. */
const NO_CONTENT = Buffer.from([0x1a, 0, 0x22, 0])

export interface Gvk {
  apiVersion: string
  kind: string
}

/** True for bytes that start as a Kubernetes protobuf document. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return isEnvelope(bytes)
}

/** True for kinds that have a protobuf form: built-in ones, not CRs or Tables. */
export function canEncodeProtobuf(gvk: Gvk): boolean {
  const type = wireTypeOfKind(gvk.apiVersion, gvk.kind)
  return type !== undefined && type.fields.every((field) => field.number > 0)
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

interface Envelope extends Gvk {
  start: number
  end: number
}

/** What the envelope says, and where the message is. */
function readEnvelope(bytes: Buffer): Envelope {
  if (!isEnvelope(bytes)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  const reader = new Reader(bytes, MAGIC.length)
  const envelope = { apiVersion: '', kind: '', start: bytes.length, end: bytes.length }
  while (reader.position < bytes.length) {
    const tag = reader.uint32()
    if (tag === 10) readTypeMeta(reader, envelope)
    else if (tag === 18) {
      envelope.end = reader.end()
      envelope.start = reader.position
      reader.position = envelope.end
    } else reader.skip(tag)
  }
  reader.close(bytes.length)
  return envelope
}

function readTypeMeta(reader: Reader, into: Gvk): void {
  const end = reader.end()
  while (reader.position < end) {
    const tag = reader.uint32()
    if (tag === 10) into.apiVersion = reader.string()
    else if (tag === 18) into.kind = reader.string()
    else reader.skip(tag)
  }
  reader.close(end)
}

/** The kind of a document, without reading the object. Throws ProtobufError. */
export function protobufKind(bytes: Uint8Array): Gvk {
  const { apiVersion, kind } = readEnvelope(asBuffer(bytes))
  return { apiVersion, kind }
}

function typeOfKind(gvk: Gvk): WireType {
  const type = wireTypeOfKind(gvk.apiVersion, gvk.kind)
  if (!type) {
    const [kind, version] = [JSON.stringify(gvk.kind), JSON.stringify(gvk.apiVersion)]
    throw new ProtobufError(`no kind ${kind} is registered for version ${version}`)
  }
  return type
}

function decodeMessage(buffer: Buffer, start: number, end: number, gvk: Gvk): KubeObject {
  const type = typeOfKind(gvk)
  const into = type.typeMeta ? { kind: gvk.kind, apiVersion: gvk.apiVersion } : {}
  return guarded(() => decoderOf(type.name)(new Reader(buffer, start), end, into)) as KubeObject
}

/**
 * The object of a document. A kind that the envelope does not name is taken from `defaults`, as upstream takes it from
 * the request's path. Throws ProtobufError for broken bytes and for kinds that have no protobuf form.
 */
export function decodeProtobuf(bytes: Uint8Array, defaults?: Gvk): KubeObject {
  const buffer = asBuffer(bytes)
  const envelope = readEnvelope(buffer)
  return decodeMessage(buffer, envelope.start, envelope.end, {
    apiVersion: envelope.apiVersion || (defaults?.apiVersion ?? ''),
    kind: envelope.kind || (defaults?.kind ?? ''),
  })
}

/** The object of a bare message, without the envelope. */
export function decodeProtobufRaw(bytes: Uint8Array, gvk: Gvk): KubeObject {
  const buffer = asBuffer(bytes)
  return decodeMessage(buffer, 0, buffer.length, gvk)
}

/** Bytes from outside may nest without end or point past their end. */
function guarded<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof RangeError) throw new ProtobufError(`message cannot be read: ${error.message}`)
    throw error
  }
}

onNestedEnvelope((bytes) => decodeProtobuf(bytes))

const writer = new Writer()

/**
 * The document of an object, by its own apiVersion and kind unless `gvk` says others. Throws ProtobufError for kinds
 * without protobuf form.
 */
export function encodeProtobuf(object: object, gvk: Gvk = kindOf(object)): Buffer {
  const type = typeOfKind(gvk)
  const encode = encoderOf(type.name)
  writer.reset()
  writer.raw(NO_CONTENT)
  const mark = writer.size()
  encode(writer, object)
  writer.message(mark, 18)
  writeHead(type.typeMeta ? gvk : { apiVersion: '', kind: '' })
  return writer.copy()
}

function kindOf(object: Partial<Gvk>): Gvk {
  return { apiVersion: object.apiVersion ?? '', kind: object.kind ?? '' }
}

/** What stands before the message in an envelope. */
function writeHead(gvk: Gvk): void {
  const mark = writer.size()
  writer.string(gvk.kind, 18)
  writer.string(gvk.apiVersion, 10)
  writer.message(mark, 10)
  writer.raw(MAGIC)
}

/** The bare message of an object, as lists hold it. Its kind is the argument's, since items need not carry theirs. */
export function encodeProtobufRaw(object: unknown, gvk: Gvk): Buffer {
  const encode = encoderOf(typeOfKind(gvk).name)
  writer.reset()
  encode(writer, object)
  return writer.copy()
}

/** The bare message inside a document: a view of its bytes, no copy. */
export function protobufMessage(document: Buffer): Buffer {
  const { start, end } = readEnvelope(document)
  return document.subarray(start, end)
}

const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'

/** A list document as pieces to be written in turn: its head, then per item a small head and the item's own bytes. */
export function protobufListParts(
  apiVersion: string, listKind: string, metadata: object, rawItems: readonly Buffer[],
): Buffer[] {
  const parts: Buffer[] = []
  let length = 0
  for (const item of rawItems) {
    writer.reset()
    writer.uint32(item.length)
    writer.uint32(18)
    const head = writer.copy()
    parts.push(head, item)
    length += head.length + item.length
  }
  writer.reset()
  const mark = writer.size()
  encoderOf(LIST_META)(writer, metadata)
  writer.message(mark, 10)
  writer.uint32(writer.size() + length)
  writer.uint32(18)
  writeHead({ apiVersion, kind: listKind })
  return [writer.copy(), ...parts, NO_CONTENT]
}

/** A list document from the bare messages of its items (encodeProtobufRaw), which are copied as they are. */
export function encodeProtobufList(
  apiVersion: string, listKind: string, metadata: object, rawItems: readonly Buffer[],
): Buffer {
  return Buffer.concat(protobufListParts(apiVersion, listKind, metadata, rawItems))
}

/** One frame of a protobuf watch: a length of four bytes, then a bare WatchEvent that holds a whole document. */
export function encodeWatchEventProtobuf(type: string, document: Uint8Array): Buffer {
  writer.reset()
  writer.raw(document)
  writer.message(0, 10)
  writer.message(0, 18)
  writer.string(type, 10)
  const length = writer.size()
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32BE(length)
  writer.raw(head)
  return writer.copy()
}

const WATCH_EVENT = 'io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent'

/** The event of a frame's content (without its length). */
export function decodeWatchEventProtobuf(content: Uint8Array): { type: string; object: KubeObject } {
  const buffer = asBuffer(content)
  const event = guarded(() => decoderOf(WATCH_EVENT)(new Reader(buffer, 0), buffer.length))
  return event as unknown as { type: string; object: KubeObject }
}
