import { afterEach, describe, expect, test } from 'vitest'
import type { StatefulSet } from '../../api/generated/types/apps-v1.ts'
import { controllerRevisions, events, persistentVolumeClaims, pods, statefulSets } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster, type TestClusterOptions } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const start = async (options: TestClusterOptions = {}): Promise<void> => {
  cluster = await createTestCluster({ controllers: ['statefulset-controller', 'garbage-collector-controller'], ...options })
}
const key = { namespace: 'default', name: 'db' }
const make = (spec: Partial<NonNullable<StatefulSet['spec']>> = {}): Promise<StatefulSet> => cluster.client.create(statefulSets, {
  apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'default' },
  spec: {
    replicas: 3, serviceName: 'db', selector: { matchLabels: { app: 'db' } },
    template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }, ...spec,
  },
})
const claimTemplate = {
  metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
}
const names = async (): Promise<string[]> => (await cluster.list(pods)).map(({ metadata }) => metadata.name!).sort((a, b) => (a < b ? -1 : 1))
const claims = async (): Promise<string[]> =>
  (await cluster.list(persistentVolumeClaims)).map(({ metadata }) => metadata.name!).sort((a, b) => (a < b ? -1 : 1))
const status = async () => (await cluster.get(statefulSets, 'db'))!.status!
const settled = async (count: number): Promise<boolean> => {
  const { metadata, status: now } = (await cluster.get(statefulSets, 'db'))!
  return now?.observedGeneration === metadata.generation && now?.replicas === count && (now.availableReplicas ?? 0) === count
    && (now.updatedReplicas ?? 0) === count && now.currentRevision === now.updateRevision && (await names()).length === count
}
const scale = (replicas: number) => cluster.client.patch(statefulSets, key, 'merge', { spec: { replicas } })
const setImage = (image: string) => cluster.client.patch(statefulSets, key, 'strategic', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } })

describe('stateful sets over the real API', () => {
  test('pods come in order, each with its name, and leave in reverse', async () => {
    await start()
    await make()
    const seen = new Set<string>()
    await cluster.until('three', async () => {
      const now = await names()
      seen.add(now.join())
      return settled(3)
    })
    for (const state of seen) expect(['', 'db-0', 'db-0,db-1', 'db-0,db-1,db-2']).toContain(state)
    const pod = (await cluster.get(pods, 'db-1'))!
    expect(pod.spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' })
    expect(pod.metadata.labels).toMatchObject({
      app: 'db', 'statefulset.kubernetes.io/pod-name': 'db-1', 'apps.kubernetes.io/pod-index': '1', 'controller-revision-hash': (await status()).updateRevision,
    })
    await scale(1)
    await cluster.until('one', () => settled(1))
    expect(await names()).toEqual(['db-0'])
    const messages = (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`)
    expect(messages).toContain('SuccessfulCreate: create Pod db-0 in StatefulSet db successful')
    expect(messages).toContain('SuccessfulDelete: delete Pod db-2 in StatefulSet db successful')
    expect(cluster.env.complaints).toEqual([])
  })

  test('a pod that is not ready holds up those after it', async () => {
    await start({ readiness: (pod) => pod.metadata.name !== 'db-1' })
    await make()
    await cluster.advance(30_000)
    expect(await names()).toEqual(['db-0', 'db-1'])
  })

  test('Parallel does not wait', async () => {
    await start({ readiness: () => false })
    await make({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } })
    await cluster.advance(2000)
    expect(await names()).toEqual(['db-5', 'db-6', 'db-7'])
  })

  test('a rollout goes from the highest ordinal down to the partition, and completes when it is lowered', async () => {
    await start()
    await make({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
    await cluster.until('first', () => settled(3))
    const before = (await status()).currentRevision
    await setImage('i:2')
    await cluster.until('canary', async () => (await status()).updatedReplicas === 1 && (await status()).availableReplicas === 3)
    await cluster.advance(10_000)
    const images = async () => Promise.all((await names()).map(async (name) => (await cluster.get(pods, name))!.spec!.containers[0]!.image))
    expect(await images()).toEqual(['i:1', 'i:1', 'i:2'])
    expect((await status()).currentRevision).toBe(before)
    await cluster.client.delete(pods, { namespace: 'default', name: 'db-0' })
    await cluster.until('old one back', async () => (await status()).availableReplicas === 3)
    expect(await images()).toEqual(['i:1', 'i:1', 'i:2'])
    await cluster.client.patch(statefulSets, key, 'merge', { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } })
    await cluster.until('all new', () => settled(3))
    expect(await images()).toEqual(['i:2', 'i:2', 'i:2'])
    expect(await cluster.list(controllerRevisions)).toHaveLength(2)
  })

  test('claims are made for each pod and stay, unless the policy says otherwise', async () => {
    await start()
    await make({ replicas: 2, volumeClaimTemplates: [claimTemplate], persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' } })
    await cluster.until('two', () => settled(2))
    expect(await claims()).toEqual(['data-db-0', 'data-db-1'])
    expect((await cluster.get(pods, 'db-1'))!.spec?.volumes?.[0]).toMatchObject({ name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } })
    await scale(1)
    await cluster.until('claim gone', async () => (await claims()).join() === 'data-db-0')
    await cluster.client.delete(statefulSets, key, { propagationPolicy: 'Background' })
    await cluster.until('pods gone', async () => (await names()).length === 0)
    await cluster.advance(5000)
    expect(await claims()).toEqual(['data-db-0'])
  })

  test('with whenDeleted: Delete the claims go with the set', async () => {
    await start()
    await make({ replicas: 1, volumeClaimTemplates: [claimTemplate], persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' } })
    await cluster.until('one', () => settled(1))
    await cluster.until('owned', async () => (await cluster.get(persistentVolumeClaims, 'data-db-0'))!.metadata.ownerReferences?.[0]?.kind === 'StatefulSet')
    await cluster.client.delete(statefulSets, key, { propagationPolicy: 'Background' })
    await cluster.until('claims gone', async () => (await claims()).length === 0)
  })

  test('a failed pod is replaced under its name', async () => {
    const ended = new Set<string>()
    await start({
      finish: (pod) => {
        if (pod.metadata.name !== 'db-0' || ended.size > 0) return undefined
        ended.add(pod.metadata.uid!)
        return 1
      },
    })
    await make({ replicas: 1 })
    await cluster.until('replaced', async () => {
      const pod = await cluster.get(pods, 'db-0')
      return pod !== undefined && ended.size === 1 && !ended.has(pod.metadata.uid!) && pod.status?.phase === 'Running'
    })
  })
})
