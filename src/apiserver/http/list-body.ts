/**
 * A list's body in pieces: the objects' own encodings in turn, never the whole at once, so a hundred clients that list
 * a gigabyte cost no more than what is on its way to them. Compressed, pieces of some dozens of objects are kept with
 * their first object: after a write only the piece with the written object is compressed again.
 */
import { Buffer } from 'node:buffer'
import { protobufListParts } from '../../api/codec/protobuf.ts'
import type { KeptSegment, Segment } from '../../api/meta/encodings.ts'
import type { Entry, ListResponse } from '../handler.ts'
import { entryJson, entryProtobufRaw } from './encode.ts'
import { gzipHeader, gzipTrailer, segmentOf, storedSegment } from './gzip-segments.ts'

/** A list before it is written. */
export interface ListBody {
  readonly kind: 'json' | 'protobuf'
  readonly head: Buffer
  readonly items: readonly Entry[]
  readonly between: Buffer
  readonly tail: Buffer
  /** In bytes, without compression. */
  readonly length: number
  /** What stands for the item at the index. */
  bytes(index: number): readonly Buffer[]
}

const comma = Buffer.from(',')
const nothing = Buffer.alloc(0)
const jsonTail = Buffer.from(']}\n')

/** `typed`: upstream's items are Go's types, which say no kind of their own; those of custom kinds do. */
export function jsonListBody(list: ListResponse, typed = false): ListBody {
  const { items } = list
  if (typed && items.length > 0) return typedListBody(list, items)
  const head = Buffer.from(`{"kind":${JSON.stringify(list.kind)},"apiVersion":${JSON.stringify(list.apiVersion)},"metadata":${JSON.stringify(list.metadata)},"items":[`)
  let length = head.length + jsonTail.length + Math.max(0, items.length - 1)
  for (const entry of items) length += entryJson(entry).length
  return { kind: 'json', head, items, between: comma, tail: jsonTail, length, bytes: (i) => [entryJson(items[i]!)] }
}

const open = Buffer.from(',{')

function typedListBody(list: ListResponse, items: readonly Entry[]): ListBody {
  const cuts = items.map(entryCut)
  const head = Buffer.from(`{"kind":${JSON.stringify(list.kind)},"apiVersion":${JSON.stringify(list.apiVersion)},"metadata":${JSON.stringify(list.metadata)},"items":[{`)
  let length = head.length + jsonTail.length + open.length * (items.length - 1)
  for (const [i, entry] of items.entries()) length += entryJson(entry).length - cuts[i]!
  return { kind: 'json', head, items, between: open, tail: jsonTail, length, bytes: (i) => [entryJson(items[i]!).subarray(cuts[i]!)] }
}

/** How many bytes stand before what is the object's own: the brace, apiVersion and kind, in whichever order. */
function entryCut(entry: Entry): number {
  const { apiVersion, kind } = entry.object
  const [version, name] = [`"apiVersion":${JSON.stringify(apiVersion)},`, `"kind":${JSON.stringify(kind)},`]
  const json = entryJson(entry)
  const head = json.toString('latin1', 0, 1 + version.length + name.length)
  return head === `{${version}${name}` || head === `{${name}${version}` ? head.length : 1
}

export function protobufListBody(list: ListResponse): ListBody {
  const { items } = list
  const parts = protobufListParts(list.apiVersion, list.kind, list.metadata, items.map(entryProtobufRaw))
  let length = 0
  for (const part of parts) length += part.length
  return {
    kind: 'protobuf', head: parts[0]!, items, between: nothing, tail: parts.at(-1)!, length,
    bytes: (i) => [parts[1 + 2 * i]!, parts[2 + 2 * i]!],
  }
}

/** The whole in one buffer, for small lists. */
export function wholeBody(body: ListBody): Buffer {
  return Buffer.concat([...plainParts(body)])
}

function* plainParts({ head, items, between, tail, bytes }: ListBody): Iterable<Buffer> {
  yield head
  for (let i = 0; i < items.length; i++) {
    if (i > 0 && between.length > 0) yield between
    yield* bytes(i)
  }
  yield tail
}

