/** What the controllers are given to do: each load says what it asks and when the world is as it was asked for. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchClient, Call } from '../lib/client.ts'
import { addresses, deployment, node, pod, service } from './objects.ts'

export interface Size {
  readonly deployments: number
  readonly replicas: number
  /** Objects of the namespace that goes. */
  readonly mixed: number
  readonly endpoints: number
  readonly changes: number
}

export interface LoadStep {
  readonly name: string
  readonly what: string
  /** Done before the time is taken. */
  readonly before?: (client: BenchClient) => Promise<void>
  /** Resolves when what was asked for is true in the API. */
  readonly run: (client: BenchClient) => Promise<void>
}

export const namespace = 'bench'
const going = 'bench-goes'
const clients = 16
const json = { 'content-type': 'application/json' }
const merge = { 'content-type': 'application/merge-patch+json' }
const post = (path: string, body: object): Call => ({ method: 'POST', path, body: JSON.stringify(body), headers: json })
const core = (resource: string, inside = namespace): string => `/api/v1/namespaces/${inside}/${resource}`
const apps = (resource: string, inside = namespace): string => `/apis/apps/v1/namespaces/${inside}/${resource}`
const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dbench`

/** The steps in their order: each finds the world as the one before has left it. */
export function loads({ deployments, replicas, mixed, endpoints, changes }: Size): readonly LoadStep[] {
  const pods = core('pods')
  const named = (i: number): string => `d-${String(i).padStart(4, '0')}`
  return [
    {
      name: 'create', what: `${deployments} Deployments with ${replicas} pods each are created`,
      before: async (client) => void (await client.ok(post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }))),
      run: async (client) => {
        await client.load(deployments, clients, (i) => post(apps('deployments'), deployment(named(i), replicas)))
        await until(client, pods, (count) => count === deployments * replicas)
      },
    },
    {
      name: 'scale', what: 'all of them are scaled to 0',
      run: async (client) => {
        await client.load(deployments, clients, (i) => ({ method: 'PATCH', path: `${apps('deployments')}/${named(i)}/scale`, body: '{"spec":{"replicas":0}}', headers: merge }))
        await until(client, pods, (count) => count === 0)
      },
    },
    {
      name: 'delete', what: 'all of them are deleted, their replica sets with them',
      run: async (client) => {
        await client.load(deployments, clients, (i) => ({ method: 'DELETE', path: `${apps('deployments')}/${named(i)}` }))
        await until(client, apps('replicasets'), (count) => count === 0)
      },
    },
    {
      name: 'namespace', what: `a namespace with ${mixed} objects of five kinds is deleted`,
      before: (client) => fillMixed(client, mixed),
      run: async (client) => {
        await client.ok({ method: 'DELETE', path: `/api/v1/namespaces/${going}` })
        while ((await client.call(0, { path: `/api/v1/namespaces/${going}` })).status !== 404) await sleep(20)
      },
    },
    {
      name: 'endpoints', what: `a Service gets ${endpoints} endpoints`,
      before: (client) => fillPods(client, endpoints),
      run: async (client) => {
        await client.ok(post(core('services'), service()))
        await untilReady(client, (ready) => ready.size === endpoints)
      },
    },
    {
      name: 'churn', what: `${changes} of these become unready or ready again`,
      run: (client) => churn(client, endpoints, changes),
    },
  ]
}

/** Looks 50 times a second how many objects there are. */
async function until(client: BenchClient, path: string, done: (count: number) => boolean): Promise<void> {
  for (;;) {
    const { text } = await client.ok({ path: `${path}?limit=1` })
    const list = JSON.parse(text) as { items: unknown[]; metadata: { remainingItemCount?: number } }
    if (done(list.items.length + (list.metadata.remainingItemCount ?? 0))) return
    await sleep(20)
  }
}

/** Looks 5 times a second which addresses the service's slices call ready. */
async function untilReady(client: BenchClient, done: (ready: ReadonlySet<string>) => boolean): Promise<void> {
  for (;;) {
    const list = JSON.parse((await client.ok({ path: slices })).text) as { items: { endpoints?: { addresses: string[]; conditions: { ready?: boolean } }[] }[] }
    const ready = list.items.flatMap((slice) => (slice.endpoints ?? []).filter(({ conditions }) => conditions.ready === true).flatMap((endpoint) => endpoint.addresses))
    if (done(new Set(ready))) return
    await sleep(200)
  }
}

async function fillMixed(client: BenchClient, count: number): Promise<void> {
  await client.ok(post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: going } }))
  const makers = [
    (name: string) => post(core('configmaps', going), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } }),
    (name: string) => post(core('secrets', going), { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { a: 'b' } }),
    (name: string) => post(core('serviceaccounts', going), { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }),
    (name: string) => post(core('pods', going), pod(name, 'other')),
    (name: string) => post(apps('replicasets', going), { ...deployment(name, 0), kind: 'ReplicaSet' }),
  ]
  await client.load(count, clients, (i) => makers[i % makers.length]!(`o-${i}`))
}

const podName = (i: number): string => `p-${String(i).padStart(5, '0')}`
const readiness = (i: number, ready: boolean): Call => ({
  method: 'PATCH', path: `${core('pods')}/${podName(i)}/status`, headers: { 'content-type': 'application/strategic-merge-patch+json' },
  body: JSON.stringify({
    status: {
      phase: 'Running', podIP: addresses(i), podIPs: [{ ip: addresses(i) }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: new Date().toISOString().replace(/\.\d+/, '') }],
    },
  }),
})

async function fillPods(client: BenchClient, count: number): Promise<void> {
  await client.ok(post('/api/v1/nodes', node()))
  await client.load(count, clients, (i) => post(core('pods'), pod(podName(i), 'bench', 'bench')))
  await client.load(count, clients, (i) => readiness(i, true))
}

/** Every pod in turn changes its readiness; the slices must say in the end what the pods do. */
async function churn(client: BenchClient, count: number, changes: number): Promise<void> {
  const ready = new Set(Array.from({ length: count }, (_, i) => addresses(i)))
  await client.load(changes, clients, (i) => {
    const at = (i * 7) % count
    const address = addresses(at)
    const next = !ready.has(address)
    if (next) ready.add(address)
    else ready.delete(address)
    return readiness(at, next)
  })
  await untilReady(client, (seen) => seen.size === ready.size && [...ready].every((address) => seen.has(address)))
}
