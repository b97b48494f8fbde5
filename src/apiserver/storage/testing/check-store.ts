/** The long runs behind `hack/check-store`: prints what was run and what it found. */
import { parseArgs } from 'node:util'
import { type BackendName, backends, checkBackend } from './backends.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { backend: { type: 'string' }, count: { type: 'string' }, seed: { type: 'string' } },
})

async function histories(): Promise<boolean> {
  const count = Number(values.count ?? 100_000)
  const seed = values.seed ?? String(Date.now())
  const names: readonly BackendName[] = values.backend === undefined ? backends : backends.filter((name) => name === values.backend)
  let right = true
  for (const name of names) {
    const began = performance.now()
    let shown = began
    const result = await checkBackend(name, count, seed, (done) => {
      if (performance.now() - shown < 10_000) return
      shown = performance.now()
      process.stderr.write(`${name}: ${done} of ${count}\n`)
    })
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    console.log(`${name}: ${result.histories} histories, ${result.operations} operations, seed ${seed}, ${seconds} s: ${result.wrong === undefined ? 'none wrong' : `history ${result.wrong.history} is wrong`}`)
    for (const violation of result.wrong?.violations ?? []) console.log(`  ${violation}`)
    right &&= result.wrong === undefined
  }
  return right
}

const modes: Readonly<Record<string, () => Promise<boolean>>> = { histories }
const mode = modes[positionals[0] ?? '']
if (mode === undefined) {
  console.error(`usage: hack/check-store ${Object.keys(modes).join('|')} [--count N] [--backend ${backends.join('|')}] [--seed S]`)
  process.exitCode = 2
} else process.exitCode = (await mode()) ? 0 : 1
