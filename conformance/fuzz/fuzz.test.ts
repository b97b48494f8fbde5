/** A little of what `hack/fuzz` does for as long as it is told: every decoder, some hundred inputs that are nearly right. */
import { expect, test } from 'vitest'
import { seededRandom } from '../../src/base/virtual/random.ts'
import { Fuzzer } from './run.ts'
import { targets } from './targets.ts'

test.each(Object.entries(targets))('%s: a right one is read, and nothing breaks it', (name, target) => {
  target.run(target.seeds[0]!)
  const fuzzer = new Fuzzer(target, seededRandom(`test-${name}`))
  for (let i = 0; i < 400; i++) {
    const finding = fuzzer.step()
    if (finding !== undefined) expect.fail(`${JSON.stringify(finding.input.toString('latin1').slice(0, 500))}: ${(finding.error as Error).stack}`)
  }
  // Whoever is told the same whatever he says has not been fuzzed.
  expect(fuzzer.answers).toBeGreaterThan(1)
})
