/**
 * The API under load: kube-apiserver with etcd beside ours, both durable, each number as a ratio with its bar.
 * Usage: hack/bench api [--only NAME,...] [--ours] [--prof DIR] [--scale F]
 *   --ours     ours alone (no ratios)
 *   --prof DIR node's CPU profile of our server goes to DIR
 *   --scale F  so many times the usual number of requests
 */
import { parseArgs } from 'node:util'
import { BenchClient, type Call, type Load, percentile } from './lib/client.ts'
import { configMap, namespace, pod } from './lib/objects.ts'
import { startOurs } from './lib/ours.ts'
import { cpuSeconds, peakMiB, residentMiB, workFolder } from './lib/processes.ts'
import { startUpstream } from './lib/upstream.ts'
import { type Bar, type Figures, printRatios } from './lib/ratios.ts'
import { bigLists, watchFlood, watchLoad } from './lib/watches.ts'

const { values: args } = parseArgs({
  options: { only: { type: 'string' }, ours: { type: 'boolean' }, prof: { type: 'string' }, scale: { type: 'string' } },
})
const scale = Number(args.scale ?? 1)
const times = (n: number): number => Math.max(16, Math.round(n * scale))

const path = `/api/v1/namespaces/${namespace}`
const clients = 16
const create = (resource: string, object: object) => ({
  method: 'POST', path: `${path}/${resource}`, body: JSON.stringify(object), headers: { 'content-type': 'application/json' },
})
const patch = (resource: string, name: string, type: string, body: object, query = '') => ({
  method: 'PATCH', path: `${path}/${resource}/${name}${query}`, body: JSON.stringify(body), headers: { 'content-type': type },
})

/** A load of equal requests, a part of which goes before for warmth. */
function even(count: number, make: (i: number, lane: number) => Call): Pick<Workload, 'warm' | 'run'> {
  return { warm: (c) => c.load(2000, clients, (i, lane) => make(-1 - i, lane)), run: (c) => c.load(count, clients, make) }
}

interface Workload {
  readonly name: string
  readonly what: string
  readonly bar: Bar
  /** Fills the server; no part of the figure. */
  prepare?(client: BenchClient): Promise<void>
  /** The same requests, not measured. */
  warm?(client: BenchClient): Promise<unknown>
  run(client: BenchClient, pids: readonly number[]): Promise<Load & { readonly growthMiB?: number }>
}

const list = { headers: { 'accept-encoding': 'gzip' } }
const podCount = 5000

/** A namespace of their own, so that lists are of as many pods whatever was made before. */
const listed = `${namespace}-lists`
const listedPath = `/api/v1/namespaces/${listed}`

async function fillPods(client: BenchClient): Promise<void> {
  const { status } = await client.call(0, { path: `${listedPath}/pods/fill-${podCount - 1}` }, false)
  if (status === 200) return
  await prepareNamespace(client, listed)
  await client.load(podCount, clients, (i) => ({ ...create('pods', pod(`fill-${i}`, { app: 'bench', shard: String(i % 100) }, listed)), path: `${listedPath}/pods` }))
}

const cpu = (most: number, rate: number): Bar => ({ cpu: most, rate, p99: 1 })

/** In this order: pods of one load are listed by the next. */
const workloads: readonly Workload[] = [
  {
    name: 'get', what: 'GET of a 1 kB configMap', bar: cpu(1 / 4, 2.5),
    ...even(times(20_000), (_i, lane) => ({ path: `${path}/configmaps/seed-${lane}` })),
  },
  {
    name: 'create', what: 'create configMap', bar: cpu(1 / 3, 3),
    ...even(times(6000), (i) => create('configmaps', configMap(`made-${i + 2000}`))),
  },
  {
    name: 'patch', what: 'merge patch of a configMap', bar: cpu(1 / 3, 3),
    ...even(times(6000), (i, lane) => patch('configmaps', `seed-${lane}`, 'application/merge-patch+json', { data: { 'key-0': `value ${i}` } })),
  },
  {
    name: 'apply', what: 'apply of a configMap', bar: cpu(1 / 3, 3),
    ...even(times(5000), (i, lane) =>
      patch('configmaps', `applied-${lane}`, 'application/apply-patch+yaml', { ...configMap(`applied-${lane}`), data: { 'key-0': `value ${i}`, other: 'x' } }, '?fieldManager=bench')),
  },
  {
    name: 'pod', what: 'create pod, full admission', bar: cpu(1 / 3, 3),
    ...even(times(4000), (i) => create('pods', pod(`made-${i + 2000}`, { app: 'bench', shard: String(Math.abs(i % 100)) }))),
  },
  {
    name: 'list', what: 'LIST 5,000 pods, gzip accepted', bar: { rate: 20 },
    prepare: fillPods, warm: (c) => c.load(8, 4, () => ({ path: `${listedPath}/pods?resourceVersion=0`, ...list })),
    run: (c) => c.load(times(40), 4, () => ({ path: `${listedPath}/pods?resourceVersion=0`, ...list })),
  },
  {
    name: 'selector', what: 'LIST 1 % of 5,000 pods by label', bar: { rate: 3 },
    prepare: fillPods,
    run: (c) => c.load(times(1000), 4, (i) => ({ path: `${listedPath}/pods?resourceVersion=0&labelSelector=shard%3D${i % 100}`, ...list })),
  },
  {
    name: 'consistent', what: 'consistent LIST of 5,000 pods, each after a write', bar: { rate: 10 },
    prepare: fillPods,
    async run(c) {
      let i = 0
      const at = performance.now()
      const latencies: number[] = []
      for (; i < times(20); i++) {
        await c.ok({ ...patch('pods', '', 'application/merge-patch+json', { metadata: { labels: { round: `r${i}-${scale}` } } }), path: `${listedPath}/pods/fill-${i}` })
        const began = performance.now()
        await c.call(0, { path: `${listedPath}/pods`, ...list }, false)
        latencies.push(performance.now() - began)
      }
      return { requests: i, seconds: (performance.now() - at) / 1000, latencies: latencies.sort((a, b) => a - b) }
    },
  },
  { name: 'watch', what: '200 watchers x 200 events', bar: { cpu: 1 / 2, rate: 1.5, p99: 1 }, warm: (c) => watchLoad(c, 50, 200, 'warmed'), run: (c) => watchLoad(c, 200, times(200)) },
  { name: 'flood', what: '1,000 watchers, 10,000 deliveries/s for 10 s', bar: { growthMiB: 64 }, run: (c, pids) => watchFlood(c, pids, 1000, 10_000, 10) },
  { name: 'biglists', what: '100 clients list 1 GB of 1 MB objects for 15 s', bar: { growthMiB: 128 }, run: (c, pids) => bigLists(c, pids, 100, times(1000), 15) },
]

