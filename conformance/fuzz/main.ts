/**
 * `hack/fuzz [--minutes N] [--target NAME,…] [--seed S]`: every decoder of the server, each for N minutes (10), with inputs
 * that are nearly right. Ends with 1 and the input when one breaks the program, takes over ten seconds, or more than
 * 512 MiB; the same seed gives the same inputs.
 */
import { parseArgs } from 'node:util'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { seededRandom } from '../../src/base/virtual/random.ts'
import { Fuzzer } from './run.ts'
import { targets } from './targets.ts'

interface Work {
  readonly name: string
  readonly seed: string
  readonly endsAt: number
  /** How many inputs were begun: a watch from outside sees whether one does not end. */
  readonly begun: SharedArrayBuffer
}

const hangMs = 10_000
const limitMiB = 512

function work({ name, seed, endsAt, begun }: Work): void {
  const fuzzer = new Fuzzer(targets[name]!, seededRandom(seed))
  const count = new Int32Array(begun)
  for (let i = 0; Date.now() < endsAt; i++) {
    Atomics.add(count, 0, 1)
    const finding = fuzzer.step()
    if (finding === undefined) continue
    parentPort!.postMessage({ answers: fuzzer.answers, failure: `${(finding.error as Error).stack ?? String(finding.error)}\ninput (base64): ${finding.input.toString('base64')}` })
    return
  }
  parentPort!.postMessage({ answers: fuzzer.answers })
}

/** Undefined: nothing was found. */
async function fuzz(name: string, seed: string, minutes: number): Promise<string | undefined> {
  const begun = new SharedArrayBuffer(4)
  const count = new Int32Array(begun)
  const worker = new Worker(new URL(import.meta.url), { workerData: { name, seed, endsAt: Date.now() + minutes * 60_000, begun } satisfies Work, resourceLimits: { maxOldGenerationSizeMb: limitMiB } })
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  let last = -1
  const watch = setInterval(() => {
    if (count[0] === last) resolve(`input ${last} of seed ${seed} does not end`)
    last = count[0]!
  }, hangMs)
  let answers = 0
  worker.on('message', (message: { answers: number; failure?: string }) => {
    answers = message.answers
    resolve(message.failure)
  })
  worker.on('error', (error) => resolve(`input ${count[0]} of seed ${seed}: ${error.stack ?? String(error)}`))
  try {
    return await promise
  } finally {
    clearInterval(watch)
    await worker.terminate()
    process.stdout.write(`${name.padEnd(22)} ${String(count[0]).padStart(9)} inputs, ${answers} kinds of answers\n`)
  }
}

const help = `Usage: hack/fuzz [--minutes N] [--target NAME,...] [--seed S]
Feeds every decoder of the server for N minutes (10) with inputs that are nearly right. Ends with 1 and the input when one
breaks the program, takes over ten seconds or more than ${limitMiB} MiB. The same seed gives the same inputs.
Targets: ${Object.keys(targets).join(', ')}
`

async function main(): Promise<number> {
  if (process.argv.includes('--help')) {
    process.stdout.write(help)
    return 0
  }
  const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, target: { type: 'string', default: Object.keys(targets).join(',') }, seed: { type: 'string', default: String(Date.now()) } } })
  const names = values.target.split(',')
  const unknown = names.find((name) => targets[name] === undefined)
  if (unknown !== undefined) {
    process.stderr.write(`error: no target ${unknown}; known: ${Object.keys(targets).join(', ')}\n`)
    return 2
  }
  process.stdout.write(`seed ${values.seed}, ${names.length} targets, ${values.minutes} minutes each\n`)
  let failed = 0
  for (const name of names) {
    const failure = await fuzz(name, values.seed, Number(values.minutes))
    if (failure === undefined) continue
    failed++
    process.stdout.write(`${name}: ${failure}\n`)
  }
  process.stdout.write(`${names.length - failed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
else work(workerData as Work)
