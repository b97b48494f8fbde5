/**
 * The form of the journal: what is acknowledged lies in it until the database has it too. A segment is a head (which revision
 * it begins behind, and chance that its frames are checked with, so that what an earlier use of the file left is not taken for
 * them) and frames; a frame is the changes of one write to disk. Pure: files are journal-files.ts.
 *
 *     head   magic 8 | chance 8 | base revision float64 | CRC-32 of these
 *     frame  magic 4 | length of what follows the head 4 | CRC-32 4 | number of changes 4 | first revision float64
 *     change length of key 4 | of value 4 (all ones: deleted) | createRevision float64 | expiresAt float64 | key | value
 */
import { crc32 } from 'node:zlib'
import type { Change, StoredValue } from '../memory/mvcc.ts'
import { DamageError } from './damage.ts'

const headMagic = Buffer.from('CXJRNL01')
const frameMagic = 0x4d524a43
const frameMagicBytes = Buffer.from('CJRM')
export const headBytes = 28
const frameBytes = 24
const changeBytes = 24
const deleted = 0xffff_ffff

export interface SegmentHead {
  /** Of the last change before the segment. */
  readonly base: number
  /** The seed of its frames' checksums. */
  readonly seed: number
}

export function encodeHead(base: number, chance: Uint8Array): { bytes: Buffer; head: SegmentHead } {
  const bytes = Buffer.alloc(headBytes)
  headMagic.copy(bytes)
  bytes.set(chance.subarray(0, 8), 8)
  bytes.writeDoubleLE(base, 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24)
  return { bytes, head: { base, seed: crc32(bytes.subarray(8, 16)) } }
}

/** One frame of changes whose revisions follow each other, behind `before` (a head, or nothing). */
export function encodeFrame(seed: number, changes: readonly Change[], before: Uint8Array = Buffer.alloc(0)): Buffer {
  let size = before.length + frameBytes
  for (const { event: { key }, next } of changes) size += changeBytes + Buffer.byteLength(key) + (next?.value.length ?? 0)
  const out = Buffer.allocUnsafe(size)
  out.set(before, 0)
  const start = before.length
  let at = start + frameBytes
  for (const { event: { key }, next } of changes) {
    const keyLength = out.write(key, at + changeBytes)
    out.writeUInt32LE(keyLength, at)
    out.writeUInt32LE(next?.value.length ?? deleted, at + 4)
    out.writeDoubleLE(next?.createRevision ?? 0, at + 8)
    out.writeDoubleLE(next?.expiresAt ?? 0, at + 16)
    at += changeBytes + keyLength
    if (next === undefined) continue
    out.set(next.value, at)
    at += next.value.length
  }
  out.writeUInt32LE(frameMagic, start)
  out.writeUInt32LE(size - start - frameBytes, start + 4)
  out.writeUInt32LE(changes.length, start + 12)
  out.writeDoubleLE(changes[0]!.revision, start + 16)
  out.writeUInt32LE(crc32(out.subarray(start + 12), seed), start + 8)
  return out
}

export interface KeptChange {
  readonly revision: number
  readonly key: string
  /** Undefined: deleted. */
  readonly next: StoredValue | undefined
}

/** The head of a segment's bytes; undefined when it was never used. Throws DamageError when it is no head. */
export function decodeHead(bytes: Buffer): SegmentHead | undefined {
  const head = bytes.subarray(0, headBytes)
  if (head.every((byte) => byte === 0)) return undefined
  if (head.length < headBytes || !head.subarray(0, 8).equals(headMagic) || head.readUInt32LE(24) !== crc32(head.subarray(0, 24))) {
    throw new DamageError('its journal does not begin as one')
  }
  return { base: head.readDoubleLE(16), seed: crc32(head.subarray(8, 16)) }
}

/**
 * The changes of a segment in order. A frame that is not whole ends it: the process ended while it was written, and nobody was
 * told of it. Frames are written one after another, so that a whole one behind it, of changes later than `known`, means damage.
 */
export function* decodeFrames(bytes: Buffer, { base, seed }: SegmentHead, known: number): Generator<KeptChange, void> {
  let last = base
  let at = headBytes
  for (let frame = frameAt(bytes, at, seed); frame !== undefined && frame.first === last + 1; frame = frameAt(bytes, at, seed)) {
    yield* changesOf(bytes.subarray(at + frameBytes, frame.end), frame.first, frame.count)
    last += frame.count
    at = frame.end
  }
  for (let next = bytes.indexOf(frameMagicBytes, at + 1); next >= 0; next = bytes.indexOf(frameMagicBytes, next + 1)) {
    const frame = frameAt(bytes, next, seed)
    if (frame !== undefined && frame.first > Math.max(last, known)) throw new DamageError(`its journal is broken behind revision ${last} and goes on with ${frame.first}`)
  }
}

interface Frame {
  readonly first: number
  readonly count: number
  readonly end: number
}

/** The frame that begins there, if it is whole. */
function frameAt(bytes: Buffer, at: number, seed: number): Frame | undefined {
  if (at + frameBytes > bytes.length || bytes.readUInt32LE(at) !== frameMagic) return undefined
  const end = at + frameBytes + bytes.readUInt32LE(at + 4)
  if (end > bytes.length || bytes.readUInt32LE(at + 8) !== crc32(bytes.subarray(at + 12, end), seed)) return undefined
  return { first: bytes.readDoubleLE(at + 16), count: bytes.readUInt32LE(at + 12), end }
}

function* changesOf(bytes: Buffer, first: number, count: number): Generator<KeptChange, void> {
  let at = 0
  for (let i = 0; i < count; i++) {
    const keyEnd = at + changeBytes + bytes.readUInt32LE(at)
    const valueLength = bytes.readUInt32LE(at + 4)
    const [createRevision, expiresAt] = [bytes.readDoubleLE(at + 8), bytes.readDoubleLE(at + 16)]
    const key = bytes.toString('utf8', at + changeBytes, keyEnd)
    const revision = first + i
    at = valueLength === deleted ? keyEnd : keyEnd + valueLength
    if (valueLength === deleted) yield { revision, key, next: undefined }
    else {
      // With memory of its own: a view would keep the whole segment.
      const value = Uint8Array.prototype.slice.call(bytes, keyEnd, at)
      yield { revision, key, next: { key, value, createRevision, modRevision: revision, ...(expiresAt === 0 ? {} : { expiresAt }) } }
    }
  }
}

/**
 * The changes behind `known` that segments keep, in the order of revisions. Throws DamageError when some are missing between
 * what is known and what is kept.
 */
export function* changesBehind(segments: readonly Buffer[], known: number): Generator<KeptChange, void> {
  const used = segments.map((bytes) => ({ bytes, head: decodeHead(bytes) })).filter((each) => each.head !== undefined)
  let last = known
  for (const { bytes, head } of used.sort((a, b) => a.head!.base - b.head!.base)) {
    if (head!.base > last) throw new DamageError(`the changes from revision ${last + 1} to ${head!.base} are missing in its journal`)
    for (const change of decodeFrames(bytes, head!, known)) {
      if (change.revision <= last) continue
      last = change.revision
      yield change
    }
  }
}
