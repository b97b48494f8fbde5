import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseYaml } from '../api/codec/yaml.ts'
import { configMaps, deployments, pods } from '../api/generated/resources.ts'
import type { ConfigMap, Pod } from '../api/generated/types/core-v1.ts'
import type { KubeList } from '../api/meta/object.ts'
import type { Client } from '../client/client.ts'
import { createHttpClient } from '../client/http/transport.ts'
import { parseKubeconfig } from '../client/kubeconfig.ts'
import type { Cluster } from './cluster.ts'
import { startCluster } from './start-cluster.ts'
import { renderWhy } from './why.ts'

let cluster: Cluster
let http: Client & { close(): Promise<void> }
beforeAll(async () => {
  cluster = await startCluster({ time: 'virtual', nodes: 1, trace: true, history: 'all', listen: true })
  http = await createHttpClient(parseKubeconfig(parseYaml(cluster.kubeconfig())), { clock: cluster.env.clock })
})
afterAll(async () => {
  await http.close()
  await cluster.stop()
})

const key = { namespace: 'default', name: 'c' }

test('any object and list can be read as of a past revision or moment', async () => {
  const { client, time } = cluster
  const first = await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data: { a: '1' } })
  const then = new Date(time.now()).toISOString()
  await time.advance('20m')
  await client.update(configMaps, { ...first, data: { a: '2' } })
  await client.delete(configMaps, key)
  const at = first.metadata.resourceVersion!
  const path = '/api/v1/namespaces/default/configmaps'
  for (const one of [client, http]) {
    for (const moment of [at, then]) {
      expect(await one.raw('GET', `${path}/c?asOf=${moment}`)).toMatchObject({ data: { a: '1' } })
      const list = await one.raw('GET', `${path}?asOf=${moment}`) as KubeList<ConfigMap>
      expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['c', 'kube-root-ca.crt'])
    }
    await expect(one.raw('GET', `${path}/c`)).rejects.toThrow('not found')
    await expect(one.raw('GET', `${path}/c?asOf=${Number(at) - 1}`)).rejects.toThrow('not found')
    await expect(one.raw('GET', `${path}/c?asOf=9999999`)).rejects.toThrow('is yet to come')
    await expect(one.raw('GET', `${path}/c?asOf=soon`)).rejects.toThrow('neither a revision nor a moment')
  }
  expect(await http.raw('GET', `/as-of/${at}${path}/c`)).toMatchObject({ data: { a: '1' } })
})

test('time moves by the HTTP API', async () => {
  const before = cluster.time.now()
  expect(await http.raw('GET', '/coxswain/time')).toMatchObject({ virtual: true, paused: true, now: new Date(before).toISOString() })
  expect(await http.raw('POST', '/coxswain/time?advance=90m')).toMatchObject({ now: new Date(before + 5_400_000).toISOString() })
  await expect(http.raw('POST', '/coxswain/time?advance=soon')).rejects.toThrow('no span of time')
  await expect(http.raw('POST', '/coxswain/time')).rejects.toThrow('say advance=30d')
})

test('why tells the way from a request to an object', async () => {
  const { client, time } = cluster
  await client.create(deployments, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } } },
  })
  await time.advance('5s')
  const [pod] = (await client.list(pods, { namespace: 'default' })).items as [Pod]
  const chain = []
  for (let step = cluster.why(`pods/default/${pod.metadata.name}`)[0]; step !== undefined; step = step.because[0]) {
    chain.push(`${step.object.split('/')[0]} ${step.change} by ${step.request?.user.split(':').at(-1)}${step.reconcile === undefined ? '' : ` for ${step.reconcile.controller}`}`)
  }
  expect(chain).toEqual([
    'pods changed by node-0', 'pods changed by kube-scheduler', 'pods created by replicaset-controller for replicaset-controller',
    'replicasets created by deployment-controller for deployment-controller', 'deployments created by kubernetes-admin',
  ])
  const text = renderWhy(cluster.why(`pods/default/${pod.metadata.name}`, 1))
  expect(text).toContain('changed by admission: ServiceAccount')
  expect(text).toContain('request: create /apis/apps/v1/namespaces/default/deployments')
  expect(await http.raw('GET', `/coxswain/why?object=pods/default/${pod.metadata.name}&limit=1`)).toMatchObject([{ change: 'changed' }])
  expect(() => cluster.why('pods/default/none')).toThrow('nothing was written of pods/default/none')
})

test('two forks differ in what was done to them', async () => {
  const [a, b] = [await cluster.fork(), await cluster.fork()]
  await a.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } })
  await b.client.patch(deployments, { namespace: 'default', name: 'web' }, 'merge', { metadata: { labels: { of: 'b' } } })
  const differences = a.diff(b).filter(({ object }) => !object.startsWith('events/') && !object.startsWith('leases/'))
  expect(differences.find(({ object }) => object === 'configmaps/default/a')).toEqual({ object: 'configmaps/default/a', change: 'removed' })
  expect(differences.find(({ object }) => object === 'deployments/default/web')?.fields)
    .toContainEqual({ path: 'metadata.labels', before: undefined, after: { of: 'b' } })
  expect(differences.length).toBeLessThan(5)
  await Promise.all([a.stop(), b.stop()])
})
