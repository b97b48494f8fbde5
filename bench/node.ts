/**
 * A node's work, upstream's kubelet and ours in turn on one containerd under one API server: how long until 1, 30 and 100
 * pods are ready, until 100 are gone, and what it costs to keep 100. Usage: hack/bench node [coxswain|upstream]
 * Needs root, containerd, runc and CNI plugins; takes some six minutes.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseYaml } from '../src/api/codec/yaml.ts'
import { namespaces, nodes, pods, serviceAccounts } from '../src/api/generated/resources.ts'
import type { Pod } from '../src/api/generated/types/core-v1.ts'
import { createSystemEnv } from '../src/base/real/env.ts'
import type { Client } from '../src/client/client.ts'
import { createHttpClient } from '../src/client/http/transport.ts'
import { SharedInformer } from '../src/client/informer.ts'
import { parseKubeconfig } from '../src/client/kubeconfig.ts'
import { busyboxImage, whyNoContainerd } from '../src/kubelet/testing/containerd.ts'
import { type PodFloor, podFloor } from './lib/pod-floor.ts'
import { type NodeHost, type Side, createNodeHost } from './lib/node-host.ts'
import { type Running, cpuSeconds, freePort, median, residentMiB, startProgram, untilReady, workFolder } from './lib/processes.ts'
import { type Figures, printRatios } from './lib/ratios.ts'
import { coxswain } from './lib/upstream.ts'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const steadyMs = 40_000
const singles = 15
const floors = 9
const namespace = 'bench'

const isReady = (pod: Pod): boolean => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true

interface Watch {
  readonly informer: SharedInformer<Pod>
  until(satisfied: (list: readonly Pod[]) => boolean, limitMs: number): Promise<void>
}

function watchPods(client: Client): Watch {
  const env = createSystemEnv()
  const informer = new SharedInformer<Pod>(env, pods, { namespace })
  env.tasks.go('watch', (signal) => informer.run(client, signal))
  return {
    informer,
    async until(satisfied, limitMs) {
      const end = performance.now() + limitMs
      while (!satisfied(informer.list())) {
        if (performance.now() > end) throw new Error(`still ${informer.list().filter(isReady).length} of ${informer.list().length} pods ready`)
        await sleep(5)
      }
    },
  }
}

async function createPods(client: Client, node: string, prefix: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: `${prefix}-${i}`, namespace },
    spec: {
      nodeName: node, terminationGracePeriodSeconds: 1, automountServiceAccountToken: false,
      containers: [{ name: 'c', image: busyboxImage, imagePullPolicy: 'IfNotPresent', command: ['sleep', '100000'] }],
    },
  })))
}

const deletePods = (client: Client): Promise<unknown> => client.deleteCollection(pods, { namespace })

/** Seconds until each of these pods is ready, as they become so; ends when all are. */
async function startPods(client: Client, watch: Watch, node: string, prefix: string, count: number, limitMs: number): Promise<number[]> {
  const began = performance.now()
  const times = new Map<string, number>()
  const note = (pod: Pod) => {
    if (isReady(pod) && !times.has(pod.metadata.name!)) times.set(pod.metadata.name!, (performance.now() - began) / 1000)
  }
  const stop = watch.informer.addHandler({ add: note, update: note })
  await createPods(client, node, prefix, count)
  await watch.until((list) => list.length === count && list.every(isReady), limitMs)
  stop()
  return [...times.values()]
}

/** Seconds until so many new pods are ready, all and half of them, and until they are gone. */
async function round(client: Client, watch: Watch, node: string, count: number): Promise<{ ready: number; half: number; gone: number }> {
  const times = await startPods(client, watch, node, `p${Math.round(performance.now())}`, count, 180_000)
  const asked = performance.now()
  await deletePods(client)
  await watch.until((list) => list.length === 0, 180_000)
  return { ready: Math.max(...times), half: median(times), gone: (performance.now() - asked) / 1000 }
}

