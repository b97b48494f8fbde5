import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Change } from '../memory/mvcc.ts'
import { DamageError } from './damage.ts'
import { Journal, type JournalFile, openJournalFiles, readJournal } from './journal-files.ts'
import { type KeptChange, changesBehind, encodeFrame, encodeHead, headBytes } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'coxswain-journal-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const put = (revision: number, key: string, value: Uint8Array = Buffer.from(`value of ${revision}`), expiresAt?: number): Change => {
  const next = { key, value, createRevision: Math.max(1, revision - 3), modRevision: revision, ...(expiresAt === undefined ? {} : { expiresAt }) }
  return { revision, next, event: { type: 'put', key, value, createRevision: next.createRevision } }
}
const gone = (revision: number, key: string): Change => ({ revision, next: undefined, event: { type: 'delete', key, createRevision: 1 } })

const kept = (changes: readonly Change[]): KeptChange[] => changes.map(({ revision, event: { key }, next }) => ({ revision, key, next: next === undefined ? undefined : { ...next, value: Uint8Array.from(next.value) } }))
const read = (segments: readonly Buffer[], known: number): KeptChange[] => [...changesBehind(segments, known)]
  .map((change) => (change.next === undefined ? change : { ...change, next: { ...change.next, value: Uint8Array.from(change.next.value) } }))

/** A segment of frames, and where each of them ends. */
function segmentOf(base: number, frames: readonly (readonly Change[])[], chance = 'chanceXY'): { bytes: Buffer; ends: number[] } {
  const { bytes, head } = encodeHead(base, Buffer.from(chance))
  const encoded = frames.map((changes) => encodeFrame(head.seed, changes))
  let end = bytes.length
  return { bytes: Buffer.concat([bytes, ...encoded]), ends: encoded.map(({ length }) => (end += length)) }
}

const three = [[put(11, '/a'), put(12, '/ü', Buffer.alloc(300, 7), 1_800_000_000_000)], [gone(13, '/a')], [put(14, '/b', Buffer.alloc(0)), put(15, '/c')]]

describe('a segment of the journal', () => {
  it('says again what was written, from any revision on', () => {
    const { bytes } = segmentOf(10, three)
    for (let known = 10; known <= 15; known++) expect(read([bytes, Buffer.alloc(0)], known)).toEqual(kept(three.flat()).filter(({ revision }) => revision > known))
  })

  it('ends with the last frame that is whole, wherever it was cut', () => {
    const { bytes, ends } = segmentOf(10, three)
    for (let length = headBytes; length <= bytes.length; length++) {
      const whole = three.filter((_, i) => ends[i]! <= length).flat()
      expect(read([bytes.subarray(0, length)], 10), `cut at ${length}`).toEqual(kept(whole))
      // As long as the file was made before.
      expect(read([Buffer.concat([bytes.subarray(0, length), Buffer.alloc(500)])], 10)).toEqual(kept(whole))
    }
  })

  it('is damaged when a byte of a frame changed that others follow; a changed byte of the last one ends it', () => {
    const { bytes, ends } = segmentOf(10, three)
    for (let at = headBytes; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 0x10
      if (at < ends[1]!) expect(() => read([changed], 10), `byte ${at}`).toThrow(DamageError)
      else expect(read([changed], 10), `byte ${at}`).toEqual(kept(three.slice(0, 2).flat()))
    }
    for (let at = 0; at < headBytes; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 0x10
      expect(() => read([changed], 10), `byte ${at} of the head`).toThrow('its journal does not begin as one')
    }
  })

  it('is not taken for what the file held before, nor for a value that looks like a frame', () => {
    const old = segmentOf(2, [[put(3, '/old'), put(4, '/old')], [put(5, '/old'), put(6, '/old')], [put(7, '/old')]], 'chance-0')
    const now = segmentOf(10, [[put(11, '/new')]])
    const reused = Buffer.from(old.bytes)
    now.bytes.copy(reused)
    expect(read([reused], 10)).toEqual(kept([put(11, '/new')]))
    const seeded = encodeHead(0, Buffer.from('guessed!')).head.seed
    const forged = segmentOf(10, [[put(11, '/k', encodeFrame(seeded, [put(12, '/forged')]))]])
    expect(read([forged.bytes.subarray(0, forged.bytes.length - 1)], 10)).toEqual([])
    expect(read([forged.bytes], 10)).toHaveLength(1)
  })

  it('of any changes is read as it was written', () => {
    const changes = fc.array(fc.array(fc.record({ key: fc.string({ minLength: 1, unit: 'grapheme' }), value: fc.option(fc.uint8Array({ maxLength: 400 }), { nil: undefined }) }), { minLength: 1, maxLength: 5 }), { maxLength: 6 })
    fc.assert(fc.property(changes, (frames) => {
      let revision = 20
      const numbered = frames.map((frame) => frame.map(({ key, value }) => (value === undefined ? gone(++revision, key) : put(++revision, key, value))))
      expect(read([segmentOf(20, numbered).bytes], 20)).toEqual(kept(numbered.flat()))
    }))
  })
})

