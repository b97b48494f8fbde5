import { afterEach, describe, expect, test } from 'vitest'
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import { deployments, persistentVolumeClaims, podDisruptionBudgets, pods, resourceQuotas, secrets } from '../../api/generated/resources.ts'
import type { Resource } from '../../api/meta/object.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const names = ['disruption-controller', 'deployment-controller', 'replicaset-controller']
const deploy = (replicas: number) => cluster.client.create(deployments, {
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas, selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  },
})
const protect = (spec: NonNullable<PodDisruptionBudget['spec']>) => cluster.client.create(podDisruptionBudgets, {
  apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
})
const status = async () => (await cluster.get(podDisruptionBudgets, 'web'))!.status!

describe('budgets over the real API', () => {
  test.each([
    [{ minAvailable: 2 }, { desiredHealthy: 2, expectedPods: 4, currentHealthy: 4, disruptionsAllowed: 2 }],
    [{ minAvailable: '60%' }, { desiredHealthy: 3, expectedPods: 4, currentHealthy: 4, disruptionsAllowed: 1 }],
    [{ maxUnavailable: '50%' }, { desiredHealthy: 2, expectedPods: 4, currentHealthy: 4, disruptionsAllowed: 2 }],
    [{ maxUnavailable: 0 }, { desiredHealthy: 4, expectedPods: 4, currentHealthy: 4, disruptionsAllowed: 0 }],
  ])('%j', async (spec, expected) => {
    cluster = await createTestCluster({ controllers: names })
    await deploy(4)
    await cluster.advance(2000)
    await protect(spec)
    await cluster.advance(1000)
    expect(await status()).toMatchObject({ ...expected, observedGeneration: 1 })
    expect((await status()).conditions).toEqual([expect.objectContaining({
      type: 'DisruptionAllowed', status: expected.disruptionsAllowed > 0 ? 'True' : 'False',
      reason: expected.disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods',
    })])
  })

  test('an eviction takes from the budget until the pod is replaced', async () => {
    cluster = await createTestCluster({ controllers: names })
    await deploy(2)
    await cluster.advance(2000)
    await protect({ minAvailable: 1 })
    await cluster.advance(1000)
    const [pod] = await cluster.list(pods)
    const key = { namespace: 'default', name: pod!.metadata.name! }
    await cluster.client.createSubresource(pods as Resource, key, 'eviction', { apiVersion: 'policy/v1', kind: 'Eviction', metadata: key })
    await cluster.until('replaced', async () => (await status()).disruptionsAllowed === 1 && (await status()).currentHealthy === 2)
    expect((await status()).disruptedPods).toBeUndefined()
    expect(await cluster.get(pods, key.name)).toBeUndefined()
  })
})

test('quotas count what there is', async () => {
  cluster = await createTestCluster({ controllers: ['resourcequota-controller'], kubelet: false })
  await cluster.client.create(resourceQuotas, {
    apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace: 'default' },
    spec: { hard: { pods: '5', 'requests.cpu': '1', 'count/deployments.apps': '3', secrets: '10' } },
  })
  await cluster.advance(1000)
  const used = async () => (await cluster.get(resourceQuotas, 'q'))!.status
  expect(await used()).toEqual({
    hard: { pods: '5', 'requests.cpu': '1', 'count/deployments.apps': '3', secrets: '10' },
    used: { pods: '0', 'requests.cpu': '0', 'count/deployments.apps': '0', secrets: '0' },
  })
  await cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '250m' } } }] },
  })
  await cluster.client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'default' } })
  await deploy(0)
  await cluster.advance(1000)
  expect((await used())?.used).toEqual({ pods: '1', 'requests.cpu': '250m', 'count/deployments.apps': '1', secrets: '1' })
  await cluster.client.delete(deployments, { namespace: 'default', name: 'web' })
  await cluster.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
  await cluster.advance(1000)
  expect((await used())?.used).toEqual({ pods: '0', 'requests.cpu': '0', 'count/deployments.apps': '0', secrets: '1' })
})

test('a claim in use stays until the last pod that uses it is gone', async () => {
  cluster = await createTestCluster({ controllers: ['persistentvolumeclaim-protection-controller'], kubelet: false })
  await cluster.client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'default' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })
  await cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    },
  })
  await cluster.advance(1000)
  expect((await cluster.get(persistentVolumeClaims, 'data'))!.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection'])
  await cluster.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'data' })
  await cluster.advance(5000)
  expect(await cluster.get(persistentVolumeClaims, 'data')).toBeDefined()
  await cluster.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
  await cluster.until('claim gone', async () => (await cluster.get(persistentVolumeClaims, 'data')) === undefined)
})
