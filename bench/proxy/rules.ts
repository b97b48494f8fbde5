/** Service rules in the kernel: how long until all of them are there, and what single changes of endpoints take and cost. */
import { execFile, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfigText } from '../../src/cluster/pki/kubeconfig.ts'
import { type BenchClient, percentile } from '../lib/client.ts'
import { createGroup } from '../lib/group.ts'
import type { Namespace } from '../lib/namespaces.ts'
import type { Figures } from '../lib/ratios.ts'
import { coxswain, upstreamProgram } from '../lib/upstream.ts'
import { endpoints, freshAddress, mapKey, namespace, serviceName } from './objects.ts'

export type Side = 'coxswain' | 'upstream'

export interface Cluster {
  readonly client: BenchClient
  readonly kubeconfig: string
  readonly services: number
  readonly dir: string
}

const singleChanges = 30
const burst = 200

/** Whether the kernel's map of that namespace has the Service. */
function hasService(enter: readonly string[], i: number): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(enter[0]!, [...enter.slice(1), 'nft', 'get', 'element', 'ip', 'kube-proxy', 'service-ips', `{ ${mapKey(i)} }`], (error) => resolve(error === null))
  })
}

/** Tells when a text first appears in what the kernel says that it changes. */
function watchKernel(enter: readonly string[]): { ready: Promise<void>; seen(text: string): Promise<number>; stop(): void } {
  const child = spawn(enter[0]!, [...enter.slice(1), 'stdbuf', '-oL', 'nft', 'monitor', 'rules'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const waiting = new Map<string, (at: number) => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    for (const [text, found] of waiting) {
      if (!line.startsWith('add ') || !line.includes(text)) continue
      waiting.delete(text)
      found(performance.now())
    }
  })
  return {
    ready: sleep(3_000),
    seen: (text) => new Promise((resolve) => waiting.set(text, resolve)),
    stop: () => void child.kill('SIGTERM'),
  }
}

const sliceOf = (i: number): string => `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${serviceName(i)}-abcde`

/** Milliseconds from the write's acknowledgement to the kernel. */
async function changeOne(client: BenchClient, monitor: ReturnType<typeof watchKernel>, i: number, address: string): Promise<number> {
  const arrived = monitor.seen(` ${address} `)
  await client.ok({ method: 'PATCH', path: sliceOf(i), body: JSON.stringify({ endpoints: endpoints(i, address) }), headers: { 'content-type': 'application/merge-patch+json' } })
  const acknowledged = performance.now()
  return (await within(arrived, 120_000, `the change of ${serviceName(i)} did not come to the kernel`)) - acknowledged
}

function within<T>(work: Promise<T>, ms: number, complaint: string): Promise<T> {
  return Promise.race([work, sleep(ms, undefined, { ref: false }).then(() => { throw new Error(complaint) })])
}

