/**
 * The controllers, kube-controller-manager and ours in turn, each against an API server of ours of its own: how long until
 * the world is as it was asked for, what that costs the controllers, and how much memory they take.
 * Usage: hack/bench controllers [--small] [--shipped] [--until LOAD] [--profile DIR] [coxswain|upstream]
 * --until names the last of: create, scale, delete, namespace, endpoints, churn. --profile: node's CPU profile of ours.
 * 200 Deployments with 25 pods, a namespace with 5,000 objects, a Service with 5,000 endpoints; --small: a tenth.
 * Upstream's own limit of requests (20 a second and controller) is lifted; --shipped leaves it. What needs nodes that
 * beat is left out on both sides (node-lifecycle, taint-eviction, pod-garbage-collector).
 */
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfigText } from '../src/cluster/pki/kubeconfig.ts'
import { type LoadStep, loads } from './controllers/loads.ts'
import { BenchClient } from './lib/client.ts'
import { type OurServer, startOurs } from './lib/ours.ts'
import { cpuSeconds, freePort, peakMiB, residentMiB, type Running, startProgram, untilReady, workFolder } from './lib/processes.ts'
import { type Figures, printRatios } from './lib/ratios.ts'
import { coxswain, upstreamProgram } from './lib/upstream.ts'

type Side = 'upstream' | 'coxswain'

const words = process.argv.slice(2)
const share = words.includes('--small') ? 10 : 1
const size = { deployments: 200 / share, replicas: 25, mixed: 5_000 / share, endpoints: 5_000 / share, changes: 10_000 / share }
const after = (word: string): string | undefined => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
const profile = after('--profile')
const only = words.find((word): word is Side => word === 'coxswain' || word === 'upstream')
const bars = { seconds: 1 / 3, cpu: 1 / 3 }

async function startControllers(side: Side, dir: string, server: OurServer): Promise<Running> {
  const kubeconfig = join(dir, 'controllers.conf')
  const text = kubeconfigText({ clusterName: 'bench', server: server.url, caCert: server.admin.cert, user: 'controllers', credentials: server.admin })
  writeFileSync(kubeconfig, text.replace(/certificate-authority-data: .*/, 'insecure-skip-tls-verify: true'), { mode: 0o600 })
  const port = await freePort()
  const common = [
    `--kubeconfig=${kubeconfig}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', `--cert-dir=${join(dir, 'controllers')}`, '--leader-elect=false',
    '--controllers=*,-node-lifecycle-controller,-taint-eviction-controller,-pod-garbage-collector-controller',
  ]
  const running = side === 'coxswain'
    ? startProgram('controller-manager', coxswain, ['controller-manager', ...common], dir, profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` })
    : startProgram('kube-controller-manager', upstreamProgram('kube-controller-manager'), [
      ...common, ...(words.includes('--shipped') ? [] : ['--kube-api-qps=100000', '--kube-api-burst=100000']),
    ], dir)
  await untilReady(`https://127.0.0.1:${port}/healthz`, running, performance.now())
  await sleep(5_000)
  return running
}

async function measure(side: Side): Promise<Figures[]> {
  const { dir, remove } = workFolder('controllers')
  const server = await startOurs(dir)
  const client = new BenchClient(server.url, server.admin)
  let controllers: Running | undefined
  try {
    controllers = await startControllers(side, dir, server)
    const { pid } = controllers
    const figures: Figures[] = [{ name: 'idle', what: 'nothing to do', bar: { memory: 1 / 2 }, residentMiB: residentMiB(pid) }]
    let most = 0
    const steps = loads(size)
    const last = steps.findIndex(({ name }) => name === after('--until'))
    for (const step of last < 0 ? steps : steps.slice(0, last + 1)) {
      const { peak, ...rest } = await measureStep(step, client, pid)
      most = Math.max(most, peak)
      figures.push(rest)
      process.stderr.write(`controllers: ${side} ${step.name}: ${rest.seconds!.toFixed(2)} s, ${(rest.cpuMs! / 1000).toFixed(2)} s CPU, peak ${peak.toFixed(0)} MiB\n`)
    }
    return [...figures, { name: 'memory', what: 'the most that was held', bar: { memory: 1 / 2 }, residentMiB: most }]
  } finally {
    client.close()
    await controllers?.stop()
    await server.stop()
    remove()
  }
}

async function measureStep({ name, what, before, run }: LoadStep, client: BenchClient, pid: number): Promise<Figures & { peak: number }> {
  await before?.(client)
  // What `before` has brought about is not this step's.
  await sleep(3_000)
  peakMiB(pid)
  const cpu = cpuSeconds(pid)
  const started = performance.now()
  await run(client)
  const seconds = (performance.now() - started) / 1000
  // What is still done afterwards (statuses, retries) belongs to the load.
  await sleep(2_000)
  return { name, what, bar: bars, seconds, cpuMs: (cpuSeconds(pid) - cpu) * 1000, peak: peakMiB(pid) }
}

const sides: readonly Side[] = only === undefined ? ['upstream', 'coxswain'] : [only]
const all: Figures[][] = []
for (const side of sides) all.push(await measure(side))
if (!printRatios(all.at(-1)!, all.length > 1 ? all[0] : undefined)) process.exitCode = 1