/** How much is handed to the socket at once. */
const chunkBytes = 128 * 1024

/** Small parts are joined, large ones cut. */
function* chunked(parts: Iterable<Buffer>): Iterable<Buffer> {
  let waiting: Buffer[] = []
  let size = 0
  for (const part of parts) {
    for (let at = 0; at < part.length || at === 0; at += chunkBytes) {
      const piece = part.length <= chunkBytes ? part : part.subarray(at, at + chunkBytes)
      waiting.push(piece)
      size += piece.length
      if (size < chunkBytes) continue
      yield waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting)
      waiting = []
      size = 0
    }
  }
  if (size > 0) yield Buffer.concat(waiting)
}

export function plainChunks(body: ListBody): Iterable<Buffer> {
  return chunked(plainParts(body))
}

/** The gzip stream of the body. */
export async function* gzipChunks(body: ListBody): AsyncIterable<Buffer> {
  const done: Segment[] = []
  const ahead: (Segment | Promise<Segment>)[] = []
  const segments = segmentsOf(body)
  let out: Buffer[] = [gzipHeader]
  let size = 0
  for (let next = segments.next(); ; next = segments.next()) {
    if (next.done !== true) ahead.push(next.value)
    // A few are compressed ahead, in as many threads.
    if (next.done !== true && ahead.length < 8) continue
    const first = ahead.shift()
    if (first === undefined) break
    const segment = first instanceof Promise ? await first : first
    done.push(segment)
    out.push(segment.compressed)
    size += segment.compressed.length
    if (size < chunkBytes) continue
    yield Buffer.concat(out)
    out = []
    size = 0
  }
  out.push(gzipTrailer(done))
  yield Buffer.concat(out)
}

function* segmentsOf(body: ListBody): Generator<Segment | Promise<Segment>> {
  yield storedSegment(body.head)
  const between = body.between.length === 0 ? undefined : storedSegment(body.between)
  for (const [start, end] of piecesOf(body)) {
    if (start > 0 && between !== undefined) yield between
    yield compressed(body, start, end)
  }
  yield storedSegment(body.tail)
}

const pieceBytes = 256 * 1024

/** Bounds of the pieces. They go by the objects' ids, so that an object more or less moves only the bounds beside it. */
function* piecesOf({ items, bytes }: ListBody): Generator<readonly [number, number]> {
  let start = 0
  let size = 0
  for (let i = 0; i < items.length; i++) {
    for (const part of bytes(i)) size += part.length
    if (size < pieceBytes && !endsPiece(items[i]!.object.metadata.uid)) continue
    yield [start, i + 1]
    start = i + 1
    size = 0
  }
  if (start < items.length) yield [start, items.length]
}

/** One id in 32: they end in random hexadecimal digits. */
function endsPiece(uid: string | undefined): boolean {
  if (uid === undefined || uid.length < 2) return false
  return uid.charCodeAt(uid.length - 1) === 48 && uid.charCodeAt(uid.length - 2) < 56
}

function compressed(body: ListBody, start: number, end: number): Segment | Promise<Segment> {
  const { items, kind } = body
  const { encodings } = items[start]!
  const known = encodings.segments?.[kind]
  if (known !== undefined && known.items.length === end - start && known.items.every((entry, i) => entry === items[start + i]!.encodings)) {
    return known.segment
  }
  const parts: Buffer[] = []
  for (let i = start; i < end; i++) {
    if (i > start && body.between.length > 0) parts.push(body.between)
    parts.push(...body.bytes(i))
  }
  const segment = segmentOf(Buffer.concat(parts))
  const kept: KeptSegment = { items: items.slice(start, end).map((entry) => entry.encodings), segment };
  (encodings.segments ??= {})[kind] = kept
  const forget = () => {
    if (encodings.segments?.[kind] === kept) delete encodings.segments[kind]
  }
  void segment.then((made) => {
    // What hardly shrinks would double the memory of its objects.
    if (made.compressed.length * 4 > made.length) forget()
    else kept.segment = made
  }, forget)
  return segment
}
