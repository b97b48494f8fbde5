import { afterEach, describe, expect, test } from 'vitest'
import type { Deployment } from '../../api/generated/types/apps-v1.ts'
import { deployments, events, pods, replicaSets } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

function web(overrides: Partial<Deployment['spec'] & object> = {}): Deployment {
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3, selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
      ...overrides,
    },
  }
}

const complete = async (): Promise<boolean> => {
  const { metadata, spec, status } = (await cluster.get(deployments, 'web'))!
  const want = spec?.replicas ?? 1
  return (status?.observedGeneration ?? 0) >= metadata.generation! && status?.updatedReplicas === want
    && status.replicas === want && status.availableReplicas === want
}
const setImage = async (image: string): Promise<unknown> => cluster.client.patch(deployments, { namespace: 'default', name: 'web' }, 'strategic', {
  spec: { template: { spec: { containers: [{ name: 'web', image }] } } },
})

describe('deployments over the real API', () => {
  test('a deployment makes a replica set, the replica set makes pods, status tells of both', async () => {
    cluster = await createTestCluster({ controllers: ['deployment-controller', 'replicaset-controller'] })
    await cluster.client.create(deployments, web())
    await cluster.until('rollout', complete)
    const [set] = await cluster.list(replicaSets)
    expect(set!.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]+$/)
    expect(set!.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '1', 'deployment.kubernetes.io/desired-replicas': '3', 'deployment.kubernetes.io/max-replicas': '4',
    })
    expect(set!.status).toMatchObject({ replicas: 3, readyReplicas: 3, fullyLabeledReplicas: 3, availableReplicas: 3 })
    const deployment = (await cluster.get(deployments, 'web'))!
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1')
    expect(deployment.status!.conditions!.map(({ type, status, reason, message }) => ({ type, status, reason, message }))).toEqual(expect.arrayContaining([
      { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' },
      {
        type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable',
        message: `ReplicaSet "${set!.metadata.name}" has successfully progressed.`,
      },
    ]))
    const messages = (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`)
    expect(messages).toContain(`ScalingReplicaSet: Scaled up replica set ${set!.metadata.name} from 0 to 3`)
    expect(messages.filter((text) => text.startsWith('SuccessfulCreate: Created pod: web-'))).toHaveLength(3)
    expect(cluster.env.complaints).toEqual([])
  })

  test('a rollout never goes below the minimum and ends with old sets kept as history', async () => {
    cluster = await createTestCluster({ controllers: ['deployment-controller', 'replicaset-controller'] })
    await cluster.client.create(deployments, web({ replicas: 4, revisionHistoryLimit: 1 }))
    await cluster.until('first rollout', complete)
    for (const image of ['web:2', 'web:3', 'web:4']) {
      await setImage(image)
      let least = 4
      await cluster.until(`rollout of ${image}`, async () => {
        const running = (await cluster.list(pods)).filter((pod) => pod.metadata.deletionTimestamp === undefined && pod.status?.phase === 'Running')
        least = Math.min(least, running.length)
        return complete()
      })
      expect(least).toBeGreaterThanOrEqual(3)
    }
    await cluster.until('history cleaned up', async () => (await cluster.list(replicaSets)).length === 2)
    const revisions = (await cluster.list(replicaSets)).map(({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'])
    expect(new Set(revisions)).toEqual(new Set(['3', '4']))
  })

  test('going back to an old template reuses its set under a new revision', async () => {
    cluster = await createTestCluster({ controllers: ['deployment-controller', 'replicaset-controller'] })
    await cluster.client.create(deployments, web())
    await cluster.until('first rollout', complete)
    const [first] = await cluster.list(replicaSets)
    await setImage('web:2')
    await cluster.until('second rollout', complete)
    await setImage('web:1')
    await cluster.until('roll back', complete)
    const again = (await cluster.get(replicaSets, first!.metadata.name!))!
    expect(again.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3', 'deployment.kubernetes.io/revision-history': '1',
    })
    expect(again.spec?.replicas).toBe(3)
  })

  test('a rollout that does not progress is said to have timed out, and keeps the old pods', async () => {
    cluster = await createTestCluster({
      controllers: ['deployment-controller', 'replicaset-controller'], readiness: (pod) => pod.spec?.containers[0]?.image !== 'broken',
    })
    await cluster.client.create(deployments, web({ progressDeadlineSeconds: 30 }))
    await cluster.until('first rollout', complete)
    await setImage('broken')
    await cluster.until('time out', async () => {
      const progressing = (await cluster.get(deployments, 'web'))!.status?.conditions?.find(({ type }) => type === 'Progressing')
      return progressing?.reason === 'ProgressDeadlineExceeded' && progressing.status === 'False'
    })
    const status = (await cluster.get(deployments, 'web'))!.status!
    expect(status).toMatchObject({ replicas: 4, updatedReplicas: 1, availableReplicas: 3, unavailableReplicas: 1 })
  })

  test('Recreate ends the old pods before it starts new ones', async () => {
    cluster = await createTestCluster({ controllers: ['deployment-controller', 'replicaset-controller'] })
    await cluster.client.create(deployments, web({ strategy: { type: 'Recreate' } }))
    await cluster.until('first rollout', complete)
    await setImage('web:2')
    const mixed: boolean[] = []
    await cluster.until('second rollout', async () => {
      const images = new Set((await cluster.list(pods)).map((pod) => pod.spec?.containers[0]?.image))
      mixed.push(images.size > 1)
      return complete()
    })
    expect(mixed).not.toContain(true)
  })

  test('a paused deployment scales but does not roll out', async () => {
    cluster = await createTestCluster({ controllers: ['deployment-controller', 'replicaset-controller'] })
    await cluster.client.create(deployments, web())
    await cluster.until('first rollout', complete)
    const key = { namespace: 'default', name: 'web' }
    await cluster.client.patch(deployments, key, 'merge', { spec: { paused: true } })
    await setImage('web:2')
    await cluster.client.patch(deployments, key, 'merge', { spec: { replicas: 5 } })
    await cluster.until('scaled', async () => (await cluster.get(deployments, 'web'))!.status?.availableReplicas === 5)
    expect(await cluster.list(replicaSets)).toHaveLength(1)
    const progressing = (await cluster.get(deployments, 'web'))!.status?.conditions?.find(({ type }) => type === 'Progressing')
    expect(progressing).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' })
    await cluster.client.patch(deployments, key, 'merge', { spec: { paused: false } })
    await cluster.until('rollout after the pause', complete)
    expect(await cluster.list(replicaSets)).toHaveLength(2)
  })
})
