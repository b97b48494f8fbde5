import { expect, test } from 'vitest'
import {
  endpoints, endpointSlices, jobs, nodes, persistentVolumeClaims, pods, resourcePoolStatusRequests, services, storageClasses,
} from '../api/generated/resources.ts'
import { createTestCluster, metricsOf } from './testing/cluster.ts'

const named = (name: string) => ({ name, namespace: 'default' })

test('jobs: indexes, failure policies, finalizers, managers from outside', async () => {
  // The pod of index 1 fails once with a code that the policy ignores and once with another.
  const failed = new Set<number>()
  const cluster = await createTestCluster({
    controllers: ['job-controller'],
    finish: ({ metadata }) => {
      if (metadata.annotations?.['batch.kubernetes.io/job-completion-index'] !== '1') return 0
      if (failed.size < 1) return failed.add(42), 42
      return failed.size < 2 ? (failed.add(7), 7) : 0
    },
  })
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }
  await cluster.client.create(jobs, {
    apiVersion: 'batch/v1', kind: 'Job', metadata: named('parts'),
    spec: {
      completions: 3, parallelism: 3, completionMode: 'Indexed', template,
      podFailurePolicy: { rules: [
        { action: 'Ignore', onExitCodes: { operator: 'In', values: [42] } }, { action: 'Count', onExitCodes: { operator: 'In', values: [7] } },
      ] },
    },
  })
  await cluster.client.create(jobs, { apiVersion: 'batch/v1', kind: 'Job', metadata: named('theirs'), spec: { managedBy: 'example.com/queue', template } })
  await cluster.until('the job is complete', async () => (await cluster.get(jobs, 'parts'))?.status?.conditions?.some(({ type }) => type === 'Complete') === true)
  await cluster.advance(5_000)
  // What another controller manages is left alone altogether.
  expect((await cluster.list(pods)).filter(({ metadata }) => metadata.labels?.['job-name'] === 'theirs')).toEqual([])
  expect((await cluster.get(jobs, 'theirs'))?.status ?? {}).toEqual({})
  const value = metricsOf(cluster)
  expect(value('job_controller_job_finished_indexes_total{status="succeeded",backoffLimit="global"}')).toBe(3)
  expect(value('job_controller_pod_failures_handled_by_failure_policy_total{action="Ignore"}')).toBe(1)
  expect(value('job_controller_pod_failures_handled_by_failure_policy_total{action="Count"}')).toBe(1)
  expect(value('job_controller_jobs_by_external_controller_total{controller_name="example.com/queue"}')).toBe(1)
  const added = value('job_controller_terminated_pods_tracking_finalizer_total{event="add"}')
  expect(added).toBe(5)
  expect(value('job_controller_terminated_pods_tracking_finalizer_total{event="delete"}')).toBe(added)
  await cluster.stop()
})

