/**
 * The controllers' process is killed, restarted or cut off at a write: the world comes to the end that it has without.
 * EVERY_WRITE=1 takes each write in turn; else a few of each kind of failure, others each day.
 */
import { expect, test } from 'vitest'
import {
  configMaps, controllerRevisions, cronJobs, daemonSets, deployments, endpoints, endpointSlices, jobs, namespaces, persistentVolumeClaims, persistentVolumes,
  podDisruptionBudgets, pods, replicaSets, replicationControllers, resourceQuotas, serviceAccounts, services, statefulSets,
} from '../api/generated/resources.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import type { TestCluster } from './testing/cluster.ts'
import { differences, endOf, failures, type InterruptedWorld } from './testing/interruption.ts'

const controllers = [
  'deployment-controller', 'replicaset-controller', 'statefulset-controller', 'daemonset-controller', 'job-controller', 'cronjob-controller', 'disruption-controller',
  'endpoints-controller', 'endpointslice-controller', 'namespace-controller', 'garbage-collector-controller', 'serviceaccount-controller', 'resourcequota-controller',
  'persistentvolume-binder-controller', 'persistentvolume-protection-controller', 'persistentvolumeclaim-protection-controller', 'root-ca-certificate-publisher-controller',
  'replicationcontroller-controller', 'ephemeral-volume-controller', 'endpointslice-mirroring-controller', 'clusterrole-aggregation-controller', 'ttl-after-finished-controller',
]
const kinds = [
  configMaps, controllerRevisions, cronJobs, daemonSets, deployments, endpoints, endpointSlices, jobs, namespaces, persistentVolumeClaims, persistentVolumes, podDisruptionBudgets,
  pods, replicaSets, replicationControllers, resourceQuotas, serviceAccounts, services, statefulSets,
] as unknown as readonly Resource<KubeObject>[]

const named = (name: string, namespace = 'default') => ({ name, namespace })
const templateOf = (app: string, image = 'v1') => ({ metadata: { labels: { app } }, spec: { containers: [{ name: 'c', image }] } })
const volume = (name: string) => ({
  apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' }, persistentVolumeReclaimPolicy: 'Retain', storageClassName: '' },
})

/** First things are made, then they are changed and deleted. */
async function first({ client }: TestCluster): Promise<void> {
  await client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: named('web'), spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })
  await client.create(podDisruptionBudgets, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: named('web'), spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } } })
  await client.create(resourceQuotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: named('all'), spec: { hard: { pods: '50', 'count/deployments.apps': '5' } } })
  await client.create(deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: named('web'), spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: templateOf('web') } })
  await client.create(statefulSets, { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: named('db'), spec: { replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'db' } }, template: templateOf('db') } })
  await client.create(daemonSets, { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: named('agent'), spec: { selector: { matchLabels: { app: 'agent' } }, template: templateOf('agent') } })
  await client.create(persistentVolumes, volume('disk'))
  await client.create(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: named('data'), spec: { accessModes: ['ReadWriteOnce'], storageClassName: '', resources: { requests: { storage: '1Gi' } } } })
  await client.create(replicationControllers, { apiVersion: 'v1', kind: 'ReplicationController', metadata: named('elder'), spec: { replicas: 1, selector: { app: 'elder' }, template: templateOf('elder') } })
  await client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: named('outside'), spec: { ports: [{ port: 80 }] } })
  await client.create(endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: named('outside'), subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] })
  const claims = [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'other', resources: { requests: { storage: '1Gi' } } } } } }]
  for (const name of ['stays', 'goes']) await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata: named(name), spec: { containers: [{ name: 'c', image: 'v1' }], volumes: claims } })
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'old' } })
  await client.create(replicaSets, { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: named('gone', 'old'), spec: { replicas: 1, selector: { matchLabels: { app: 'gone' } }, template: templateOf('gone') } })
}

async function later({ client }: TestCluster): Promise<void> {
  await client.patch(deployments, named('web'), 'merge', { spec: { template: templateOf('web', 'v2') } })
  await client.patch(statefulSets, named('db'), 'merge', { spec: { replicas: 1, template: templateOf('db', 'v2') } })
  await client.delete(daemonSets, named('agent'), { propagationPolicy: 'Foreground' })
  const job = templateOf('once')
  await client.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: named('once'), spec: { completions: 2, parallelism: 1, template: { ...job, spec: { ...job.spec, restartPolicy: 'Never' } } } })
  await client.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: named('brief'), spec: { ttlSecondsAfterFinished: 5, template: { ...job, metadata: { labels: { app: 'once' } }, spec: { ...job.spec, restartPolicy: 'Never' } } } })
  await client.patch(replicationControllers, named('elder'), 'merge', { spec: { replicas: 2 } })
  await client.patch(endpoints, named('outside'), 'merge', { subsets: [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 81 }] }] })
  await client.delete(pods, named('goes'))
  await client.delete(persistentVolumeClaims, named('data'))
  await client.delete(namespaces, { name: 'old' })
}

const world: InterruptedWorld = {
  options: { controllers, rootCA: 'pem' }, kinds, first, later, finish: ({ metadata }) => (metadata.labels?.['app'] === 'once' ? 0 : undefined),
}
const calm = endOf(world, 0, 'cut off')

test('without a failure things come to where they are wanted', async () => {
  const { end, writes } = await calm
  const count = (what: string) => end.split('\n').filter((line) => line.startsWith(`${what} `)).length
  expect([count('pods'), count('replicasets'), count('daemonsets'), count('persistentvolumeclaims'), count('jobs')]).toEqual([8, 2, 0, 1, 1])
  expect(end).not.toContain('"name":"old"')
  expect(end).toContain('"succeeded":2')
  expect(writes).toBeGreaterThan(50)
}, 60_000)

test.each(failures)('%s at any write: the same end', async (failure) => {
  expect(await differences(world, await calm, failure)).toEqual([])
}, 3_600_000)
