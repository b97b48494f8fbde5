/**
 * Random worlds, judged by our framework and by kube-scheduler's (hack/upstream scheduler-judge): every node's verdict and
 * every plugin's score must be equal, though ours knew another world before. Usage: node conformance/scheduler/compare.ts [--worlds 1000] [--seed 1] [--show] [--record]
 * --record writes down upstream's answers for judge.test.ts.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { upstreamProgram } from '../../bench/lib/upstream.ts'
import { type Judgement, differences, digest, ourJudgement } from './judge.ts'
import { type RandomWorld, randomWorld } from './random-worlds.ts'

const { values } = parseArgs({ options: { worlds: { type: 'string', default: '1000' }, seed: { type: 'string', default: '1' }, show: { type: 'boolean' }, record: { type: 'boolean' } } })
const first = Number(values.seed)
const count = Number(values.worlds)
const batch = 50

const judge = spawn(upstreamProgram('scheduler-judge'), [], { stdio: ['pipe', 'pipe', 'pipe'] })
// A line for each world whose profile says something of a default plugin is no news.
createInterface({ input: judge.stderr }).on('line', (line) => {
  if (!line.includes('Default plugin is explicitly re-configured')) process.stderr.write(`${line}\n`)
})
const answers = createInterface({ input: judge.stdout })[Symbol.asyncIterator]()

const answered: string[] = []
const kinds = new Map<string, number>()
let different = 0
let looked = 0
for (let from = first; from < first + count; from += batch) {
  const worlds: RandomWorld[] = Array.from({ length: Math.min(batch, first + count - from) }, (_, i) => randomWorld(from + i))
  if (!judge.stdin.write(worlds.map((world) => `${JSON.stringify(world)}\n`).join(''))) await once(judge.stdin, 'drain')
  for (const [i, world] of worlds.entries()) {
    const { value, done } = await answers.next()
    if (done === true) throw new Error('the judge ended early')
    const theirs = JSON.parse(value) as Judgement
    const found = differences(ourJudgement(world, randomWorld(from + i + 1)), theirs)
    looked++
    answered.push(digest(theirs))
    if (found.length === 0) continue
    different++
    for (const line of found) {
      const kind = line.replace(/node-\d+/, 'node').split(':')[0]!
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
    if (different <= 5 || values.show === true) process.stdout.write(`seed ${from + i}\n${found.slice(0, 6).map((line) => `  ${line}\n`).join('')}`)
    if (values.show === true && count === 1) process.stdout.write(`${JSON.stringify(world, null, 1)}\n`)
  }
}
judge.stdin.end()
for (const [kind, times] of [...kinds].sort((a, b) => b[1] - a[1])) process.stdout.write(`${String(times).padStart(6)} ${kind}\n`)
process.stdout.write(`${looked} worlds, ${different} with differences\n`)
if (values.record === true) writeFileSync(join(import.meta.dirname, 'answers.json'), `${JSON.stringify({ seed: first, answers: answered.join(' ') })}\n`)
process.exitCode = different === 0 ? 0 : 1