/** Runs one side's proxy in a network namespace of its own. */
export async function measureRules(side: Side, cluster: Cluster, net: Namespace): Promise<Figures[]> {
  const { services, dir, client } = cluster
  const say = (text: string) => process.stderr.write(`proxy: ${side}: ${text}\n`)
  const group = createGroup(side)
  // A write that says what is there already is no change.
  const fresh = side === 'coxswain' ? 0 : 10_000
  const flags = [
    '--kubeconfig', cluster.kubeconfig, '--hostname-override', 'bench', '--proxy-mode', 'nftables', '--cluster-cidr', '10.128.0.0/9', '--conntrack-max-per-core', '0',
    '--conntrack-tcp-timeout-established', '0s', '--conntrack-tcp-timeout-close-wait', '0s',
  ]
  const command = side === 'coxswain' ? [coxswain, 'proxy', ...flags] : [upstreamProgram('kube-proxy'), ...flags]
  const began = performance.now()
  const program = group.start(`proxy-${side}`, [...net.enter, ...command], dir)
  const peak = group.watchPeak()
  let monitor: ReturnType<typeof watchKernel> | undefined
  try {
    for (let next = 0; next < services;) {
      if (await hasService(net.enter, next)) next = next === services - 1 ? services : Math.min(services - 1, next * 2 + 1)
      else if (program.exited() || performance.now() - began > 900_000) throw new Error(`${program.name} wrote no rules; its log ends:\n${readFileSync(program.log, 'utf8').slice(-3000)}`)
      else await sleep(100)
    }
    const seconds = (performance.now() - began) / 1000
    const firstCpu = group.cpuSeconds()
    say(`first sync: ${seconds.toFixed(1)} s, ${firstCpu.toFixed(1)} s CPU`)
    monitor = watchKernel(net.enter)
    // Clean-up that follows the first sync is not the changes' doing.
    await Promise.all([monitor.ready, sleep(10_000)])
    const firstPeak = peak()
    const changesPeak = group.watchPeak()
    const times: number[] = []
    const changeCpu = group.cpuSeconds()
    for (let n = 0; n < singleChanges; n++) {
      times.push(await changeOne(client, monitor, (n * 37) % services, freshAddress(fresh + n)))
      // Upstream's proxy waits a second between two syncs.
      await sleep(1_500)
    }
    const perChange = ((group.cpuSeconds() - changeCpu) * 1000) / singleChanges
    times.sort((a, b) => a - b)
    say(`single changes: p50 ${percentile(times, 0.5).toFixed(1)} ms, ${perChange.toFixed(1)} ms CPU each`)
    const burstCpu = group.cpuSeconds()
    const burstBegan = performance.now()
    await Promise.all(Array.from({ length: burst }, (_, n) => changeOne(client, monitor!, (n * 41 + 1) % services, freshAddress(fresh + singleChanges + n))))
    const burstSeconds = (performance.now() - burstBegan) / 1000
    await sleep(3_000)
    const burstCpuMs = ((group.cpuSeconds() - burstCpu) * 1000) / burst
    say(`${burst} changes at once: ${burstSeconds.toFixed(1)} s, ${burstCpuMs.toFixed(1)} ms CPU each`)
    const laterPeak = changesPeak()
    await sleep(8_000)
    const resident = group.residentMiB()
    say(`peaks ${firstPeak.toFixed(0)} and ${laterPeak.toFixed(0)} MiB, then ${resident.toFixed(0)} MiB`)
    const cpu = { cpu: 0.5 }
    return [
      { name: 'first-sync', what: `${services} services x 10 endpoints, start to the last one in the kernel`, seconds, cpuMs: firstCpu * 1000, residentMiB: firstPeak, bar: { memory: 1 } },
      { name: 'whole', what: 'processor time of first sync and single changes together', cpuMs: (firstCpu * 1000) + (perChange * singleChanges), bar: cpu },
      { name: 'change', what: 'one endpoint changes: acknowledged write to kernel', seconds: percentile(times, 0.5) / 1000, p50: percentile(times, 0.5), p99: percentile(times, 0.99), cpuMs: perChange, bar: { ...cpu, seconds: 1 / 3 } },
      { name: 'burst', what: `one endpoint each of ${burst} services changes at once`, seconds: burstSeconds, cpuMs: burstCpuMs, residentMiB: laterPeak, bar: { ...cpu, memory: 1 } },
      { name: 'idle', what: 'memory afterwards', residentMiB: resident, bar: { memory: 1 } },
    ]
  } finally {
    monitor?.stop()
    await program.stop()
    await group.remove()
  }
}

/** A kubeconfig of the right to see everything, as a file. */
export function writeKubeconfig(dir: string, server: string): string {
  const read = (name: string): string => readFileSync(join(dir, 'certs', name), 'utf8')
  const path = join(dir, 'proxy.kubeconfig')
  writeFileSync(path, kubeconfigText({ clusterName: 'bench', server, caCert: read('ca.crt'), user: 'bench', credentials: { cert: read('admin.crt'), key: read('admin.key') } }))
  return path
}
