/** The sample suite: every planted mistake is looked for under one seed after the other, and the right operator beside it. */
import { type Bug, bugs } from './bugs.ts'
import { prepareTrials, runTrial } from './run-trial.ts'

export interface SuiteOptions {
  /** The first seed. */
  readonly seed: number
  /** So many seeds, one after the other, until a mistake is found. */
  readonly runs: number
  /** Names of mistakes; undefined: all. "none" is the operator without any. */
  readonly names?: readonly string[]
  readonly print: (line: string) => void
}

/** The operator that is to pass under every seed. */
const right: Bug = { name: 'none', what: 'does right: no seed may find anything', habits: {} }

const known = [...bugs, right]

/** What is wrong with these names; undefined when all are known. */
export function unknownTrial(names: readonly string[]): string | undefined {
  const unknown = names.find((name) => !known.some((bug) => bug.name === name))
  return unknown === undefined ? undefined : `${JSON.stringify(unknown)} is none of ${known.map(({ name }) => name).join(', ')}`
}

/** Prints what was found and from which seed; answers whether every mistake was found and the right operator passed. */
export async function runSuite({ seed, runs, names, print }: SuiteOptions): Promise<boolean> {
  const world = await prepareTrials()
  let good = true
  try {
    for (const bug of names === undefined ? known : known.filter(({ name }) => names.includes(name))) {
      const found = await firstFound(bug, seed, runs)
      const expected = (found !== undefined) === (bug !== right)
      good &&= expected
      print(`${expected ? 'ok   ' : 'FAIL '} ${bug.name}: ${bug.what}`)
      if (found === undefined) print(`      nothing found with ${runs === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + runs - 1}`}`)
      else for (const line of [...found.violations, `again: coxswain sim --trial ${bug.name} --seed ${found.seed} --runs 1`]) print(`      ${line}`)
    }
  } finally {
    await world.stop()
  }
  return good

  async function firstFound({ habits }: Bug, first: number, count: number): Promise<{ seed: number; violations: readonly string[] } | undefined> {
    for (let at = first; at < first + count; at++) {
      const { violations } = await runTrial(world.snapshot, habits, at)
      if (violations.length > 0) return { seed: at, violations }
    }
    return undefined
  }
}
