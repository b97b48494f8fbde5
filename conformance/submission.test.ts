import { expect, test } from 'vitest'
import { essentials, shortcomings, withoutPlaces } from './submission.ts'

const junit = `<testsuite package="/home/somebody/bin" tests="3">
  <testcase name="[It] [sig-node] one [Conformance]" status="passed" time="1"><system-err>&gt; Enter
</system-err></testcase>
  <testcase name="[It] [sig-node] two [Conformance]" status="failed" time="1"><failure message="no"></failure></testcase>
  <testcase name="[It] [sig-node] three" status="skipped" time="0"><skipped message="skipped"></skipped></testcase>
</testsuite>`

test('a run with a failure or a gap cannot be handed in', () => {
  expect(shortcomings(junit, ['[sig-node] one [Conformance]'])).toEqual(['failed: [sig-node] two [Conformance]'])
  expect(shortcomings(junit.replace('"failed"', '"passed"'), ['[sig-node] one [Conformance]', '[sig-node] four [Conformance]'])).toEqual(['did not pass: [sig-node] four [Conformance]'])
  expect(shortcomings(junit.replace('"failed"', '"passed"'), ['[sig-node] one [Conformance]', '[sig-node] two [Conformance]'])).toEqual([])
})

test('what is handed in names each test that ran, and no place on the machine', () => {
  const text = essentials(junit)
  expect(text).toContain('one [Conformance]')
  expect(text).not.toMatch(/three|Enter|somebody/)
  expect(withoutPlaces('Running Suite: Kubernetes e2e suite - /home/somebody/bin\n===\n')).toBe('Running Suite: Kubernetes e2e suite\n===\n')
})
