import { afterAll, beforeAll, expect, test } from 'vitest'
import { cronJobs, deployments, namespaces, pods, replicaSets } from '../api/generated/resources.ts'
import { explainControllers } from './explain.ts'
import { createTestCluster, type TestCluster } from './testing/cluster.ts'

let cluster: TestCluster
const explain = (key: string, ...controllers: string[]) => explainControllers(cluster.env, cluster.client, controllers.length === 0 ? {} : { controllers }, key)

beforeAll(async () => {
  // No controller runs: what they would do stays to be done.
  cluster = await createTestCluster({ controllers: [] })
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  await cluster.client.create(deployments, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
  })
  await cluster.client.create(replicaSets, {
    apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'lone', namespace: 'default' }, spec: { replicas: 2, selector: { matchLabels: { app: 'lone' } }, template: { ...template, metadata: { labels: { app: 'lone' } } } },
  })
})
afterAll(() => cluster.stop())

test('a plan with what it comes from: causes, lookups, snapshot, writes and events, and nothing is done', async () => {
  const [explanation, ...others] = await explain('default/web', 'deployment-controller')
  expect(others).toEqual([])
  expect(explanation).toMatchObject({
    controller: 'deployment-controller', key: 'default/web', causes: ['Deployment default/web'],
    lookups: expect.arrayContaining([expect.stringMatching(/^Deployment default\/web: version \d+$/), expect.stringMatching(/^ReplicaSet .*: /)]) as string[],
    writes: expect.arrayContaining([{ do: 'create', object: expect.stringMatching(/^ReplicaSet default\/web-/) as string, body: expect.objectContaining({ spec: expect.objectContaining({ replicas: 3 }) as object }) as object }]) as object[],
  })
  expect(explanation!.snapshot).toBeDefined()
  expect(await cluster.list(replicaSets)).toHaveLength(1)
})

test('updates are told by field, of all controllers that have to do with the key', async () => {
  const [sets, ...others] = await explain('default/lone')
  expect([sets!.controller, others]).toEqual(['replicaset-controller', []])
  expect(sets!.writes.filter((write) => write.do === 'create').map(({ object }) => object)).toEqual(['Pod default/lone-*', 'Pod default/lone-*'])
  const [status] = (await explain('default/web', 'deployment-controller'))[0]!.writes.filter((write) => write.subresource === 'status')
  expect(status?.fields).toContainEqual({ path: 'status.observedGeneration', before: undefined, after: 1 })
  expect(await cluster.list(pods)).toEqual([])
})

test('controllers that ask the server on their way are rehearsed', async () => {
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'old' } })
  await cluster.client.delete(namespaces, { name: 'old' })
  const [explanation] = await explain('old', 'namespace-controller')
  expect(explanation!.causes).toEqual(['Namespace old'])
  expect(explanation!.writes.length + (explanation!.error ?? '').length).toBeGreaterThan(0)
  expect((await cluster.get(namespaces, 'old', undefined))?.status?.phase).toBe('Terminating')
})

test('nothing is said of what nobody looks after', async () => {
  expect(await explain('default/nothing')).toEqual([])
  expect(await cluster.list(cronJobs)).toEqual([])
})
