/** As interrupted.test.ts, of the controllers of nodes, volumes, tokens, devices and what is released when nothing needs it. */
import { expect, test } from 'vitest'
import {
  clusterRoles, clusterTrustBundles, configMaps, csiDrivers, namespaces, nodes, persistentVolumeClaims, persistentVolumes, podGroups, pods, resourcePoolStatusRequests,
  secrets, serviceCIDRs, storageVersions, volumeAttachments, volumeAttributesClasses,
} from '../api/generated/resources.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import { createAuthority } from '../apiserver/auth/certificates.ts'
import type { TestCluster } from './testing/cluster.ts'
import { differences, endOf, failures, type InterruptedWorld } from './testing/interruption.ts'

const kinds = [
  clusterRoles, clusterTrustBundles, configMaps, nodes, persistentVolumeClaims, persistentVolumes, podGroups, pods, resourcePoolStatusRequests, secrets, serviceCIDRs,
  storageVersions, volumeAttachments, volumeAttributesClasses,
] as unknown as readonly Resource<KubeObject>[]

const named = (name: string, namespace = 'default') => ({ name, namespace })
const role = (name: string, resource: string) => ({
  apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels: { part: 'yes' } }, rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
})
const token = (id: string, expiration: string) => ({
  apiVersion: 'v1', kind: 'Secret', type: 'bootstrap.kubernetes.io/token', metadata: named(`bootstrap-token-${id}`, 'kube-system'),
  stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true', expiration },
})

async function first({ client }: TestCluster): Promise<void> {
  await client.create(clusterRoles, {
    apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] }, rules: [],
  })
  await client.create(clusterRoles, role('some', 'pods'))
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-public' } })
  await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: named('cluster-info', 'kube-public'), data: { kubeconfig: 'text' } })
  await client.create(secrets, token('aaaaaa', '2026-01-01T00:03:00Z'))
  await client.create(secrets, token('bbbbbb', '2027-01-01T00:00:00Z'))
  await client.create(storageVersions, { apiVersion: 'internal.apiserver.k8s.io/v1alpha1', kind: 'StorageVersion', metadata: { name: 'apps.deployments' }, spec: {} })
  await client.patch(storageVersions, { name: 'apps.deployments' }, 'merge', {
    status: { storageVersions: [{ apiServerID: 'gone', encodingVersion: 'apps/v1', decodableVersions: ['apps/v1'] }], commonEncodingVersion: 'apps/v1' },
  }, { subresource: 'status' })
  await client.create(serviceCIDRs, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'more' }, spec: { cidrs: ['10.1.0.0/16'] } })
  await client.create(resourcePoolStatusRequests, { apiVersion: 'resource.k8s.io/v1alpha3', kind: 'ResourcePoolStatusRequest', metadata: { name: 'how-many' }, spec: { driver: 'gpu.example.com' } })
  await client.create(volumeAttributesClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttributesClass', metadata: { name: 'gold', finalizers: ['kubernetes.io/vac-protection'] }, driverName: 'disks', parameters: { speed: 'high' } })
  await client.create(podGroups, {
    apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { ...named('team'), finalizers: ['scheduling.k8s.io/podgroup-protection'] }, spec: { schedulingPolicy: { basic: {} } },
  })
  await client.create(csiDrivers, { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name: 'disks' }, spec: { attachRequired: true } })
  await client.patch(nodes, { name: 'node-1' }, 'merge', { metadata: { annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' } } })
  const storage = { accessModes: ['ReadWriteOnce'], storageClassName: '' }
  await client.create(persistentVolumes, {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'disk' },
    spec: { ...storage, capacity: { storage: '1Gi' }, csi: { driver: 'disks', volumeHandle: 'h' }, persistentVolumeReclaimPolicy: 'Retain' },
  })
  await client.create(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: named('data'), spec: { ...storage, resources: { requests: { storage: '1Gi' } } } })
  await client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: named('user'), spec: { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
  })
}

async function later({ client }: TestCluster): Promise<void> {
  await client.create(clusterRoles, role('others', 'nodes'))
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'late' } })
  await client.delete(pods, named('user'))
  await client.delete(serviceCIDRs, { name: 'more' })
  await client.delete(volumeAttributesClasses, { name: 'gold' })
  await client.delete(podGroups, named('team'))
}

const world: InterruptedWorld = {
  options: {
    controllers: [
      'bootstrap-signer-controller', 'token-cleaner-controller', 'clusterrole-aggregation-controller', 'ttl-controller', 'persistentvolume-binder-controller',
      'persistentvolume-attach-detach-controller', 'persistentvolume-expander-controller', 'service-cidr-controller', 'resourcepoolstatusrequest-controller',
      'volumeattributesclass-protection-controller', 'podgroup-protection-controller', 'storageversion-garbage-collector-controller',
      'kube-apiserver-serving-clustertrustbundle-publisher-controller',
    ],
    rootCA: createAuthority('kubernetes', new Date('2026-01-01T00:00:00Z')).cert,
    featureGates: { ClusterTrustBundle: true, DRAResourcePoolStatus: true, VolumeAttributesClass: true, GenericWorkload: true, APIServerIdentity: true, StorageVersionAPI: true },
  },
  kinds, first, later,
}
const calm = endOf(world, 0, 'cut off')

test('without a failure things come to where they are wanted', async () => {
  const { end, writes } = await calm
  const count = (what: string) => end.split('\n').filter((line) => line.startsWith(`${what} `)).length
  expect(Object.fromEntries(['secrets', 'clustertrustbundles', 'volumeattachments', 'servicecidrs', 'volumeattributesclasses', 'podgroups', 'storageversions'].map((kind) => [kind, count(kind)]))).toEqual({
    secrets: 1, clustertrustbundles: 1, volumeattachments: 0, servicecidrs: 0, volumeattributesclasses: 0, podgroups: 0, storageversions: 0,
  })
  expect(end).toContain('jws-kubeconfig-bbbbbb')
  expect(end).not.toContain('jws-kubeconfig-aaaaaa')
  expect(end).toContain('node.alpha.kubernetes.io/ttl')
  expect(end).toContain('CalculationComplete')
  expect(writes).toBeGreaterThan(20)
}, 60_000)

test.each(failures)('%s at any write: the same end', async (failure) => {
  expect(await differences(world, await calm, failure)).toEqual([])
}, 3_600_000)
