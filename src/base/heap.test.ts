import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyedHeap } from './heap.ts'

test('pops in order whatever was pushed, replaced and deleted', () => {
  const operation = fc.record({ kind: fc.constantFrom('push', 'delete'), key: fc.integer({ min: 0, max: 20 }), rank: fc.integer() })
  fc.assert(fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
    const heap = new KeyedHeap<{ key: string; rank: number }>((item) => item.key, (a, b) => a.rank < b.rank)
    const model = new Map<string, number>()
    for (const { kind, key, rank } of operations) {
      if (kind === 'push') {
        heap.push({ key: String(key), rank })
        model.set(String(key), rank)
      } else {
        expect(heap.delete(String(key)) !== undefined).toBe(model.delete(String(key)))
      }
    }
    expect(heap.size).toBe(model.size)
    const popped: number[] = []
    for (let item = heap.pop(); item !== undefined; item = heap.pop()) popped.push(item.rank)
    expect(popped).toEqual([...model.values()].sort((a, b) => a - b))
  }))
})
