import { afterEach, describe, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { DeviceTaint, DeviceToleration } from '../../api/generated/types/resource-v1.ts'
import { deviceTaintRules, events, pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { formatTime } from '../../api/meta/time.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { conditionOf } from './rule-status.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const start = async () => {
  cluster = await createTestCluster({ controllers: ['device-taint-eviction-controller'], kubelet: false, featureGates: { DRADeviceTaintRules: true } })
}
const slice = (taints: DeviceTaint[] = []) => ({
  apiVersion: 'resource.k8s.io/v1', kind: 'ResourceSlice', metadata: { name: 's' },
  spec: { driver: 'd.example.com', nodeName: 'node-1', pool: { name: 'p', generation: 1, resourceSliceCount: 1 }, devices: [{ name: 'x', taints }, { name: 'y' }] },
})
const taint = (effect = 'NoExecute') => ({ key: 'broken', value: 'yes', effect, timeAdded: formatTime(cluster.env.clock.now()) })

async function podWithClaim(name: string, device: string, tolerations?: DeviceToleration[]): Promise<Pod> {
  const { client } = cluster
  const pod = await client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', finalizers: ['example.com/keep'] },
    spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }], resourceClaims: [{ name: 'gpu', resourceClaimName: name }] },
  })
  const claim = await client.create(resourceClaims, {
    apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata: { name, namespace: 'default' },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  })
  const results = [{ request: 'r', driver: 'd.example.com', pool: 'p', device, ...(tolerations === undefined ? {} : { tolerations }) }]
  const reservedFor = [{ resource: 'pods', name, uid: pod.metadata.uid! }]
  await client.update(resourceClaims, { ...claim, status: { allocation: { devices: { results } }, reservedFor } }, { subresource: 'status' })
  return pod
}
const isEvicted = async (name: string) => (await cluster.get(pods, name))?.metadata.deletionTimestamp !== undefined

test('pods on a device that is tainted in its slice go, those that tolerate it for a while go later', async () => {
  await start()
  const published = await cluster.client.create(resourceSlices, slice())
  await podWithClaim('victim', 'x')
  await podWithClaim('patient', 'x', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }])
  await podWithClaim('tolerant', 'x', [{ key: 'broken', operator: 'Equal', value: 'yes', effect: 'NoExecute' }])
  await podWithClaim('other', 'y')
  await cluster.advance(1000)
  const { metadata } = published
  await cluster.client.update(resourceSlices, { ...slice([taint()]), metadata })
  await cluster.until('evicted', () => isEvicted('victim'))
  expect((await cluster.get(pods, 'victim'))!.status!.conditions).toMatchObject([
    { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByDeviceTaintManager', message: 'Device Taint manager: deleting due to NoExecute taint' },
  ])
  expect((await cluster.list(events)).map(({ reason, message, involvedObject }) => [reason, message, involvedObject.name])).toEqual([['DeviceTaintManagerEviction', 'Marking for deletion', 'victim']])
  await cluster.advance(50_000)
  expect(await isEvicted('patient')).toBe(false)
  await cluster.until('evicted later', () => isEvicted('patient'), 15_000)
  await cluster.advance(100_000)
  expect([await isEvicted('tolerant'), await isEvicted('other')]).toEqual([false, false])
  expect(cluster.env.complaints).toEqual([])
})

test('a rule tells what it would do, what it does and what it has done', async () => {
  await start()
  await cluster.client.create(resourceSlices, slice())
  await podWithClaim('victim', 'x', [{ operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 30 }])
  const { client } = cluster
  const rule = (effect: string) => ({
    apiVersion: 'resource.k8s.io/v1beta2', kind: 'DeviceTaintRule', metadata: { name: 'r' },
    spec: { deviceSelector: { driver: 'd.example.com' }, taint: taint(effect) },
  })
  const condition = async () => (await cluster.get(deviceTaintRules, 'r'))?.status?.conditions?.[0]
  await client.create(deviceTaintRules, rule('None'))
  await cluster.until('told', async () => (await condition()) !== undefined)
  expect(await condition()).toMatchObject({
    type: 'EvictionInProgress', status: 'False', reason: 'NoEffect',
    message: '2 published devices selected. 1 allocated device selected. 1 pod would be evicted in 1 namespace if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update.',
  })
  await cluster.advance(60_000)
  expect(await isEvicted('victim')).toBe(false)
  await client.delete(deviceTaintRules, { name: 'r' })
  await client.create(deviceTaintRules, rule('NoExecute'))
  await cluster.until('pending', async () => (await condition())?.reason === 'PodsPendingEviction', 5000)
  expect(await condition()).toMatchObject({ status: 'True', message: '1 pod needs to be evicted in 1 namespace.' })
  await cluster.until('completed', async () => (await condition())?.reason === 'Completed')
  expect(await condition()).toMatchObject({ status: 'False', message: '1 pod evicted since starting the controller.' })
  expect(await isEvicted('victim')).toBe(true)
})

describe('conditions', () => {
  const of = (effect: string, counts: Partial<Parameters<typeof conditionOf>[1]>) =>
    conditionOf({ metadata: {}, spec: { taint: { key: 'k', effect } } }, { pendingPods: 0, pendingNamespaces: 0, evictedPods: 0, ...counts })
  test.for<[string, Parameters<typeof of>[1], string, string]>([
    ['NoExecute', {}, 'NotStarted', ''],
    ['NoExecute', { pendingPods: 3, pendingNamespaces: 2, evictedPods: 2 }, 'PodsPendingEviction', '3 pods need to be evicted in 2 different namespaces. 2 pods evicted since starting the controller.'],
    ['NoSchedule', {}, 'OtherEffect', 'Eviction only happens for the NoExecute effect.'],
  ])('%s %j', ([effect, counts, reason, message]) => {
    expect(of(effect, counts)).toMatchObject({ reason, message })
  })
})