test('endpoints: what is added, taken away and written, of services and of mirrored endpoints', async () => {
  const cluster = await createTestCluster({ controllers: ['endpointslice-controller', 'endpointslice-mirroring-controller'] })
  const pod = (name: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { ...named(name), labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } })
  for (const name of ['a', 'b']) await cluster.client.create(pods, pod(name))
  const ports = [{ port: 80 }]
  await cluster.client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: named('web'), spec: { selector: { app: 'web' }, ipFamilies: ['IPv4'], ports } })
  await cluster.client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: named('byhand'), spec: { ports } })
  await cluster.client.create(endpoints, {
    apiVersion: 'v1', kind: 'Endpoints', metadata: named('byhand'), subsets: [{ addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], notReadyAddresses: [{ ip: '192.0.2.3' }], ports }],
  })
  await cluster.until('both have slices', async () => (await cluster.list(endpointSlices)).length === 2)
  await cluster.client.delete(pods, named('a'))
  await cluster.client.patch(endpoints, named('byhand'), 'merge', { subsets: [{ addresses: [{ ip: '192.0.2.3' }], ports }] })
  await cluster.until('both are shorter', async () => (await cluster.list(endpointSlices)).every((slice) => slice.endpoints?.length === 1))
  await cluster.advance(2_000)
  const value = metricsOf(cluster)
  const ours = 'endpoint_slice_controller_'
  const mirror = 'endpoint_slice_mirroring_controller_'
  expect(value(`${mirror}endpoints_added_per_sync_sum`)).toBe(3)
  expect(value(`${mirror}endpoints_removed_per_sync_sum`)).toBe(2)
  expect(value(`${mirror}endpoints_updated_per_sync_sum`)).toBe(1)
  expect(value(`${mirror}addresses_skipped_per_sync_sum`)).toBe(0)
  expect(value(`${mirror}endpoints_sync_duration_count`)).toBeGreaterThanOrEqual(2)
  expect(value(`${mirror}changes{operation="create"}`)).toBe(1)
  expect(value(`${mirror}changes{operation="update"}`)).toBe(1)
  for (const subsystem of [ours, mirror]) {
    expect(value(`${subsystem}endpoints_desired`), subsystem).toBe(1)
    expect(value(`${subsystem}num_endpoint_slices`), subsystem).toBe(1)
    expect(value(`${subsystem}desired_endpoint_slices`), subsystem).toBe(1)
  }
  expect(value(`${ours}endpoints_added_per_sync_sum`) - value(`${ours}endpoints_removed_per_sync_sum`)).toBe(1)
  expect(value(`${ours}syncs{result="success"}`)).toBeGreaterThan(0)
  // The services go: nothing of them is counted any longer.
  for (const name of ['web', 'byhand']) await cluster.client.delete(services, named(name))
  await cluster.advance(2_000)
  expect(metricsOf(cluster)(`${mirror}endpoints_desired`)).toBe(0)
  await cluster.stop()
})

test('node ranges, trust bundles, pools of devices, storage classes given later, nodes that are looked at', async () => {
  const cluster = await createTestCluster({
    controllers: [
      'node-ipam-controller', 'kube-apiserver-serving-clustertrustbundle-publisher-controller', 'resourcepoolstatusrequest-controller',
      'persistentvolume-binder-controller', 'node-lifecycle-controller',
    ],
    kubelet: false, clusterCIDRs: ['10.0.0.0/16'], rootCA: 'pem', featureGates: { ClusterTrustBundle: true, DRAResourcePoolStatus: true },
  })
  await cluster.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } })
  await cluster.client.create(resourcePoolStatusRequests, {
    apiVersion: 'resource.k8s.io/v1alpha3', kind: 'ResourcePoolStatusRequest', metadata: { name: 'how-many' }, spec: { driver: 'gpu.example.com' },
  })
  await cluster.client.create(persistentVolumeClaims, {
    apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: named('early'), spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  })
  await cluster.advance(6_000)
  await cluster.client.create(storageClasses, {
    apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'usual', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } }, provisioner: 'example.com/disks',
  })
  await cluster.until('the claim has the class', async () => (await cluster.get(persistentVolumeClaims, 'early'))?.spec?.storageClassName === 'usual')
  await cluster.advance(6_000)
  const value = metricsOf(cluster)
  expect(value('node_ipam_controller_cidrset_allocation_tries_per_request_count{clusterCIDR="10.0.0.0/16"}')).toBe(1)
  expect(value('retroactive_storageclass_total')).toBe(1)
  expect(value('retroactive_storageclass_errors_total')).toBe(0)
  expect(value('node_collector_update_node_health_duration_seconds_count')).toBeGreaterThan(0)
  expect(value('node_collector_update_all_nodes_health_duration_seconds_count')).toBeGreaterThan(0)
  // What is published here is no certificate, and refused.
  expect(value('clustertrustbundle_publisher_sync_total{code="422"}')).toBeGreaterThan(0)
  expect(value('resourcepoolstatusrequest_controller_requests_processed_total{driver_name="gpu.example.com"}')).toBe(1)
  expect(value('resourcepoolstatusrequest_controller_request_processing_duration_seconds_count{driver_name="gpu.example.com"}')).toBe(1)
  await cluster.stop()
})
