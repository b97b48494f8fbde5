/**
 * A snapshot of a store as one stream of bytes: a line of JSON that says what it is, the keys in order with their values
 * and revisions, and a SHA-256 over all of it, so that a file that was cut or changed is known.
 */
import { createHash } from 'node:crypto'

export interface SnapshotItem {
  readonly key: string
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  /** ms since the epoch. */
  readonly expiresAt?: number
}

export interface SnapshotHead {
  readonly revision: number
  readonly keys: number
}

const format = 'coxswain-snapshot/1'
const recordHead = 32
const digestBytes = 32
const chunkBytes = 256 * 1024

/** The stream of a snapshot. `items` are in the order of keys. */
export function* writeSnapshot(revision: number, items: readonly SnapshotItem[]): Generator<Uint8Array> {
  const hash = createHash('sha256')
  let waiting: Uint8Array[] = [Buffer.from(`${JSON.stringify({ format, revision, keys: items.length })}\n`)]
  let size = 0
  const taken = () => {
    const chunk = Buffer.concat(waiting)
    hash.update(chunk)
    waiting = []
    size = 0
    return chunk
  }
  for (const item of items) {
    const key = Buffer.from(item.key)
    const head = Buffer.alloc(recordHead)
    head.writeUInt32LE(key.length, 0)
    head.writeUInt32LE(item.value.length, 4)
    head.writeDoubleLE(item.createRevision, 8)
    head.writeDoubleLE(item.modRevision, 16)
    head.writeDoubleLE(item.expiresAt ?? 0, 24)
    waiting.push(head, key, item.value)
    size += head.length + key.length + item.value.length
    if (size >= chunkBytes) yield taken()
  }
  yield taken()
  yield hash.digest()
}

export class SnapshotError extends Error {}

/** Reads a whole snapshot and checks it. Throws SnapshotError for anything that `writeSnapshot` did not write. */
export function readSnapshot(bytes: Uint8Array): SnapshotHead & { readonly items: SnapshotItem[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lineEnd = buffer.subarray(0, 1024).indexOf('\n')
  const head = lineEnd < 0 ? undefined : parseHead(buffer.subarray(0, lineEnd).toString())
  if (head === undefined) throw new SnapshotError('this is not a snapshot of Coxswain')
  const end = buffer.length - digestBytes
  if (end <= lineEnd || !createHash('sha256').update(buffer.subarray(0, end)).digest().equals(buffer.subarray(end))) {
    throw new SnapshotError('the snapshot is cut off or damaged: its checksum does not fit')
  }
  const items: SnapshotItem[] = []
  for (let at = lineEnd + 1; at < end;) {
    const keyEnd = at + recordHead + buffer.readUInt32LE(at)
    const valueEnd = keyEnd + buffer.readUInt32LE(at + 4)
    const expiresAt = buffer.readDoubleLE(at + 24)
    items.push({
      key: buffer.subarray(at + recordHead, keyEnd).toString(), value: buffer.subarray(keyEnd, valueEnd),
      createRevision: buffer.readDoubleLE(at + 8), modRevision: buffer.readDoubleLE(at + 16), ...(expiresAt === 0 ? {} : { expiresAt }),
    })
    at = valueEnd
  }
  const complaint = incoherence(head, items)
  if (complaint !== undefined) throw new SnapshotError(complaint)
  return { ...head, items }
}

function parseHead(line: string): SnapshotHead | undefined {
  try {
    const head = JSON.parse(line) as SnapshotHead & { format?: unknown }
    return head.format === format && Number.isSafeInteger(head.revision) && Number.isSafeInteger(head.keys) ? { revision: head.revision, keys: head.keys } : undefined
  } catch {
    return undefined
  }
}

/** What revisions and keys say against each other. */
function incoherence({ revision, keys }: SnapshotHead, items: readonly SnapshotItem[]): string | undefined {
  if (items.length !== keys) return `the snapshot should have ${keys} keys and has ${items.length}`
  const revisions = new Set<number>()
  for (const { key, createRevision, modRevision } of items) {
    if (createRevision > modRevision || modRevision > revision) return `${key} was changed at revision ${modRevision}, which cannot be (made at ${createRevision}, the store is at ${revision})`
    if (revisions.has(modRevision)) return `two keys were changed at revision ${modRevision}`
    revisions.add(modRevision)
  }
  return undefined
}