async function measure(side: Side, client: Client, host: NodeHost): Promise<Figures[]> {
  const node = `bench-${side}`
  const program: Running = await host.start(side, node)
  const watch = watchPods(client)
  const say = (text: string) => process.stderr.write(`node: ${side}: ${text}\n`)
  try {
    for (let tries = 0; ; tries++) {
      const found = await client.get(nodes, { name: node }).catch(() => undefined)
      if (found?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true) break
      if (tries > 600 || program.exited()) throw new Error(`${program.name} did not become ready; its log ends:\n${readFileSync(program.log, 'utf8').slice(-3000)}`)
      await sleep(100)
    }
    say('ready')
    await round(client, watch, node, 1)
    const one: Awaited<ReturnType<typeof round>>[] = []
    for (let i = 0; i < singles; i++) {
      // Pods come at any moment of a kubelet's looks at its runtime, not always after the one that saw the last pod go.
      await sleep((1000 * ((7 * i) % singles)) / singles)
      one.push(await round(client, watch, node, 1))
    }
    say(`1 pod: ${median(one.map(({ ready }) => ready)).toFixed(2)} s, gone in ${median(one.map(({ gone }) => gone)).toFixed(2)} s`)
    const thirty = await round(client, watch, node, 30)
    say(`30 pods: ${thirty.ready.toFixed(1)} s, half of them after ${thirty.half.toFixed(1)} s, gone in ${thirty.gone.toFixed(1)} s`)
    const startCpu = cpuSeconds(program.pid)
    const times = await startPods(client, watch, node, 'hundred', 100, 240_000)
    const hundred = Math.max(...times)
    const startedCpu = cpuSeconds(program.pid) - startCpu
    say(`100 pods: ${hundred.toFixed(1)} s, half of them after ${median(times).toFixed(1)} s, ${startedCpu.toFixed(1)} s CPU`)
    await sleep(10_000)
    const cpu = cpuSeconds(program.pid)
    const from = performance.now()
    await sleep(steadyMs)
    const steady = ((cpuSeconds(program.pid) - cpu) * 1000) / ((performance.now() - from) / 1000)
    const memory = residentMiB(program.pid)
    say(`steady: ${steady.toFixed(1)} ms CPU a second, ${memory.toFixed(0)} MiB`)
    const asked = performance.now()
    await deletePods(client)
    await watch.until((list) => list.length === 0, 240_000)
    const gone = (performance.now() - asked) / 1000
    say(`100 pods gone in ${gone.toFixed(1)} s`)
    const start = { seconds: 0.7 }
    return [
      { name: 'start-1', what: 'one pod, create to Ready (p50)', seconds: median(one.map(({ ready }) => ready)), bar: start },
      { name: 'start-30', what: '30 pods at once, create to all Ready', seconds: thirty.ready, bar: {} },
      { name: 'start-30-p50', what: '30 pods at once, create to Ready (p50)', seconds: thirty.half, bar: start },
      // The time to the last one is the runtime's: of the processors' time on both sides the kubelet takes an eighth.
      { name: 'start-100', what: '100 pods at once, create to all Ready', seconds: hundred, bar: {} },
      { name: 'start-100-p50', what: '100 pods at once, create to Ready (p50)', seconds: median(times), bar: start },
      { name: 'stop-1', what: 'one pod, delete to gone (p50)', seconds: median(one.map((f) => f.gone)), bar: {} },
      { name: 'stop-100', what: '100 pods at once, delete to all gone', seconds: gone, bar: {} },
      { name: 'steady', what: '100 pods that nothing happens to, CPU a second and memory', cpuMs: steady, residentMiB: memory, bar: { cpu: 0.7, memory: 1 } },
    ]
  } finally {
    await program.stop()
    await client.delete(nodes, { name: node }).catch(() => undefined)
  }
}

/** Medians of what the runtime takes without a kubelet. */
async function measureFloor({ containerd }: NodeHost): Promise<PodFloor> {
  const found: PodFloor[] = []
  for (let i = 0; i < floors; i++) found.push(await podFloor(containerd.cri, busyboxImage, join(dir, 'floor'), String(i)))
  return { startSeconds: median(found.map((f) => f.startSeconds)), stopSeconds: median(found.map((f) => f.stopSeconds)) }
}

/** How much of a pod's start is the runtime's, and what each kubelet adds. */
function printFloor(floor: PodFloor, ours: readonly Figures[], upstream: readonly Figures[] | undefined): void {
  const added = (all: readonly Figures[] | undefined) => {
    const seconds = all?.find(({ name }) => name === 'start-1')?.seconds
    return seconds === undefined ? '?' : `${((seconds - floor.startSeconds) * 1000).toFixed(0)} ms`
  }
  process.stdout.write(`\nfloor: the runtime alone starts a pod in ${(floor.startSeconds * 1000).toFixed(0)} ms, ends it in ${(floor.stopSeconds * 1000).toFixed(0)} ms (p50); to a start coxswain adds ${added(ours)}, upstream ${added(upstream)}\n`)
}

const why = whyNoContainerd()
if (why !== undefined) throw new Error(`this bench ${why}`)
const only = process.argv[2] as Side | undefined
const { dir, remove } = workFolder('node')
const port = await freePort()
const data = join(dir, 'plane')
const kubeconfig = join(dir, 'admin.kubeconfig')
const plane = startProgram('control-plane', coxswain, ['control-plane', '--data', data, '--port', String(port), '--bind-address', '127.0.0.1', '--kubeconfig', kubeconfig], dir)
let host: NodeHost | undefined
try {
  await untilReady(`https://127.0.0.1:${port}/readyz`, plane, performance.now())
  const client = await createHttpClient(parseKubeconfig(parseYaml(readFileSync(kubeconfig, 'utf8'))), { clock: createSystemEnv().clock })
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  while ((await client.get(serviceAccounts, { namespace, name: 'default' }).catch(() => undefined)) === undefined) await sleep(50)
  host = await createNodeHost(dir, { url: `https://127.0.0.1:${port}`, pki: join(data, 'pki') })
  const floor = await measureFloor(host)
  const upstream = only === 'coxswain' ? undefined : await measure('upstream', client, host)
  const ours = only === 'upstream' ? upstream! : await measure('coxswain', client, host)
  const met = printRatios(ours, only === undefined ? upstream : undefined)
  printFloor(floor, ours, upstream)
  if (!met) process.exitCode = 1
} finally {
  await host?.stop()
  await plane.stop()
  remove()
}
process.exit()
