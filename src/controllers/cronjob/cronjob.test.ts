import { afterEach, describe, expect, test } from 'vitest'
import type { CronJob } from '../../api/generated/types/batch-v1.ts'
import { clusterRoles, cronJobs, events, jobs } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { formatIn3339, nextTime, parseSchedule } from '../../api/helpers/cron-schedule.ts'

let cluster: TestCluster
afterEach(() => cluster?.stop())

const make = (spec: Partial<NonNullable<CronJob['spec']>>): Promise<CronJob> => cluster.client.create(cronJobs, {
  apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick', namespace: 'default' },
  spec: {
    schedule: '*/1 * * * *',
    jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } } }, ...spec,
  },
})
const names = ['cronjob-controller', 'job-controller', 'garbage-collector-controller', 'ttl-after-finished-controller']

describe('cron jobs over the real API', () => {
  test('a job each minute, and as many kept as the history may hold', async () => {
    cluster = await createTestCluster({ controllers: names, finish: () => 0 })
    await make({ successfulJobsHistoryLimit: 2 })
    await cluster.advance(5 * 60_000 + 2000)
    const kept = (await cluster.list(jobs)).map(({ metadata }) => metadata.name)
    const minute = Math.floor(Date.parse('2026-01-01T00:00:00Z') / 60_000)
    expect(kept.sort((a, b) => (a! < b! ? -1 : 1))).toEqual([`tick-${minute + 4}`, `tick-${minute + 5}`])
    const [job] = await cluster.list(jobs)
    expect(job!.metadata.annotations).toEqual({ 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:04:00Z' })
    const status = (await cluster.get(cronJobs, 'tick'))!.status!
    expect(status.active ?? []).toEqual([])
    expect(status.lastScheduleTime).toBe('2026-01-01T00:05:00Z')
    expect(status.lastSuccessfulTime).toMatch(/^2026-01-01T00:05:0/)
  })

  test('Forbid waits for the running job, Replace ends it, Allow lets both run', async () => {
    for (const [policy, count] of [['Forbid', 1], ['Replace', 1], ['Allow', 3]] as const) {
      cluster = await createTestCluster({ controllers: names })
      await make({ concurrencyPolicy: policy })
      await cluster.advance(3 * 60_000 + 2000)
      const running = (await cluster.list(jobs)).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      expect([policy, running.length]).toEqual([policy, count])
      expect((await cluster.get(cronJobs, 'tick'))!.status?.active).toHaveLength(count)
      const minute = Math.floor(Date.parse('2026-01-01T00:00:00Z') / 60_000)
      if (policy === 'Forbid') expect(running[0]!.metadata.name).toBe(`tick-${minute + 1}`)
      if (policy === 'Replace') expect(running[0]!.metadata.name).toBe(`tick-${minute + 3}`)
      if (policy === 'Forbid') expect((await cluster.list(events)).map(({ reason }) => reason)).toContain('JobAlreadyActive')
      await cluster.stop()
    }
  })

  test('a suspended cron job starts nothing', async () => {
    cluster = await createTestCluster({ controllers: names })
    await make({ suspend: true })
    await cluster.advance(3 * 60_000)
    expect(await cluster.list(jobs)).toEqual([])
  })

  test('a schedule is read in its time zone', async () => {
    cluster = await createTestCluster({ controllers: names, finish: () => 0 })
    await make({ schedule: '30 9 * * *', timeZone: 'Asia/Kolkata' })
    await cluster.advance(4 * 3_600_000 - 60_000)
    expect(await cluster.list(jobs)).toEqual([])
    await cluster.advance(2 * 60_000)
    const [job, ...more] = await cluster.list(jobs)
    expect(more).toEqual([])
    expect(job!.metadata.annotations).toEqual({ 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T09:30:00+05:30' })
    expect((await cluster.get(cronJobs, 'tick'))!.status!.lastScheduleTime).toBe('2026-01-01T04:00:00Z')
  })

  test('finished jobs with a time to live go when it is over', async () => {
    cluster = await createTestCluster({ controllers: names, finish: () => 0 })
    await cluster.client.create(jobs, {
      apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once', namespace: 'default' },
      spec: { ttlSecondsAfterFinished: 30, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
    })
    await cluster.advance(20_000)
    expect(await cluster.get(jobs, 'once')).toBeDefined()
    await cluster.advance(20_000)
    expect(await cluster.get(jobs, 'once')).toBeUndefined()
  })
})

test('aggregated cluster roles have the rules of those they select', async () => {
  cluster = await createTestCluster({ controllers: ['clusterrole-aggregation-controller'], kubelet: false })
  const role = (name: string, resource: string) => cluster.client.create(clusterRoles, {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels: { part: 'yes' } },
    rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
  })
  await cluster.client.create(clusterRoles, {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'sum' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] }, rules: [],
  })
  await role('b', 'pods')
  await role('a', 'services')
  await cluster.advance(1000)
  expect((await cluster.get(clusterRoles, 'sum'))!.rules?.map(({ resources }) => resources?.[0])).toEqual(['services', 'pods'])
  await cluster.client.delete(clusterRoles, { name: 'a' })
  await cluster.advance(1000)
  expect((await cluster.get(clusterRoles, 'sum'))!.rules?.map(({ resources }) => resources?.[0])).toEqual(['pods'])
})

describe('schedules', () => {
  const next = (text: string, from: string, zone?: string) => {
    const at = nextTime(parseSchedule(text, zone), Date.parse(from))
    return at === undefined ? undefined : new Date(at).toISOString().slice(0, 16)
  }
  test.each([
    ['*/15 * * * *', '2026-01-01T00:07:30Z', '2026-01-01T00:15'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00'],
    ['30 4 1,15 * 5', '2026-01-01T05:00:00Z', '2026-01-02T04:30'],
    ['0 12 * * mon-fri', '2026-01-02T12:00:00Z', '2026-01-05T12:00'],
    ['@hourly', '2026-01-01T00:00:00Z', '2026-01-01T01:00'],
    ['5-10/5 23 31 dec ?', '2026-01-01T00:00:00Z', '2026-12-31T23:05'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s', (text, from, expected) => {
    expect(next(text, from)).toBe(expected)
  })
  test.each([
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'America/New_York', '2026-01-01T14:00'],
    ['0 9 * * *', '2026-07-01T00:00:00Z', 'America/New_York', '2026-07-01T13:00'],
    // The hour from two to three is skipped on 8 March, and comes twice on 1 November (one to two).
    ['30 2 * * *', '2026-03-08T05:00:00Z', 'America/New_York', '2026-03-09T06:30'],
    ['30 1 * * *', '2026-11-01T05:31:00Z', 'America/New_York', '2026-11-01T06:30'],
    ['0 0 * * *', '2026-06-01T00:00:00Z', 'Asia/Kolkata', '2026-06-01T18:30'],
  ])('%s after %s in %s', (text, from, zone, expected) => {
    expect(next(text, from, zone)).toBe(expected)
  })
  test.each(['* * * *', '60 * * * *', '* * * * 7-1', '*/0 * * * *', 'a * * * *', '@never'])('%j is none', (text) => {
    expect(() => parseSchedule(text)).toThrow()
  })
  test('times are written with the offset of their zone', () => {
    expect(formatIn3339(Date.parse('2026-07-01T13:00:00Z'), 'America/New_York')).toBe('2026-07-01T09:00:00-04:00')
    expect(formatIn3339(Date.parse('2026-07-01T13:00:00Z'), 'UTC')).toBe('2026-07-01T13:00:00Z')
  })
})
