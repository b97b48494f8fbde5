/**
 * A large cluster of simulated nodes on this machine: 5,000 nodes, 150,000 pods, 300,000 containers; how long it takes to
 * load, what it holds, and upstream's service levels under 20 changes a second while every node renews its lease.
 * Usage: hack/bench scale [--scale SHARE] [--seconds S] [--profile DIR]    (default 1: all of it; 60 seconds of changes)
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { servingProgram } from '../src/cluster/hosts/small.ts'
import { BenchClient } from './lib/client.ts'
import { peakMiB, residentMiB, workFolder } from './lib/processes.ts'
import { root } from './lib/upstream.ts'
import { measureLevels } from './scale/levels.ts'
import { type Size, fillingSteps, perform } from './scale/steps.ts'

const words = process.argv.slice(2)
const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
const share = Number(after('--scale') ?? 1)
const seconds = Number(after('--seconds') ?? 60)
const profile = after('--profile')
const size: Size = { nodes: Math.ceil(5000 * share), namespaces: Math.ceil(50 * share), deployments: 30, replicas: 100 }
const loadLimitMs = 20 * 60_000

/** The host as hack/bench builds it beside the program; the sources without that. */
const main = process.env['COXSWAIN_MAIN']
const hostModule = main === undefined ? join(root, 'bench/scale/host.ts') : join(dirname(main), 'bench-scale-host.js')
const environment = Object.fromEntries(servingProgram.environment.map((line) => line.split('=')))

async function startHost(dir: string): Promise<{ client: BenchClient; pid: number; readySeconds: number; stop(): Promise<void> }> {
  const began = performance.now()
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...servingProgram.flags, ...profiling, hostModule, String(size.nodes), dir], {
    stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...environment },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const line = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.endsWith('\n')) resolve(text)
    })
    child.once('exit', (code) => reject(new Error(`the cluster ended with ${code}`)))
  })
  const { url, kubeconfig } = JSON.parse(line) as { url: string; kubeconfig: string }
  const pem = (field: string): string => Buffer.from(new RegExp(`${field}: (\\S+)`).exec(kubeconfig)![1]!, 'base64').toString()
  const client = new BenchClient(url, { cert: pem('client-certificate-data'), key: pem('client-key-data') })
  return {
    client, pid: child.pid!, readySeconds: (performance.now() - began) / 1000,
    async stop() {
      client.close()
      child.kill('SIGTERM')
      await ended
    },
  }
}

let met = true
function line(what: string, value: number, unit: string, most?: number): void {
  const pass = most === undefined || value <= most
  met &&= pass
  process.stdout.write(`  ${(most === undefined ? '' : pass ? 'pass' : 'SHORT').padEnd(6)} ${what}: ${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}${most === undefined ? '' : ` (bar ${most})`}\n`)
}

const { dir, remove } = workFolder('scale')
const host = await startHost(dir)
try {
  const pods = size.namespaces * size.deployments * size.replicas
  process.stdout.write(`${size.nodes} nodes, ${pods} pods, ${2 * pods} containers\n`)
  const began = performance.now()
  const progress = (text: string) => process.stderr.write(`scale: ${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}, ${residentMiB(host.pid).toFixed(0)} MiB\n`)
  await perform(host.client, fillingSteps(size), progress, loadLimitMs)
  line('nodes are there', host.readySeconds, 's')
  line('loaded', (performance.now() - began) / 1000 + host.readySeconds, 's', 300)
  const levels = await measureLevels(host.client, size, 20, seconds)
  line('p99 of changes', levels.mutation, 'ms', 1000)
  line('p99 of single reads', levels.read, 'ms', 1000)
  line('p99 of lists', levels.list, 'ms', 30_000)
  line('p99 of pod starts', levels.podStart, 'ms', 5000)
  line('changes', levels.changes, '')
  line('peak memory', peakMiB(host.pid), 'MiB', 6144)
} finally {
  await host.stop()
  remove()
}
process.exitCode = met ? 0 : 1
