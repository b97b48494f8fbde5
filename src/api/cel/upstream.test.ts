/** Upstream's verdicts on a thousand expressions: messages, values, costs (recorded by hack/update-cel upstream). */
import { expect, test } from 'vitest'
import expressions from './testdata/expressions.json' with { type: 'json' }
import recorded from './testdata/upstream.json' with { type: 'json' }
import { type Expressions, type Group, type Verdict, judge, prepare } from './testing/upstream.ts'

const data = expressions as unknown as Expressions
const upstream = recorded as unknown as Readonly<Record<Group, Readonly<Record<string, Verdict>>>>
const prepared = prepare(data)

test.each(['dynamic', 'typed', 'mutation'] as const)('%s expressions', (group) => {
  const ours: Record<string, Verdict> = {}
  const theirs: Record<string, Verdict> = {}
  for (const text of data[group]) {
    const verdict = judge(prepared[group], text)
    const said = upstream[group][text]
    if (JSON.stringify(ordered(verdict)) === JSON.stringify(ordered(said))) continue
    ours[text] = verdict
    theirs[text] = said as Verdict
  }
  expect(ours).toEqual(theirs)
})

/** What can be compared, in order: of a program that cannot be made only why. */
function ordered(verdict: Verdict | undefined): unknown {
  if (verdict?.program !== undefined) return verdict.program
  return verdict && Object.entries(verdict).sort(([a], [b]) => (a < b ? -1 : 1))
}
