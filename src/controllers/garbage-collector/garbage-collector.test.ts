import { afterEach, describe, expect, test } from 'vitest'
import { configMaps, deployments, events, namespaces, pods, replicaSets } from '../../api/generated/resources.ts'
import type { OwnerReference } from '../../api/meta/object.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const everything = { controllers: ['deployment-controller', 'replicaset-controller', 'garbage-collector-controller'] }
const gcOnly = { controllers: ['garbage-collector-controller'] }

async function rollOut(): Promise<void> {
  await cluster.client.create(deployments, {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2, selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  })
  await cluster.until('rollout', async () => (await cluster.get(deployments, 'web'))?.status?.availableReplicas === 2)
}

async function makeMap(name: string, owners: OwnerReference[] = [], finalizers?: string[]): Promise<OwnerReference> {
  const made = await cluster.client.create(configMaps, {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ownerReferences: owners, finalizers },
  })
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: made.metadata.uid! }
}
const mapNames = async (): Promise<Set<string | undefined>> => new Set((await cluster.list(configMaps)).map(({ metadata }) => metadata.name))
const key = (name: string) => ({ namespace: 'default', name })

describe('garbage collection over the real API', () => {
  test('in the background: dependents of dependents go after the owner', async () => {
    cluster = await createTestCluster(everything)
    await rollOut()
    await cluster.client.delete(deployments, key('web'), { propagationPolicy: 'Background' })
    expect(await cluster.get(deployments, 'web')).toBeUndefined()
    await cluster.until('all gone', async () => (await cluster.list(replicaSets)).length === 0 && (await cluster.list(pods)).length === 0)
  })

  test('in the foreground: the owner goes last', async () => {
    cluster = await createTestCluster(everything)
    await rollOut()
    await cluster.client.delete(deployments, key('web'), { propagationPolicy: 'Foreground' })
    const deleting = (await cluster.get(deployments, 'web'))!
    expect(deleting.metadata.finalizers).toContain('foregroundDeletion')
    let ownerGoneFirst = false
    await cluster.until('all gone', async () => {
      const owner = await cluster.get(deployments, 'web')
      const rest = (await cluster.list(replicaSets)).length + (await cluster.list(pods)).length
      if (owner === undefined && rest > 0) ownerGoneFirst = true
      return owner === undefined && rest === 0
    })
    expect(ownerGoneFirst).toBe(false)
  })

  test('orphans keep living without a reference', async () => {
    cluster = await createTestCluster(everything)
    await rollOut()
    await cluster.client.delete(deployments, key('web'), { propagationPolicy: 'Orphan' })
    await cluster.until('owner gone', async () => (await cluster.get(deployments, 'web')) === undefined)
    await cluster.advance(60_000)
    const [set] = await cluster.list(replicaSets)
    expect(set!.metadata.ownerReferences ?? []).toEqual([])
    expect(await cluster.list(pods)).toHaveLength(2)
  })

  test('an owner that never was counts as absent', async () => {
    cluster = await createTestCluster(gcOnly)
    await makeMap('lost', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'never', uid: 'd7a1b0f2-0000-4000-8000-000000000001' }])
    await cluster.until('lost goes', async () => !(await mapNames()).has('lost'))
  })

  test('one of two owners is enough; the dangling reference is taken off', async () => {
    cluster = await createTestCluster(gcOnly)
    const [first, second] = [await makeMap('first'), await makeMap('second')]
    await makeMap('shared', [first, second])
    await cluster.advance(1000)
    await cluster.client.delete(configMaps, key('first'))
    await cluster.until('reference gone', async () => (await cluster.get(configMaps, 'shared'))!.metadata.ownerReferences?.length === 1)
    expect((await cluster.get(configMaps, 'shared'))!.metadata.ownerReferences![0]!.uid).toBe(second.uid)
    await cluster.client.delete(configMaps, key('second'))
    await cluster.until('shared goes', async () => !(await mapNames()).has('shared'))
  })

  test('a circle of owners is no obstacle to foreground deletion', async () => {
    cluster = await createTestCluster(gcOnly)
    const one = await makeMap('one')
    const two = await makeMap('two', [{ ...one, blockOwnerDeletion: true }])
    const three = await makeMap('three', [{ ...two, blockOwnerDeletion: true }])
    await cluster.client.patch(configMaps, key('one'), 'merge', { metadata: { ownerReferences: [{ ...three, blockOwnerDeletion: true }] } })
    await cluster.client.delete(configMaps, key('one'), { propagationPolicy: 'Foreground' })
    await cluster.until('circle gone', async () => (await mapNames()).size === 0)
  })

  test('a blocking dependent with a finalizer holds its owner until it is released', async () => {
    cluster = await createTestCluster(gcOnly)
    const owner = await makeMap('owner')
    await makeMap('held', [{ ...owner, blockOwnerDeletion: true }], ['example.com/hold'])
    await cluster.client.delete(configMaps, key('owner'), { propagationPolicy: 'Foreground' })
    await cluster.advance(30_000)
    expect(await mapNames()).toEqual(new Set(['owner', 'held']))
    await cluster.client.patch(configMaps, key('held'), 'merge', { metadata: { finalizers: [] } })
    await cluster.until('both gone', async () => (await mapNames()).size === 0)
  })

  test('a reference into another namespace does not keep anything alive, and is reported', async () => {
    cluster = await createTestCluster(gcOnly)
    await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
    const owner = await makeMap('owner')
    await cluster.advance(1000)
    await cluster.client.create(configMaps, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stray', namespace: 'other', ownerReferences: [owner] },
    })
    await cluster.until('stray goes', async () => (await cluster.get(configMaps, 'stray', 'other')) === undefined)
    await cluster.advance(1000)
    const reasons = (await cluster.list(events)).map(({ reason, message }) => ({ reason, message }))
    expect(reasons).toEqual([{
      reason: 'OwnerRefInvalidNamespace',
      message: `ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: ${owner.uid}] does not exist in namespace "other"`,
    }])
    expect(await cluster.get(configMaps, 'owner')).toBeDefined()
  })
})
