import { afterEach, describe, expect, test } from 'vitest'
import type { Job } from '../../api/generated/types/batch-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { events, jobs, pods } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster, type TestClusterOptions } from '../testing/cluster.ts'
import { IndexSet } from './indexes.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())
const start = async (options: TestClusterOptions = {}): Promise<void> => {
  cluster = await createTestCluster({ controllers: ['job-controller', 'garbage-collector-controller'], ...options })
}
const make = (spec: Partial<NonNullable<Job['spec']>>): Promise<Job> => cluster.client.create(jobs, {
  apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work', namespace: 'default' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }, ...spec },
})
const status = async () => (await cluster.get(jobs, 'work'))!.status!
const condition = async (type: string) => (await status()).conditions?.find((one) => one.type === type && one.status === 'True')
const until = (type: string, limitMs?: number) => cluster.until(type, async () => (await condition(type)) !== undefined, limitMs)
const indexOf = (pod: Pod) => Number(pod.metadata.labels?.['batch.kubernetes.io/job-completion-index'])

describe('jobs over the real API', () => {
  test('runs so many pods to completion, so many at a time', async () => {
    await start({ finish: () => 0 })
    let most = 0
    await make({ completions: 5, parallelism: 2 })
    await cluster.until('complete', async () => {
      most = Math.max(most, (await cluster.list(pods)).filter(({ status: s }) => s?.phase !== 'Succeeded').length)
      return (await condition('Complete')) !== undefined
    })
    expect(most).toBeLessThanOrEqual(2)
    expect(await status()).toMatchObject({ succeeded: 5, ready: 0, terminating: 0, uncountedTerminatedPods: {} })
    expect(await condition('SuccessCriteriaMet')).toMatchObject({ reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' })
    expect((await status()).completionTime).toBeDefined()
    const all = await cluster.list(pods)
    expect(all).toHaveLength(5)
    expect(all.flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([])
    expect((await cluster.list(events)).map(({ reason }) => reason)).toContain('Completed')
    expect(cluster.env.complaints).toEqual([])
  })

  test('failed pods are replaced with growing delays until the limit is reached', async () => {
    await start({ finish: () => 1 })
    await make({ backoffLimit: 2 })
    const startedAt = cluster.env.clock.now()
    await until('Failed')
    expect(await condition('Failed')).toMatchObject({ reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' })
    expect((await status()).failed).toBe(3)
    expect(cluster.env.clock.now() - startedAt).toBeGreaterThanOrEqual(30_000)
  })

  test('indexed jobs run each index once', async () => {
    const tried: number[] = []
    await start({
      finish: (pod) => {
        tried.push(indexOf(pod))
        return indexOf(pod) === 2 && tried.filter((index) => index === 2).length === 1 ? 1 : 0
      },
    })
    await make({ completions: 4, parallelism: 4, completionMode: 'Indexed' })
    await until('Complete')
    expect(await status()).toMatchObject({ succeeded: 4, failed: 1, completedIndexes: '0-3' })
    const [pod] = (await cluster.list(pods)).filter((one) => indexOf(one) === 3)
    expect(pod!.metadata.name).toMatch(/^work-3-/)
    expect(pod!.spec?.hostname).toBe('work-3')
    expect(pod!.spec?.containers[0]?.env).toEqual([{
      name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels[\'batch.kubernetes.io/job-completion-index\']' } },
    }])
  })

  test('each index may fail so often', async () => {
    await start({ finish: (pod) => (indexOf(pod) === 1 ? 1 : 0) })
    await make({ completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 1, maxFailedIndexes: 2 })
    await until('Failed')
    expect(await condition('Failed')).toMatchObject({ reason: 'FailedIndexes', message: 'Job has failed indexes' })
    expect(await status()).toMatchObject({ succeeded: 2, failed: 2, completedIndexes: '0,2', failedIndexes: '1' })
  })

  test('a success policy ends the job early', async () => {
    await start({ finish: (pod) => (indexOf(pod) === 0 ? 0 : undefined) })
    await make({ completions: 3, parallelism: 3, completionMode: 'Indexed', successPolicy: { rules: [{ succeededIndexes: '0' }] } })
    await until('Complete')
    expect(await condition('Complete')).toMatchObject({ reason: 'SuccessPolicy', message: 'Matched rules at index 0' })
    await cluster.until('others gone', async () => (await cluster.list(pods)).length === 1)
    expect(await status()).toMatchObject({ succeeded: 1, terminating: 0 })
    expect((await status()).failed).toBeUndefined()
  })

  test('a failure policy may fail the job at once, or ignore a failure', async () => {
    await start({ finish: (pod) => (pod.metadata.name!.length > 0 ? 42 : 0) })
    await make({
      backoffLimit: 6,
      podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] },
    })
    await until('Failed')
    expect(await condition('Failed')).toMatchObject({ reason: 'PodFailurePolicy' })
    expect((await condition('Failed'))!.message).toMatch(/^Container c for pod default\/work-\w+ failed with exit code 42 matching FailJob rule at index 0$/)
    expect((await status()).failed).toBe(1)
  })

  test('a deadline ends the job and its pods', async () => {
    await start()
    await make({ activeDeadlineSeconds: 20, parallelism: 2, completions: 2 })
    await until('Failed')
    expect(await condition('Failed')).toMatchObject({ reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' })
    expect(await cluster.list(pods)).toEqual([])
    expect((await status()).failed).toBe(2)
  })

  test('suspending removes the pods, resuming makes new ones and starts the time again', async () => {
    await start()
    await make({ parallelism: 2, completions: 2 })
    await cluster.until('running', async () => (await status()).ready === 2)
    const key = { namespace: 'default', name: 'work' }
    await cluster.client.patch(jobs, key, 'merge', { spec: { suspend: true } })
    await until('Suspended')
    await cluster.until('no pods', async () => (await cluster.list(pods)).length === 0)
    expect((await status()).startTime).toBeUndefined()
    expect((await status()).failed).toBeUndefined()
    await cluster.client.patch(jobs, key, 'merge', { spec: { suspend: false } })
    await cluster.until('running again', async () => (await status()).ready === 2)
    expect((await status()).conditions).toEqual([expect.objectContaining({ type: 'Suspended', status: 'False', reason: 'JobResumed' })])
    const reasons = (await cluster.list(events)).map(({ reason }) => reason)
    expect(reasons).toEqual(expect.arrayContaining(['Suspended', 'Resumed']))
  })

  test('a job that is deleted lets its pods go', async () => {
    await start()
    await make({ parallelism: 2 })
    await cluster.until('running', async () => (await status()).ready === 2)
    await cluster.client.delete(jobs, { namespace: 'default', name: 'work' }, { propagationPolicy: 'Background' })
    await cluster.until('pods gone', async () => (await cluster.list(pods)).length === 0)
  })
})

test.each([
  ['', []], ['1', [1]], ['1,2', [1, 2]], ['1-3', [1, 2, 3]], ['0,2-4,6,7,9', [0, 2, 3, 4, 6, 7, 9]],
])('index sets read and write %j', (text, indexes) => {
  expect([...IndexSet.parse(text, 100).values()]).toEqual(indexes)
  expect(new IndexSet(indexes).toString()).toBe(text)
})
