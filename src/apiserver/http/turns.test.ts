import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

describe('turns', () => {
  it('begin four requests each, in the order in which they came', async () => {
    const turns = createTurns()
    const begun: number[] = []
    const all = Array.from({ length: 10 }, async (_, i) => {
      await turns.begin()
      begun.push(i)
    })
    await Promise.resolve()
    expect(begun).toEqual([0, 1, 2, 3])
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await Promise.all(all)
    expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    // Once the queue is empty nobody waits.
    await new Promise((resolve) => { setImmediate(resolve) })
    expect(turns.begin()).toBeUndefined()
  })
})
