import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { digest, ourJudgement } from './judge.ts'
import { randomWorld } from './random-worlds.ts'

/** What kube-scheduler v1.36.3 said, written down by compare.ts --record; compare.ts asks it anew, for any number of worlds. */
const { seed, answers } = JSON.parse(readFileSync(join(import.meta.dirname, 'answers.json'), 'utf8')) as { seed: number; answers: string }

const explain = 'seeds; see node conformance/scheduler/compare.ts --seed N --worlds 1 --show'

test('verdicts and scores in random worlds are those of kube-scheduler', () => {
  const theirs = answers.split(' ')
  expect(theirs.length).toBeGreaterThanOrEqual(400)
  const different = theirs.flatMap((answer, i) => (digest(ourJudgement(randomWorld(seed + i))) === answer ? [] : [seed + i]))
  expect(different, explain).toEqual([])
})

test('what is kept of another world is brought up to date', () => {
  const different = answers.split(' ').flatMap((answer, i) => (digest(ourJudgement(randomWorld(seed + i), randomWorld(seed + i + 1))) === answer ? [] : [seed + i]))
  expect(different, explain).toEqual([])
})
