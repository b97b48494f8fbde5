/** The loads that API servers are measured by, each with its bars against upstream. */
import type { BenchClient, Call, Load } from './client.ts'
import { configMap, namespace, pod } from './objects.ts'
import type { Bar } from './ratios.ts'
import { bigLists, watchFlood, watchLoad } from './watches.ts'

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

export interface Workload {
  readonly name: string
  readonly what: string
  readonly bar: Bar
  /** Whether the floor has it too (default true). */
  readonly floor?: boolean
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

const evenLists = (count: number, path: (i: number) => string): Pick<Workload, 'warm' | 'run'> => ({
  warm: (c) => c.load(200, 4, (i) => ({ path: path(i), ...list })), run: (c) => c.load(count, 4, (i) => ({ path: path(i), ...list })),
})

const cpu = (most: number, rate: number): Bar => ({ cpu: most, rate, p99: 1 })

/** In this order: pods of one load are listed by the next. `scale` multiplies the usual numbers of requests. */
export function workloadsOf(scale: number): readonly Workload[] {
  const times = (n: number): number => Math.max(16, Math.round(n * scale))
  return [
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
      name: 'list', what: 'LIST 5,000 pods, gzip accepted', bar: { rate: 20, p99: 1 },
      prepare: fillPods, warm: (c) => c.load(8, 4, () => ({ path: `${listedPath}/pods?resourceVersion=0`, ...list })),
      run: (c) => c.load(times(40), 4, () => ({ path: `${listedPath}/pods?resourceVersion=0`, ...list })),
    },
    {
      name: 'selector', what: 'LIST 1 % of 5,000 pods by label', bar: { rate: 3, p99: 1 },
      prepare: fillPods,
      ...evenLists(times(1000), (i) => `${listedPath}/pods?resourceVersion=0&labelSelector=shard%3D${Math.abs(i % 100)}`),
    },
    {
      name: 'consistent', what: 'consistent LIST of 5,000 pods, each after a write', bar: { rate: 10, p99: 1 },
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
    { name: 'watch', what: '200 watchers x 200 events', bar: { cpu: 1 / 2, rate: 1.5, p99: 1 }, warm: (c) => watchLoad(c, 200, 200, 'warmed'), run: (c) => watchLoad(c, 200, times(200)) },
    { name: 'flood', what: '1,000 watchers, 10,000 deliveries/s for 10 s', bar: { growthMiB: 64 }, floor: false, run: (c, pids) => watchFlood(c, pids, 1000, 10_000, 10) },
    { name: 'biglists', what: '100 clients list 1 GB of 1 MB objects for 15 s', bar: { growthMiB: 128 }, floor: false, run: (c, pids) => bigLists(c, pids, 100, times(1000), 15) },
  ]
}

/** What every load needs: a namespace and small objects to read. */
export async function prepare(client: BenchClient): Promise<void> {
  await prepareNamespace(client, namespace)
  for (let i = 0; i < clients; i++) await client.ok(create('configmaps', configMap(`seed-${i}`)))
}

async function prepareNamespace(client: BenchClient, name: string): Promise<void> {
  await client.ok({ ...create('', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }), path: '/api/v1/namespaces' })
  await client.ok({ ...create('', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }), path: `/api/v1/namespaces/${name}/serviceaccounts` })
}
