import { cronJobs, deployments, jobs } from 'coxswain/resources'
import { useCluster } from 'coxswain/vitest'
import { expect, test } from 'vitest'

const labels = { app: 'web' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.org/web:1' }] } }

// One cluster for the file, one fork of it for each test, in virtual time.
const cluster = useCluster({
  nodes: 3,
  async setup({ client }) {
    await client.create(deployments, {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    })
  },
})

test('scaling up', async () => {
  const { client, eventually } = cluster()
  await client.patch(deployments, { namespace: 'default', name: 'web' }, 'merge', { spec: { replicas: 5 } })
  await eventually(async () => (await client.get(deployments, { namespace: 'default', name: 'web' })).status?.readyReplicas === 5)
})

test('a day of a nightly job', async () => {
  const { client, time } = cluster()
  expect((await client.get(deployments, { namespace: 'default', name: 'web' })).spec?.replicas).toBe(2)
  await client.create(cronJobs, {
    apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'nightly', namespace: 'default' },
    spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } } },
  })
  await time.advance('1 day')
  const last = (await client.list(jobs, { namespace: 'default' })).items.at(-1)
  expect(last?.status?.completionTime).toMatch('2026-01-01T03:00')
})
