/** The long runs behind `hack/check-store`: prints what was run and what it found. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BackendName, backends, checkBackend } from './backends.ts'
import { killLoop, pointLoop } from './crashes.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { backend: { type: 'string' }, count: { type: 'string' }, seed: { type: 'string' }, from: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
})

async function histories(): Promise<boolean> {
  const count = Number(values.count ?? 100_000)
  const seed = values.seed ?? String(Date.now())
  const from = Number(values.from ?? 0)
  const names: readonly BackendName[] = values.backend === undefined ? backends : backends.filter((name) => name === values.backend)
  let right = true
  for (const name of names) {
    const began = performance.now()
    let shown = began
    const result = await checkBackend(name, count, seed, { from, progress(done) {
      if (performance.now() - shown < 10_000) return
      shown = performance.now()
      process.stderr.write(`${name}: ${done} of ${count}\n`)
    } })
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`${name}: ${result.histories} histories, ${result.operations} operations, seed ${seed}${from === 0 ? '' : ` from ${from}`}, ${seconds} s: ${result.wrong === undefined ? 'none wrong' : `history ${result.wrong.history} is wrong`}`)
    for (const violation of result.wrong?.violations ?? []) console.log(`  ${violation}`)
    right &&= result.wrong === undefined
  }
  return right
}

async function kills(): Promise<boolean> {
  const count = Number(values.count ?? 500)
  const path = mkdtempSync(join(tmpdir(), 'coxswain-kills-'))
  const began = performance.now()
  const result = await killLoop(path, count, Math.random, (done) => {
    if (done % 50 === 0) process.stderr.write(`${done} of ${count}\n`)
  })
  rmSync(path, { recursive: true, force: true })
  console.log(`${result.kills} kills, ${result.acknowledged} acknowledged writes, ${((performance.now() - began) / 1000).toFixed(0)} s: ${result.damage.length === 0 ? 'none lost' : 'damaged'}`)
  for (const sentence of result.damage) console.log(`  ${sentence}`)
  return result.damage.length === 0
}

async function points(): Promise<boolean> {
  const path = mkdtempSync(join(tmpdir(), 'coxswain-points-'))
  const began = performance.now()
  const result = await pointLoop(path, Number(values.count ?? 1000), (call, when) => {
    if (when % 25 === 0) process.stderr.write(`${call} ${when}\n`)
  })
  rmSync(path, { recursive: true, force: true })
  console.log(`${result.kills} kills, each before another write to disk, ${result.acknowledged} acknowledged writes, ${((performance.now() - began) / 1000).toFixed(0)} s: ${result.damage.length === 0 ? 'none lost' : 'damaged'}`)
  for (const sentence of result.damage) console.log(`  ${sentence}`)
  return result.damage.length === 0
}

const usage = `Long checks of the stores, each with a result.
usage: hack/check-store histories [--count N] [--backend ${backends.join('|')}] [--seed S] [--from I]
         random histories of many clients, compared with a reference model: strict serializability and what watches
         promise; with --from, N histories of the seed from the I-th on, so that a long run can be done in pieces
       hack/check-store kills [--count N]
         kill -9 in the middle of writes: every acknowledged write is there afterwards, no half of one
       hack/check-store points [--count N]
         kill -9 before every single call by which files are changed, one after another (needs strace)`

const modes: Readonly<Record<string, () => Promise<boolean>>> = { histories, kills, points }
const mode = modes[positionals[0] ?? '']
if (values.help === true) console.log(usage)
else if (mode === undefined) {
  console.error(usage)
  process.exitCode = 2
} else process.exitCode = (await mode()) ? 0 : 1
