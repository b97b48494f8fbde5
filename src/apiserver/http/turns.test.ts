import { describe, expect, it } from 'vitest'
import { createTurns } from './turns.ts'

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

async function begunOf(sizes: readonly number[]): Promise<readonly (readonly number[])[]> {
  const turns = createTurns()
  const begun: number[] = []
  const byTurn: number[][] = []
  sizes.forEach((size, i) => {
    const wait = turns.begin(size)
    if (wait === undefined) begun.push(i)
    else void wait.then(() => begun.push(i))
  })
  while (byTurn.flat().length < sizes.length) {
    byTurn.push(begun.splice(0))
    await turn()
  }
  // Once nothing waits, whoever comes begins at once.
  await turn()
  expect(turns.begin(0)).toBeUndefined()
  return byTurn
}

describe('turns', () => {
  it('begin eight requests each, in the order in which they came', async () => {
    expect(await begunOf(Array.from({ length: 20 }, () => 0))).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15], [16, 17, 18, 19]])
  })

  it('begin fewer with long bodies, at least one', async () => {
    expect(await begunOf([2000, 2000, 2000, 2000, 2000])).toEqual([[0, 1, 2, 3], [4]])
    expect(await begunOf([0, 1_000_000, 1_000_000, 0])).toEqual([[0], [1], [2], [3]])
  })
})
