import { expect, test } from 'vitest'
import { cronJobs, jobs, namespaces, persistentVolumeClaims, pods, replicaSets, statefulSets } from '../api/generated/resources.ts'
import { controllers } from './index.ts'
import { queueNames } from './queue-names.ts'
import { createTestCluster, metricsOf } from './testing/cluster.ts'

test('queues are called as upstream calls them, each of a controller that there is', () => {
  const names = new Set(controllers.flatMap(({ name, keyed }) => [name, keyed?.({ rootCA: 'x', clusterSigningCert: '', clusterSigningKey: '' }, undefined as never)?.name]))
  expect(Object.keys(queueNames).filter((name) => !names.has(name))).toEqual([])
})

test('controllers count what they do under upstream\'s names', async () => {
  const cluster = await createTestCluster({
    controllers: ['job-controller', 'cronjob-controller', 'statefulset-controller', 'ttl-after-finished-controller', 'ephemeral-volume-controller', 'root-ca-certificate-publisher-controller', 'garbage-collector-controller', 'replicaset-controller'],
    rootCA: 'pem', finish: ({ metadata }) => (metadata.labels?.['app'] === 'once' ? 0 : undefined),
  })
  const named = (name: string) => ({ name, namespace: 'default' })
  const template = (app: string) => ({ metadata: { labels: { app } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } })
  await cluster.client.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: named('once'), spec: { completions: 2, ttlSecondsAfterFinished: 30, template: template('once') } })
  await cluster.client.create(cronJobs, { apiVersion: 'batch/v1', kind: 'CronJob', metadata: named('often'), spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template('often') } } } })
  await cluster.client.create(statefulSets, {
    apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: named('db'), spec: { replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: { ...template('db'), spec: { containers: [{ name: 'c', image: 'i' }] } } },
  })
  await cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: named('own'),
    spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } } } }] },
  })
  await cluster.client.create(replicaSets, { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: named('set'), spec: { replicas: 3, selector: { matchLabels: { app: 'set' } }, template: { ...template('set'), spec: { containers: [{ name: 'c', image: 'i' }] } } } })
  await cluster.until('the set is ready', async () => (await cluster.get(replicaSets, 'set'))?.status?.readyReplicas === 3)
  await cluster.advance(2000)
  await cluster.client.patch(replicaSets, named('set'), 'merge', { spec: { replicas: 1 } })
  await cluster.until('the job is gone', async () => (await cluster.get(jobs, 'once')) === undefined)
  await cluster.advance(61_000)
  expect(await cluster.list(persistentVolumeClaims)).toHaveLength(1)
  const value = metricsOf(cluster)
  expect(value('job_controller_jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"}')).toBe(1)
  expect(value('job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"}')).toBe(2)
  expect(value('job_controller_job_pods_creation_total{reason="new",status="succeeded"}')).toBeGreaterThanOrEqual(2)
  expect(value('job_controller_job_syncs_total{completion_mode="NonIndexed",result="success",action="pods_created"}')).toBeGreaterThan(0)
  expect(value('cronjob_controller_job_creation_skew_duration_seconds_count')).toBeGreaterThan(0)
  expect(value('ttl_after_finished_controller_job_deletion_duration_seconds_count')).toBe(1)
  expect(value('ephemeral_volume_controller_create_total')).toBe(1)
  expect(value('ephemeral_volume_controller_create_failures_total')).toBe(0)
  expect(value('root_ca_cert_publisher_sync_total{code="200"}')).toBeGreaterThanOrEqual((await cluster.list(namespaces)).length)
  expect(value('statefulset_controller_statefulset_unavailable_replicas{statefulset_namespace="default",statefulset_name="db",pod_management_policy="OrderedReady"}')).toBe(0)
  expect(value('replicaset_controller_sorting_deletion_age_ratio_bucket{le="1"}')).toBe(2)
  for (const queue of ['job', 'cronjob', 'statefulset', 'ttl_jobs_to_delete', 'ephemeral_volume', 'root_ca_cert_publisher']) expect(value(`workqueue_adds_total{name="${queue}"}`), queue).toBeGreaterThan(0)
  await cluster.stop()
})
