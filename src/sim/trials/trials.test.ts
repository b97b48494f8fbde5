import { expect, test } from 'vitest'
import { bugs } from './bugs.ts'
import { prepareTrials, runTrial } from './run-trial.ts'
import { runSuite, unknownTrial } from './suite.ts'

test('each planted mistake is found from a seed, and the operator without them does right under every seed', async () => {
  const lines: string[] = []
  const good = await runSuite({ seed: 1, runs: 12, print: (line) => void lines.push(line) })
  expect(lines.filter((line) => line.startsWith('FAIL'))).toEqual([])
  expect(good).toBe(true)
  expect(lines.filter((line) => line.includes('again: coxswain sim'))).toHaveLength(bugs.length)
}, 400_000)

test('a seed finds the same again, as often as it is asked', async () => {
  const world = await prepareTrials()
  const run = () => runTrial(world.snapshot, { notesLater: true }, 5)
  const first = await run()
  expect(first.crashes).toBeGreaterThan(0)
  expect(await run()).toEqual(first)
  await world.stop()
}, 120_000)

test('a name that is not known is told', () => {
  expect(unknownTrial(['none', 'torn-write'])).toBeUndefined()
  expect(unknownTrial(['new'])).toContain('"new" is none of stale-count, torn-write')
})
