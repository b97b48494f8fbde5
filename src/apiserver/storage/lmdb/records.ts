/** How a value lies in the database: a header (createRevision, modRevision, expiresAt as float64, CRC-32 of key and value) and its bytes. */
import { crc32 } from 'node:zlib'
import type { StoredValue } from '../memory/mvcc.ts'
import { DamageError } from './damage.ts'

export const layout = 3
/** Before there was a journal. */
const layoutWithoutJournal = 2
const headerBytes = 28
/** Before checksums. */
const oldHeaderBytes = 24

/** Of the values in a database of that layout. */
export function headerOf(found: number | undefined): number {
  if (found !== undefined && found > layout) throw new DamageError(`it is of layout ${found}, which a later version wrote`)
  return found === layout || found === layoutWithoutJournal ? headerBytes : oldHeaderBytes
}

/** Whether values in a database of that layout lie as they do today. */
export const hasTodaysForm = (found: number | undefined): boolean => headerOf(found) === headerBytes

export function pack(value: StoredValue): Buffer {
  const out = Buffer.allocUnsafe(headerBytes + value.value.length)
  out.writeDoubleLE(value.createRevision, 0)
  out.writeDoubleLE(value.modRevision, 8)
  out.writeDoubleLE(value.expiresAt ?? 0, 16)
  out.writeUInt32LE(checksum(value.key, value.value), 24)
  out.set(value.value, headerBytes)
  return out
}

const checksum = (key: string, value: Uint8Array): number => crc32(value, crc32(key))

export function unpack(key: string, stored: Buffer, header: number): StoredValue {
  if (stored.length < header) throw new DamageError(`${key} has no header`)
  const expiresAt = stored.readDoubleLE(16)
  // With memory of its own: Node's shared slabs would stay as long as the smallest value in them.
  const value = Uint8Array.prototype.slice.call(stored, header)
  if (header === headerBytes && stored.readUInt32LE(24) !== checksum(key, value)) throw new DamageError(`the checksum of ${key} does not fit`)
  return {
    key, value, createRevision: stored.readDoubleLE(0), modRevision: stored.readDoubleLE(8), ...(expiresAt === 0 ? {} : { expiresAt }),
  }
}