interface Server {
  readonly url: string
  readonly admin: { readonly cert: string; readonly key: string }
  readonly pids: readonly number[]
  readonly readyMs: number
  stop(): Promise<void>
}

async function measure(server: Server, chosen: readonly Workload[]): Promise<Figures[]> {
  const client = new BenchClient(server.url, server.admin)
  const out: Figures[] = [{ name: 'boot', what: 'from nothing to ready', bar: { seconds: 1 / 10 }, seconds: server.readyMs / 1000 }]
  try {
    await prepare(client)
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const memory = server.pids.reduce((sum, pid) => sum + residentMiB(pid), 0)
    out.push({ name: 'idle', what: 'API server + store idle', bar: { memory: 1 / 3 }, residentMiB: memory })
    for (const workload of chosen) {
      process.stderr.write(`  ${workload.name}`)
      const began = performance.now()
      for (const pid of server.pids) peakMiB(pid)
      await workload.prepare?.(client)
      // Both sides are measured warm: node compiles what runs often, Go fills its pools.
      await workload.warm?.(client)
      const before = server.pids.map(cpuSeconds)
      const load = await workload.run(client, server.pids)
      const spent = server.pids.reduce((sum, pid, i) => sum + cpuSeconds(pid) - before[i]!, 0)
      const peak = server.pids.reduce((sum, pid) => sum + peakMiB(pid), 0)
      process.stderr.write(` ${((performance.now() - began) / 1000).toFixed(0)}s`)
      out.push({
        name: workload.name, what: workload.what, bar: workload.bar, cpuMs: (spent * 1000) / load.requests,
        rate: load.requests / load.seconds, p50: percentile(load.latencies, 0.5), p99: percentile(load.latencies, 0.99), peakMiB: peak,
        ...(load.growthMiB === undefined ? {} : { growthMiB: load.growthMiB }),
      })
    }
  } finally {
    client.close()
    await server.stop()
  }
  process.stderr.write('\n')
  return out
}

async function prepare(client: BenchClient): Promise<void> {
  await prepareNamespace(client, namespace)
  for (let i = 0; i < clients; i++) await client.ok(create('configmaps', configMap(`seed-${i}`)))
}

async function prepareNamespace(client: BenchClient, name: string): Promise<void> {
  await client.ok({ ...create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }), path: '/api/v1/namespaces' })
  await client.ok({ ...create('', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }), path: `/api/v1/namespaces/${name}/serviceaccounts` })
}

const names = args.only?.split(',')
const chosen = workloads.filter(({ name }) => names === undefined || names.includes(name))
let upstream: Figures[] | undefined
if (args.ours !== true) {
  process.stderr.write('kube-apiserver + etcd:')
  const { dir, remove } = workFolder('api-upstream')
  const plane = await startUpstream(dir)
  upstream = await measure({ url: plane.url, admin: plane.admin, pids: [plane.apiserver.pid, plane.etcd.pid], readyMs: plane.readyMs, stop: () => plane.stop() }, chosen)
  remove()
}
process.stderr.write('coxswain:')
const { dir, remove } = workFolder('api-coxswain')
const own = await startOurs(dir, args.prof === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${args.prof}`])
const ours = await measure({ ...own, pids: [own.apiserver.pid] }, chosen)
remove()
process.exitCode = printRatios(ours, upstream) ? 0 : 1
