import { afterEach, expect, test } from 'vitest'
import { clusterRoles, configMaps, customResourceDefinitions, deployments, namespaces, pods, services } from '../api/generated/resources.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterOptions } from './options.ts'
import { startCluster } from './start-cluster.ts'

const running: Cluster[] = []
const kept = (cluster: Cluster): Cluster => {
  running.push(cluster)
  return cluster
}
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop()
})

const start = async (options: ClusterOptions = {}): Promise<Cluster> => kept(await startCluster({ time: 'virtual', nodes: 2, ...options }))
const configMap = (name: string, data: Record<string, string> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data })
const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'example.org/c:1' }] } } },
})
const names = async (cluster: Cluster): Promise<string[]> => (await cluster.client.list(configMaps, { namespace: 'default' })).items.map(({ metadata }) => metadata.name!)

test('a fork goes its own way, and so does its parent', async () => {
  const parent = await start()
  await parent.client.create(configMaps, configMap('both'))
  const fork = kept(await parent.fork())
  await parent.client.create(configMaps, configMap('parent'))
  await fork.client.create(configMaps, configMap('fork'))
  await fork.client.delete(configMaps, { namespace: 'default', name: 'both' })
  expect(await names(parent)).toEqual(['both', 'kube-root-ca.crt', 'parent'])
  expect(await names(fork)).toEqual(['fork', 'kube-root-ca.crt'])
})

test('its controllers, scheduler and nodes are at work with the first write, and its time is its own', async () => {
  const parent = await start()
  await parent.client.create(deployments, deployment('web', 3))
  await parent.time.advance('10s')
  const snapshot = parent.snapshot()
  const forks = await Promise.all([snapshot.fork(), snapshot.fork(), snapshot.fork()].map(async (fork) => kept(await fork)))
  const before = await parent.client.list(pods, { namespace: 'default' })
  for (const [i, fork] of forks.entries()) {
    const replicas = [5, 1, 5][i]!
    await fork.client.patch(deployments, { namespace: 'default', name: 'web' }, 'merge', { spec: { replicas } })
    await fork.time.advance('1m')
    const { items } = await fork.client.list(pods, { namespace: 'default' })
    expect(items.filter((pod) => pod.status?.phase === 'Running')).toHaveLength(replicas)
    expect(new Set(items.map((pod) => pod.status?.podIP)).size).toBe(replicas)
  }
  // The same acts in two forks of one snapshot make the same history.
  const [first, , third] = await Promise.all(forks.map((fork) => fork.client.list(pods, { namespace: 'default' })))
  expect(third).toEqual(first)
  expect(await parent.client.list(pods, { namespace: 'default' })).toEqual(before)
  expect(forks[0]!.time.now() - parent.time.now()).toBe(60_000)
})

test('it knows the past, roles, addresses in use and custom kinds of its parent', async () => {
  const parent = await start({ nodes: 1 })
  const { client } = parent
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n' } })
  await client.create(customResourceDefinitions, {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'widgets.example.org' },
    spec: {
      group: 'example.org', scope: 'Namespaced', names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } } } } }],
    },
  })
  await parent.time.advance('5s')
  const widgets: Resource<KubeObject & { spec: { size: number } }> = { group: 'example.org', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true }
  const widget = (name: string, size: number) => ({ apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name, namespace: 'n' }, spec: { size } })
  const written = await client.create(widgets, widget('a', 1))
  await client.update(widgets, { ...written, spec: { size: 2 } })
  const service = await client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'n' }, spec: { ports: [{ port: 80 }] } })
  const fork = kept(await parent.fork())
  const past = await fork.client.list(widgets, { namespace: 'n', resourceVersion: written.metadata.resourceVersion, resourceVersionMatch: 'Exact' })
  expect(past.items.map(({ spec }) => spec.size)).toEqual([1])
  await fork.client.create(widgets, widget('b', 3))
  await expect(fork.client.create(widgets, { ...widget('c', 4), spec: { size: 'big' } } as never)).rejects.toThrow('must be of type integer')
  const taken = { apiVersion: 'v1', kind: 'Service', metadata: { name: 't', namespace: 'n' }, spec: { clusterIP: service.spec!.clusterIP, ports: [{ port: 80 }] } }
  await expect(fork.client.create(services, taken)).rejects.toThrow('provided IP is already allocated')
  await expect(fork.clientAs('nobody').list(pods)).rejects.toThrow('pods is forbidden')
  expect((await fork.client.list(clusterRoles)).items.length).toBeGreaterThan(50)
  // A fork of a fork, without its parent.
  const second = kept(await fork.fork())
  await fork.stop()
  expect((await second.client.list(widgets, { namespace: 'n' })).items.map(({ spec }) => spec.size)).toEqual([2, 3])
})

test('a fork that is only read starts nothing', async () => {
  const parent = await start()
  const fork = kept(await parent.fork())
  const revision = fork.snapshot().revision
  expect((await fork.client.list(pods)).items).toEqual([])
  expect(fork.controlPlane.components).toEqual([])
  expect(fork.snapshot().revision).toBe(revision)
})

test('a cluster with real time forks as well', async () => {
  const parent = await start({ time: 'real', nodes: 1 })
  const fork = kept(await parent.fork())
  await fork.client.create(deployments, deployment('web', 2))
  const running = async () => (await fork.client.list(pods, { namespace: 'default' })).items.filter((pod) => pod.status?.phase === 'Running').length
  await expect.poll(running).toBe(2)
  expect((await parent.client.list(pods, { namespace: 'default' })).items).toEqual([])
})
