import { afterEach, describe, expect, test } from 'vitest'
import type { DaemonSet } from '../../api/generated/types/apps-v1.ts'
import { controllerRevisions, daemonSets, events, nodes, pods } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster, type TestClusterOptions } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

async function start(options: TestClusterOptions = {}): Promise<void> {
  cluster = await createTestCluster({ controllers: ['daemonset-controller'], ...options })
  for (const name of ['node-2', 'node-3']) await cluster.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name } })
}
const make = (spec: Partial<NonNullable<DaemonSet['spec']>> = {}): Promise<DaemonSet> => cluster.client.create(daemonSets, {
  apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }, ...spec,
  },
})
const status = async () => (await cluster.get(daemonSets, 'agent'))!.status
const settled = async (count: number): Promise<boolean> => {
  const { metadata, status: now } = (await cluster.get(daemonSets, 'agent'))!
  return now?.observedGeneration === metadata.generation && now?.desiredNumberScheduled === count && (now.numberAvailable ?? 0) === count
    && (now.updatedNumberScheduled ?? 0) === count && (await cluster.list(pods)).length === count
}
const setImage = (image: string) => cluster.client.patch(daemonSets, { namespace: 'default', name: 'agent' }, 'strategic', {
  spec: { template: { spec: { containers: [{ name: 'c', image }] } } },
})

describe('daemon sets over the real API', () => {
  test('one pod a node, pinned and tolerant, and one more for a node that joins', async () => {
    await start()
    await make()
    await cluster.until('on all nodes', () => settled(3))
    const all = await cluster.list(pods)
    expect(new Set(all.map(({ spec }) => spec?.nodeName))).toEqual(new Set(['node-1', 'node-2', 'node-3']))
    expect(all[0]!.spec?.tolerations?.map(({ key }) => key)).toContain('node.kubernetes.io/unschedulable')
    const [revision] = await cluster.list(controllerRevisions)
    expect(revision).toMatchObject({ revision: 1, metadata: { labels: { app: 'agent' } } })
    expect(all[0]!.metadata.labels?.['controller-revision-hash']).toBe(revision!.metadata.labels!['controller-revision-hash'])
    await cluster.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-4' } })
    await cluster.until('on the new node', () => settled(4))
    expect(cluster.env.complaints).toEqual([])
  })

  test('selectors and taints decide; a pod leaves a node that no longer fits', async () => {
    await start()
    await cluster.client.patch(nodes, { name: 'node-2' }, 'merge', { metadata: { labels: { disk: 'ssd' } } })
    await cluster.client.patch(nodes, { name: 'node-3' }, 'merge', { spec: { taints: [{ key: 'only', effect: 'NoSchedule' }] }, metadata: { labels: { disk: 'ssd' } } })
    await make({ template: { metadata: { labels: { app: 'agent' } }, spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'i' }] } } })
    await cluster.until('on node-2', () => settled(1))
    expect((await cluster.list(pods))[0]!.spec?.nodeName).toBe('node-2')
    await cluster.client.patch(nodes, { name: 'node-2' }, 'merge', { metadata: { labels: { disk: null } } })
    await cluster.until('gone', () => settled(0))
    expect((await status())?.numberMisscheduled).toBe(0)
  })

  test('a rolling update replaces one pod at a time and keeps a history', async () => {
    await start()
    await make({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } }, revisionHistoryLimit: 1 })
    await cluster.until('first', () => settled(3))
    for (const image of ['i:2', 'i:3', 'i:4']) {
      await setImage(image)
      let least = 3
      await cluster.until(image, async () => {
        least = Math.min(least, (await cluster.list(pods)).filter(({ status: s }) => s?.phase === 'Running').length)
        return settled(3)
      })
      expect(least).toBeGreaterThanOrEqual(2)
    }
    await cluster.until('history', async () => (await cluster.list(controllerRevisions)).length === 2)
    await setImage('i:3')
    await cluster.until('back', () => settled(3))
    const revisions = (await cluster.list(controllerRevisions)).map(({ revision }) => revision)
    expect(new Set(revisions)).toEqual(new Set([4, 5]))
  })

  test('with a surge the new pod comes first', async () => {
    await start()
    await make({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
    await cluster.until('first', () => settled(3))
    await setImage('i:2')
    let least = 3
    await cluster.until('second', async () => {
      least = Math.min(least, (await cluster.list(pods)).filter(({ status: s }) => s?.phase === 'Running').length)
      return settled(3)
    })
    expect(least).toBe(3)
  })

  test('OnDelete waits for the pods to be deleted', async () => {
    await start()
    await make({ updateStrategy: { type: 'OnDelete' } })
    await cluster.until('first', () => settled(3))
    await setImage('i:2')
    await cluster.advance(30_000)
    expect(await status()).toMatchObject({ numberAvailable: 3 })
    expect((await status())?.updatedNumberScheduled ?? 0).toBe(0)
    const [pod] = await cluster.list(pods)
    await cluster.client.delete(pods, { namespace: 'default', name: pod!.metadata.name! })
    await cluster.until('one is new', async () => (await status())?.updatedNumberScheduled === 1)
  })

  test('failed pods are replaced, later each time', async () => {
    await start({ finish: (pod) => (pod.spec?.nodeName === 'node-2' ? 1 : undefined) })
    await make()
    await cluster.advance(60_000)
    const failures = (await cluster.list(events)).filter(({ reason }) => reason === 'FailedDaemonPod').reduce((sum, { count = 1 }) => sum + count, 0)
    expect(failures).toBeGreaterThanOrEqual(3)
    expect(failures).toBeLessThanOrEqual(8)
  })
})
