/** The wire forms of one frozen object, each made at most once and shared by every reader (see ARCHITECTURE.md). */
export interface Encodings {
  json?: Buffer
  /** With the k8s\0 envelope. */
  protobuf?: Buffer
  /** Raw message without the envelope, for items of a protobuf list. */
  protobufRaw?: Buffer
  /** The watch frames that were written last for this object, by event type. */
  watchJson?: Partial<Record<string, Buffer>>
  watchProtobuf?: Partial<Record<string, Buffer>>
  /** Compressed pieces of lists that begin with this object, by format. */
  segments?: Partial<Record<'json' | 'protobuf', KeptSegment>>
}

/** A piece of a gzip stream that can stand in any stream (http/gzip-segments.ts). */
export interface Segment {
  readonly compressed: Buffer
  /** Of the bytes before compression. */
  readonly length: number
  readonly crc: number
  /** What a checksum before this piece is multiplied by. */
  readonly shift: number
}

export interface KeptSegment {
  /** The encodings of its objects, by which they are known again. */
  readonly items: readonly object[]
  segment: Segment | Promise<Segment>
}

/**
 * Text as bytes that may be kept for long. Node cuts small buffers out of shared slabs of 64 KiB: one that outlives the
 * others of its slab would keep all of it in memory.
 */
export function ownBytes(text: string): Buffer {
  const out = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  out.write(text)
  return out
}

/** The parts in a row, as bytes that may be kept for long. */
export function ownConcat(parts: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  const out = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
