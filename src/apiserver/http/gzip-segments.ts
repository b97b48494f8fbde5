/**
 * Gzip made of pieces that are compressed once and joined for each answer: a piece ends on a byte and refers to nothing
 * before it (Z_FULL_FLUSH), so any row of pieces is one valid stream. Only the checksum runs over the whole, and that of a
 * row follows from those of its pieces.
 */
import { Buffer } from 'node:buffer'
import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'
import type { Segment } from '../../api/meta/encodings.ts'

const deflate = promisify(deflateRaw)

/** Compresses in the thread pool, at upstream's level. */
export async function segmentOf(bytes: Buffer): Promise<Segment> {
  const compressed = await deflate(bytes, { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_FULL_FLUSH })
  return { compressed: own(compressed), length: bytes.length, crc: crc32(bytes), shift: powerOfX(bytes.length) }
}

/** As it is: for the little that stands between pieces. At most 65,535 bytes. */
export function storedSegment(bytes: Buffer): Segment {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(bytes.length ^ 0xffff, 3)
  return { compressed: Buffer.concat([head, bytes]), length: bytes.length, crc: crc32(bytes), shift: powerOfX(bytes.length) }
}

/** Without the slack of zlib's output buffer, because segments are kept. */
function own(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafeSlow(bytes.length)
  out.set(bytes)
  return out
}

export const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255])

/** The end of the stream that the segments make: an empty last block, checksum and length. */
export function gzipTrailer(segments: Iterable<Segment>): Buffer {
  let crc = 0
  let length = 0
  for (const segment of segments) {
    crc = (multiply(segment.shift, crc) ^ segment.crc) >>> 0
    length += segment.length
  }
  const trailer = Buffer.alloc(10)
  trailer[0] = 3
  trailer.writeUInt32LE(crc, 2)
  trailer.writeUInt32LE(length >>> 0, 6)
  return trailer
}

// Checksums are polynomials over GF(2), highest power in the lowest bit: appending n bytes multiplies by x^(8n).
const polynomial = 0xedb88320

function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= b
    b = b & 1 ? (b >>> 1) ^ polynomial : b >>> 1
  }
  return product >>> 0
}

/** x^(2^k). */
const squares: number[] = [1 << 30]
for (let k = 1; k < 32; k++) squares.push(multiply(squares[k - 1]!, squares[k - 1]!))

/** x^(8 * bytes). */
function powerOfX(bytes: number): number {
  let power = 0x80000000
  for (let n = bytes, k = 3; n > 0; n = Math.floor(n / 2), k++) if (n % 2 === 1) power = multiply(squares[k % 32]!, power)
  return power >>> 0
}
