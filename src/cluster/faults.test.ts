import { afterEach, expect, test } from 'vitest'
import { configMaps, cronJobs, deployments, jobs, leases, nodes, pods } from '../api/generated/resources.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterOptions } from './options.ts'
import { createLogger } from '../base/real/env.ts'
import { createVirtualEnv } from '../base/real/virtual.ts'
import { startCluster } from './start-cluster.ts'

const running: Cluster[] = []
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop()
})

async function start(options: ClusterOptions = {}): Promise<Cluster> {
  // Components complain of what is done to them here.
  const env = createVirtualEnv({ log: createLogger({ write: () => undefined }), seed: options.seed ?? 1 })
  const cluster = await startCluster({ nodes: 2, env, ...options })
  running.push(cluster)
  return cluster
}

const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
  spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'example.org/c:1' }] } } },
})
const configMap = (name: string, data: Record<string, string> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data })

test('requests are refused, delayed, shown the past, and lose their answers', async () => {
  const { client, clientAs, faults, time } = await start({ nodes: 0 })
  const me = clientAs('me', ['system:masters'])
  const match = { user: 'me', resource: 'configmaps' }
  faults.add({ name: 'busy', match, error: 429, times: 1 })
  await expect(me.list(configMaps, { namespace: 'default' })).rejects.toMatchObject({ status: { code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } } })
  expect((await me.list(configMaps, { namespace: 'default' })).items).toHaveLength(1)
  faults.add({ match: { ...match, verb: 'create' }, dropAnswer: true, times: 1 })
  await expect(me.create(configMaps, configMap('made'))).rejects.toThrow('the connection was lost')
  await client.get(configMaps, { namespace: 'default', name: 'made' })
  await time.advance('1m')
  await client.create(configMaps, configMap('late'))
  const stale = faults.add({ match, stale: '30s' })
  await expect(me.get(configMaps, { namespace: 'default', name: 'late' })).rejects.toThrow('not found')
  faults.remove(stale)
  faults.add({ match, delay: ['1s', '3s'] })
  const before = time.now()
  await time.until(me.list(configMaps))
  expect(time.now() - before).toBeGreaterThanOrEqual(1000)
  expect(time.now() - before).toBeLessThanOrEqual(3000)
  expect(() => faults.add({ match })).toThrow('a fault says what goes wrong')
})

test('a cluster gets through conflicts, lost answers, and watches that break', async () => {
  const story = async (): Promise<string> => {
    const { client, faults, eventually, time } = await start()
    const user = 'system:serviceaccount:kube-system:*'
    faults.add({ name: 'storm', match: { user, verb: ['update', 'patch'] }, error: 409, probability: 0.3 })
    faults.add({ name: 'lost', match: { user, verb: 'create' }, dropAnswer: true, probability: 0.2 })
    faults.add({ name: 'gone', match: { verb: 'watch', resource: 'pods' }, watch: { endAfter: 3, gone: true, duplicate: 0.3 }, times: 10 })
    await client.create(deployments, deployment('web', 6))
    await eventually(async () => (await client.get(deployments, { namespace: 'default', name: 'web' })).status?.availableReplicas === 6, '1h')
    expect(faults.list().some(({ hits }) => hits > 0)).toBe(true)
    faults.clear()
    await time.advance('10m')
    const { items } = await client.list(pods, { namespace: 'default' })
    expect(items).toHaveLength(6)
    return JSON.stringify(items)
  }
  expect(await story()).toBe(await story())
})

test('a node behind a partition is found unreachable, its pods go elsewhere, and it comes back', async () => {
  const { client, faults, eventually } = await start()
  await client.create(deployments, deployment('web', 4))
  await eventually(async () => (await client.get(deployments, { namespace: 'default', name: 'web' })).status?.availableReplicas === 4)
  const cut = faults.add({ match: { user: 'system:node:node-1' }, partition: true })
  const ready = async () => (await client.get(nodes, { name: 'node-1' })).status?.conditions?.find(({ type }) => type === 'Ready')?.status
  await eventually(async () => await ready() === 'Unknown', '2m')
  const alive = async () => (await client.list(pods, { namespace: 'default', fieldSelector: 'spec.nodeName=node-0' })).items.filter((pod) => pod.status?.phase === 'Running').length
  await eventually(async () => await alive() === 4, '10m')
  faults.remove(cut)
  await eventually(async () => await ready() === 'True', '5m')
})

