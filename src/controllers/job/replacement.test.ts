import { expect, test } from 'vitest'
import { jobs, pods } from '../../api/generated/resources.ts'
import { createTestCluster } from '../testing/cluster.ts'

const job = (policy: string | undefined) => ({
  apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work', namespace: 'default' },
  spec: { ...(policy === undefined ? {} : { podReplacementPolicy: policy }), template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
})

test.each([
  // A pod that is going counts as failed at once.
  [undefined, 2, { failed: 1 }],
  ['TerminatingOrFailed', 2, { failed: 1 }],
  ['Failed', 1, { terminating: 1 }],
] as const)('podReplacementPolicy %s: while a pod is going there are %i', async (policy, count, said) => {
  // No kubelet: a pod that is going takes its time.
  const cluster = await createTestCluster({ controllers: ['job-controller'], kubelet: false })
  await cluster.client.create(jobs, job(policy))
  await cluster.until('a pod', async () => (await cluster.list(pods)).length === 1)
  const [{ metadata: { name } }] = (await cluster.list(pods)) as [{ metadata: { name: string } }]
  const key = { namespace: 'default', name }
  // Somebody else's finalizer keeps the object while the controller lets go of it.
  await cluster.client.patch(pods, key, 'merge', { metadata: { finalizers: ['batch.kubernetes.io/job-tracking', 'example.com/wait'] } })
  await cluster.client.patch(pods, key, 'merge', { status: { phase: 'Running' } }, { subresource: 'status' })
  await cluster.client.delete(pods, key)
  await cluster.advance(60_000)
  expect(await cluster.list(pods)).toHaveLength(count)
  expect((await cluster.get(jobs, 'work'))?.status).toMatchObject(said)
  if (policy === 'Failed') {
    await cluster.client.patch(pods, key, 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' })
    await cluster.advance(60_000)
    expect(await cluster.list(pods)).toHaveLength(2)
    expect((await cluster.get(jobs, 'work'))?.status).toMatchObject({ failed: 1 })
  }
  await cluster.stop()
})