describe('two segments', () => {
  const first = segmentOf(10, [[put(11, '/a')], [put(12, '/a')]]).bytes
  const second = segmentOf(12, [[put(13, '/a')]], 'other...').bytes

  it('are read in the order of their revisions', () => {
    expect(read([second, first], 10).map(({ revision }) => revision)).toEqual([11, 12, 13])
    expect(read([first, second], 12).map(({ revision }) => revision)).toEqual([13])
  })

  it('are damaged when changes between them, or before them, are missing', () => {
    expect(() => read([first.subarray(0, first.length - 1), second], 10)).toThrow('the changes from revision 12 to 12 are missing')
    expect(() => read([second], 10)).toThrow('the changes from revision 11 to 12 are missing')
  })
})

/** A disk that does what it is told to; what is on it can be read as after a crash. */
class Disk {
  readonly files = [Buffer.alloc(0), Buffer.alloc(0)]
  writes = 0
  /** Called before a write; throws to refuse it, answers how many of its bytes come to lie there before that. */
  onWrite: (bytes: Uint8Array, at: number) => void | { readonly torn: number } = () => undefined

  open(): JournalFile[] {
    return this.files.map((_, i) => ({
      size: 0, clear: () => { this.files[i] = Buffer.alloc(0) }, close: () => undefined,
      write: async (bytes, at) => {
        this.writes++
        await Promise.resolve()
        const told = this.onWrite(bytes, at)
        const length = told?.torn ?? bytes.length
        const grown = Buffer.alloc(Math.max(this.files[i]!.length, at + length))
        this.files[i]!.copy(grown)
        grown.set(bytes.subarray(0, length), at)
        this.files[i] = grown
        if (told !== undefined) throw new Error('EIO: i/o error, write')
      },
    }))
  }
}

describe('the journal', () => {
  it('on disk holds what was appended, and is empty when the database has everything', async () => {
    const files = openJournalFiles(folder, { sync: true })
    const journal = new Journal(files, 10)
    for (const frame of three) await journal.append(frame)
    expect(read(readJournal(folder), 10)).toEqual(kept(three.flat()))
    await journal.close(true)
    expect(readJournal(folder).map(({ length }) => length)).toEqual([0, 0])
  })

  it.each([0, 1, 40, 80])('whose write fails after %i bytes holds none of it, and goes on', async (torn) => {
    const disk = new Disk()
    const journal = new Journal(disk.open(), 10)
    await journal.append(three[0]!)
    let failures = 1
    disk.onWrite = (bytes) => (bytes.length > 64 && failures-- > 0 ? { torn } : undefined)
    await expect(journal.append([put(13, '/lost', Buffer.alloc(2000))])).rejects.toThrow('EIO')
    expect(read(disk.files, 10)).toEqual(kept(three[0]!))
    for (const frame of three.slice(1)) await journal.append(frame)
    expect(read(disk.files, 10)).toEqual(kept(three.flat()))
  })

  it('that reached the disk although its write was said to fail is not read either', async () => {
    const disk = new Disk()
    const journal = new Journal(disk.open(), 10)
    let failed = false
    disk.onWrite = (bytes) => {
      if (failed) return undefined
      failed = true
      return { torn: bytes.length }
    }
    await expect(journal.append(three[0]!)).rejects.toThrow('EIO')
    expect(read(disk.files, 10)).toEqual([])
    await journal.append(three[0]!)
    expect(read(disk.files, 10)).toEqual(kept(three[0]!))
  })

  it('turns to its other file, and not back before that was taken over', async () => {
    const disk = new Disk()
    const journal = new Journal(disk.open(), 10, 100)
    await journal.append(three[0]!)
    expect(journal.full).toBe(true)
    journal.turn(12)
    for (const frame of three.slice(1)) await journal.append(frame)
    journal.turn(15)
    await journal.append([put(16, '/d')])
    expect(read(disk.files, 10).map(({ revision }) => revision)).toEqual([11, 12, 13, 14, 15, 16])
    journal.release()
    journal.turn(16)
    await journal.append([put(17, '/d')])
    expect(read(disk.files, 12).map(({ revision }) => revision)).toEqual([13, 14, 15, 16, 17])
  })
})
