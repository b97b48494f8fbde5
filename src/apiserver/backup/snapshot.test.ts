import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SnapshotItem, readSnapshot, writeSnapshot } from './snapshot.ts'

const written = (revision: number, items: readonly SnapshotItem[]): Buffer => Buffer.concat([...writeSnapshot(revision, items)])

describe('snapshots', () => {
  const values = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 40 })
  const itemsOf = (all: readonly Uint8Array[]): SnapshotItem[] => all.map((value, i) => ({
    key: `/registry/ü/${i}`, value, createRevision: i + 1, modRevision: i + 2, ...(i % 3 === 0 ? { expiresAt: 1_800_000_000_000 + i } : {}),
  }))

  it('say again what was written', () => {
    fc.assert(fc.property(values, (all) => {
      const read = readSnapshot(written(all.length + 5, itemsOf(all)))
      expect({ ...read, items: read.items.map((item) => ({ ...item, value: [...item.value] })) })
        .toEqual({ revision: all.length + 5, keys: all.length, items: itemsOf(all).map((item) => ({ ...item, value: [...item.value] })) })
    }))
  })

  it('are refused when a byte is changed or the end is missing', () => {
    const bytes = written(50, itemsOf([Buffer.from('a'), Buffer.alloc(1000, 'b')]))
    for (let i = 0; i < bytes.length; i += 7) {
      const changed = Buffer.from(bytes)
      changed[i]! ^= 1
      expect(() => readSnapshot(changed), `byte ${i}`).toThrow(/not a snapshot|damaged/)
      expect(() => readSnapshot(bytes.subarray(0, i))).toThrow(/not a snapshot|damaged/)
    }
  })

  it.each([
    ['later than the store', [{ key: 'a', value: Buffer.from('x'), createRevision: 1, modRevision: 9 }], 'a was changed at revision 9'],
    ['changed before it was made', [{ key: 'a', value: Buffer.from('x'), createRevision: 3, modRevision: 2 }], 'a was changed at revision 2'],
    ['with another of its revision', ['a', 'b'].map((key) => ({ key, value: Buffer.from('x'), createRevision: 2, modRevision: 2 })), 'two keys were changed at revision 2'],
  ])('are refused for a key %s', (_name, items, complaint) => expect(() => readSnapshot(written(5, items))).toThrow(complaint))
})
