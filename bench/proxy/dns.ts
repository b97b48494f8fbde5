/** The cluster's DNS: what a server answers, how fast, and for what. The server has one processor, its askers the other. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createGroup } from '../lib/group.ts'
import { freePort, median } from '../lib/processes.ts'
import type { Figures } from '../lib/ratios.ts'
import { coxswain, upstreamProgram } from '../lib/upstream.ts'
import type { Cluster, Side } from './rules.ts'

interface Load {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly lost: number
  readonly codes: Readonly<Record<string, number>>
}

const rounds = 5
const roundSeconds = 5

async function load(port: number, services: number, inFlight: number, seconds: number): Promise<Load> {
  const words = ['-c', '1', process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'dns-load.ts'), '127.0.0.1', port, services, inFlight, seconds]
  const { stdout } = await promisify(execFile)('taskset', words.map(String))
  return JSON.parse(stdout) as Load
}

/** The configuration that clusters ship, without the servers behind it. */
const corefile = (port: number, kubeconfig: string): string => `.:${port} {
  bind 127.0.0.1
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${kubeconfig}
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  cache 30
  loadbalance
}
`

export async function measureDns(side: Side, { dir, kubeconfig, services }: Cluster): Promise<Figures[]> {
  const say = (text: string) => process.stderr.write(`dns: ${side}: ${text}\n`)
  const port = await freePort()
  const group = createGroup(`dns-${side}`)
  const file = join(dir, 'Corefile')
  writeFileSync(file, corefile(port, kubeconfig))
  const command = side === 'upstream' ? [upstreamProgram('coredns'), '-conf', file] :
    [coxswain, 'dns', '--kubeconfig', kubeconfig, '--bind-address', '127.0.0.1', '--port', String(port), '--healthz-bind-address', '']
  const program = group.start(`dns-${side}`, ['taskset', '-c', '0', ...command], dir)
  const peak = group.watchPeak()
  try {
    for (const end = performance.now() + 60_000; ;) {
      const { codes, lost } = await load(port, services, 8, 1)
      if (lost === 0 && (codes[0] ?? 0) > 2 * (codes[3] ?? 0)) break
      if (performance.now() > end || program.exited()) throw new Error(`${program.name} does not answer: ${JSON.stringify(codes)}`)
    }
    const figures: Figures[] = []
    for (const inFlight of [1, 64]) {
      await load(port, services, inFlight, 3)
      const runs: (Load & { cpuMs: number })[] = []
      for (let i = 0; i < rounds; i++) {
        const before = group.cpuSeconds()
        const run = await load(port, services, inFlight, roundSeconds)
        runs.push({ ...run, cpuMs: ((group.cpuSeconds() - before) * 1000) / (run.rate * roundSeconds) })
      }
      const of = (name: 'rate' | 'p50' | 'p99' | 'cpuMs') => median(runs.map((run) => run[name]))
      say(`${inFlight} in flight: ${of('rate').toFixed(0)}/s, p99 ${of('p99').toFixed(2)} ms, ${(of('cpuMs') * 1000).toFixed(0)} us CPU each, ${runs.reduce((sum, { lost }) => sum + lost, 0)} lost, codes ${JSON.stringify(runs[0]!.codes)}`)
      figures.push({ name: `dns-${inFlight}`, what: `questions, ${inFlight} in flight`, rate: of('rate'), p50: of('p50'), p99: of('p99'), cpuMs: of('cpuMs'), bar: { rate: 1, p99: 1 } })
    }
    const most = peak()
    await sleep(5_000)
    return [...figures, { name: 'dns-memory', what: `${services} services with 10 endpoints each, after the load`, residentMiB: group.residentMiB(), peakMiB: most, bar: { memory: 0.5 } }]
  } finally {
    await program.stop()
    await group.remove()
  }
}