test('a process ends before or after its write, and only the one that asked', async () => {
  const { client, clientAs, faults } = await start({ nodes: 0 })
  const me = clientAs('me', ['system:masters'])
  const ended: string[] = []
  const forget = faults.onCrash('me', () => void ended.push('me'))
  faults.onCrash('another', () => void ended.push('another'))
  faults.add({ match: { user: 'me' }, crash: 'before', times: 1 })
  // Reads are not meant unless they are named.
  await me.list(configMaps, { namespace: 'default' })
  await expect(me.create(configMaps, configMap('first'))).rejects.toThrow('the connection was lost')
  await expect(client.get(configMaps, { namespace: 'default', name: 'first' })).rejects.toThrow('not found')
  faults.add({ match: { user: 'me' }, crash: 'after', times: 1 })
  await expect(me.create(configMaps, configMap('second'))).rejects.toThrow('the connection was lost')
  await client.get(configMaps, { namespace: 'default', name: 'second' })
  expect(ended).toEqual(['me', 'me'])
  forget()
  faults.add({ match: { user: 'me' }, crash: 'after', times: 1 })
  await expect(me.create(configMaps, configMap('third'))).rejects.toThrow('the connection was lost')
  expect(ended).toHaveLength(2)
})

test('watches stand still one by one, so that events come in another order than the writes', async () => {
  const { client, clientAs, faults, time, env } = await start({ nodes: 0 })
  const me = clientAs('me', ['system:masters'])
  faults.add({ match: { user: 'me', verb: 'watch' }, watch: { reorder: '20s' } })
  const seen: string[] = []
  const follow = (prefix: string) => env.tasks.go(prefix, async (signal) => {
    for await (const { object } of me.watch(configMaps, { namespace: 'default', labelSelector: `of=${prefix}`, signal })) seen.push((object as { metadata: { name: string } }).metadata.name)
  })
  for (const prefix of ['a', 'b']) follow(prefix)
  await time.advance('1s')
  const written: string[] = []
  for (let i = 10; i < 40; i++) {
    for (const of of ['a', 'b']) {
      const object = configMap(`${of}${i}`)
      await client.create(configMaps, { ...object, metadata: { ...object.metadata, labels: { of } } })
      written.push(`${of}${i}`)
    }
    await time.advance('2s')
  }
  await time.advance('1m')
  const onlyOf = (of: string) => seen.filter((name) => name.startsWith(of))
  for (const of of ['a', 'b']) expect(onlyOf(of)).toEqual(written.filter((name) => name.startsWith(of)))
  expect(seen).not.toEqual(written)
})

test('a node with a wrong clock stays ready; controllers with one go by it', async () => {
  const { client, faults, time } = await start()
  faults.add({ match: { user: 'system:node:node-1' }, clock: { behind: '20m' } })
  await time.advance('15m')
  const lease = await client.get(leases, { namespace: 'kube-node-lease', name: 'node-1' })
  expect(time.now() - Date.parse(lease.spec!.renewTime!)).toBeGreaterThan(19 * 60_000)
  // Only changes of the lease count, not what its writer takes for the time.
  expect((await client.get(nodes, { name: 'node-1' })).status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True')
  await client.create(cronJobs, {
    apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'hourly', namespace: 'default' },
    spec: { schedule: '30 * * * *', jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'example.org/c:1' }] } } } } },
  })
  await time.advance('1m')
  expect((await client.list(jobs)).items).toEqual([])
  faults.add({ match: { user: 'system:kube-controller-manager' }, clock: { ahead: '20m' } })
  await client.patch(cronJobs, { namespace: 'default', name: 'hourly' }, 'merge', { metadata: { labels: { looked: 'at' } } })
  await time.advance('1m')
  expect((await client.list(jobs)).items).toHaveLength(1)
  expect(() => faults.add({ clock: { ahead: 'soon' } })).toThrow('no span of time')
})
