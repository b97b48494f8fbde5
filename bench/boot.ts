/**
 * How long from nothing to /readyz, and how much memory an idle control plane holds: upstream's programs and ours, in turn
 * on one machine. Usage: hack/bench boot [RUNS]      (default 3; needs Go for hack/upstream the first time)
 */
import { join } from 'node:path'
import { type Running, freePort, median, residentMiB, startProgram, untilReady, workFolder } from './lib/processes.ts'
import { coxswain, startUpstream } from './lib/upstream.ts'

interface Figures {
  readonly readyMs: number
  /** Of each program of the whole control plane, in MiB. */
  readonly memory: Readonly<Record<string, number>>
  /** Of the API server with its store, in MiB. */
  readonly server: number
}

const settleMs = 15_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function measureUpstream(): Promise<Figures> {
  const { dir, remove } = workFolder('upstream')
  const plane = await startUpstream(dir)
  try {
    const others = await plane.startControllers()
    await sleep(settleMs)
    return { readyMs: plane.readyMs, memory: memoryOf([plane.etcd, plane.apiserver, ...others]), server: total(memoryOf([plane.etcd, plane.apiserver])) }
  } finally {
    await plane.stop()
    remove()
  }
}

async function measureOurs(): Promise<Figures> {
  const { dir, remove } = workFolder('coxswain')
  const port = await freePort()
  const started = performance.now()
  const server = startProgram('apiserver', coxswain, ['apiserver', '--data-dir', join(dir, 'data'), '--secure-port', String(port), '--bind-address', '127.0.0.1', '--cert-dir', join(dir, 'certs')], dir)
  let plane: Running | undefined
  try {
    const readyMs = await untilReady(`https://127.0.0.1:${port}/readyz`, server, started)
    const planePort = await freePort()
    plane = startProgram('control-plane', coxswain, ['control-plane', '--data', join(dir, 'plane'), '--port', String(planePort), '--bind-address', '127.0.0.1'], dir)
    await untilReady(`https://127.0.0.1:${planePort}/readyz`, plane, performance.now())
    await sleep(settleMs)
    return { readyMs, memory: memoryOf([plane]), server: total(memoryOf([server])) }
  } finally {
    await server.stop()
    await plane?.stop()
    remove()
  }
}

function memoryOf(programs: readonly Running[]): Record<string, number> {
  return Object.fromEntries(programs.map(({ name, pid }) => [name, residentMiB(pid)]))
}

const total = (memory: Readonly<Record<string, number>>): number => Object.values(memory).reduce((sum, mib) => sum + mib, 0)

const runs = Number(process.argv[2] ?? 3)
const upstream: Figures[] = []
const ours: Figures[] = []
for (let run = 1; run <= runs; run++) {
  process.stderr.write(`boot: run ${run} of ${runs}\n`)
  upstream.push(await measureUpstream())
  ours.push(await measureOurs())
}
const report = (name: string, figures: readonly Figures[]) => {
  const shown = Object.entries(figures.at(-1)!.memory).map(([program, mib]) => `${program} ${mib.toFixed(0)}`).join(', ')
  process.stdout.write(`${name.padEnd(9)} ready ${median(figures.map((f) => f.readyMs)).toFixed(0)} ms   idle memory ${median(figures.map((f) => total(f.memory))).toFixed(0)} MiB (${shown}); API server and store ${median(figures.map((f) => f.server)).toFixed(0)} MiB\n`)
}
report('upstream', upstream)
report('coxswain', ours)
/** What is promised: no more than `bar` of upstream's. */
const ratio = (name: string, bar: number, of: (f: Figures) => number): string => {
  const value = median(ours.map(of)) / median(upstream.map(of))
  return `${name} ${value.toFixed(3)} (${value <= bar ? 'pass' : 'falls short'}: ${bar.toFixed(3)})`
}
process.stdout.write(`ratio     ${ratio('ready', 1 / 10, (f) => f.readyMs)}   ${ratio('memory', 1 / 4, (f) => total(f.memory))}   ${ratio('API server', 1 / 3, (f) => f.server)}\n`)
