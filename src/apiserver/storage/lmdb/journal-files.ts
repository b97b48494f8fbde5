/**
 * The journal on disk: two files that are written in turn. A write to one of them is one call of the system, which returns
 * when the bytes are on disk. While the database takes over what one file holds, writes go to the other.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readFileSync, write } from 'node:fs'
import { join } from 'node:path'
import type { Change } from '../memory/mvcc.ts'
import { type SegmentHead, encodeFrame, encodeHead } from './journal.ts'

/** Where a journal's bytes go: files, or what a test puts in their place. */
export interface JournalFile {
  /** In bytes, when it was opened. */
  readonly size: number
  /** Resolves when all of it is on disk. */
  write(bytes: Uint8Array, at: number): Promise<void>
  /** Makes it empty. */
  clear(): void
  close(): void
}

const names = ['journal-0', 'journal-1'] as const
/** A file that is longer is given to the database. */
const fullBytes = 16 << 20
/** Files grow by so much at a time, ahead of what is written: the disk is slower where a write makes a file longer. */
const growBytes = 1 << 20

/** What the files of a folder hold; empty where there are none. */
export function readJournal(folder: string): Buffer[] {
  return names.map((name) => {
    try {
      return readFileSync(join(folder, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
      throw error
    }
  })
}

/** Both files, made when they are missing. */
export function openJournalFiles(folder: string, o: { readonly sync: boolean }): JournalFile[] {
  const { O_RDWR, O_CREAT, O_DSYNC } = constants
  return names.map((name) => {
    const fd = openSync(join(folder, name), O_RDWR | O_CREAT | (o.sync ? O_DSYNC : 0), 0o600)
    return { size: fstatSync(fd).size, write: (bytes, at) => writeAll(fd, bytes, at), clear: () => ftruncateSync(fd), close: () => closeSync(fd) }
  })
}

function writeAll(fd: number, bytes: Uint8Array, at: number, from = 0): Promise<void> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, at + from, (error, written) => {
      if (error !== null) reject(error)
      else if (from + written === bytes.length) resolve()
      else writeAll(fd, bytes, at, from + written).then(resolve, reject)
    })
  })
}

interface Segment {
  readonly file: JournalFile
  /** Up to which it was written or filled with zeros. */
  filled: number
}

export class Journal {
  readonly #segments: readonly [Segment, Segment]
  readonly #full: number
  #current = 0
  #head: SegmentHead = { base: 0, seed: 0 }
  /** Where the next frame goes; 0: the head has not been written. */
  #at = 0
  #base: number
  #filling: Promise<void> | undefined
  #free = true

  /** Goes on behind revision `base`; what the files held is no longer needed. */
  constructor(files: readonly JournalFile[], base: number, full = fullBytes) {
    this.#segments = [{ file: files[0]!, filled: files[0]!.size }, { file: files[1]!, filled: files[1]!.size }]
    this.#base = base
    this.#full = full
  }

  /** Whether the database ought to take over what is here. */
  get full(): boolean {
    return this.#at > this.#full
  }
  get bytes(): number {
    return this.#at
  }

  /** Resolves when the changes are on disk. Nothing of them is there when it rejects. One call at a time. */
  async append(changes: readonly Change[]): Promise<void> {
    const segment = this.#segments[this.#current]!
    if (this.#at === 0) {
      const { bytes, head } = encodeHead(this.#base, randomBytes(8))
      this.#head = head
      await this.#put(segment, encodeFrame(head.seed, changes, bytes))
    } else await this.#put(segment, encodeFrame(this.#head.seed, changes))
    this.#fill(segment)
  }

  async #put(segment: Segment, frame: Buffer): Promise<void> {
    if (this.#at + frame.length > segment.filled) await this.#filling
    try {
      await segment.file.write(frame, this.#at)
    } catch (error) {
      // It may be there, though its writers are told that it is not: what is left of it must not be read after a crash.
      await segment.file.write(Buffer.alloc(Math.min(frame.length, 64)), this.#at).catch(() => undefined)
      throw error
    }
    this.#at += frame.length
    segment.filled = Math.max(segment.filled, this.#at)
  }

  /** Fills the file on, when what is left is little. */
  #fill(segment: Segment): void {
    if (this.#filling !== undefined || segment.filled - this.#at > growBytes / 4 || this.#at > this.#full) return
    const from = segment.filled
    this.#filling = segment.file.write(Buffer.alloc(growBytes), from).then(
      () => { segment.filled = Math.max(segment.filled, from + growBytes) },
      // A disk without room: writes will say so.
      () => undefined,
    ).finally(() => { this.#filling = undefined })
  }

  /** Writes go to the other file from now on, if that is free. `revision`: the last that this one holds. */
  turn(revision: number): void {
    if (!this.#free) return
    this.#free = false
    this.#current = 1 - this.#current
    this.#at = 0
    this.#base = revision
  }

  /** The database has all that the other file holds. */
  release(): void {
    this.#free = true
  }

  /** `done`: the database has everything. */
  async close(done: boolean): Promise<void> {
    await this.#filling
    for (const { file } of this.#segments) {
      if (done) file.clear()
      file.close()
    }
  }
}
