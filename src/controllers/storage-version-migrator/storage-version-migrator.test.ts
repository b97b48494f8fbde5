import { afterEach, expect, test } from 'vitest'
import { configMaps, leases, storageVersionMigrations, storageVersions } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster, type TestClusterOptions } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())
const start = async (controllers: string[], options: TestClusterOptions = {}) => (cluster = await createTestCluster({ controllers, kubelet: false, ...options }))

test('a migration runs alone, writes what is old, and ends', async () => {
  await start(['storage-version-migrator-controller'], { featureGates: { StorageVersionMigrator: true } })
  for (const name of ['a', 'b']) await cluster.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } })
  const make = (name: string, resource: string) => cluster.client.create(storageVersionMigrations, {
    apiVersion: 'storagemigration.k8s.io/v1beta1', kind: 'StorageVersionMigration', metadata: { name }, spec: { resource: { group: '', resource } },
  })
  await make('one', 'configmaps')
  await make('two', 'configmaps')
  await make('none', 'nonsense')
  const conditions = async (name: string) => Object.fromEntries(((await cluster.get(storageVersionMigrations, name))!.status?.conditions ?? []).map(({ type, status }) => [type, status]))
  await cluster.until('both', async () => (await conditions('two'))['Succeeded'] === 'True' && (await conditions('two'))['Running'] === 'False')
  expect(await conditions('one')).toEqual({ Running: 'False', Succeeded: 'True' })
  await cluster.until('failed', async () => (await conditions('none'))['Failed'] === 'True')
})

test('servers that are gone have no say in how things are stored', async () => {
  await start(['storageversion-garbage-collector-controller'], { featureGates: { StorageVersionAPI: true } })
  await cluster.client.create(leases, {
    apiVersion: 'coordination.k8s.io/v1', kind: 'Lease',
    metadata: { name: 'alive', namespace: 'kube-system', labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } }, spec: { holderIdentity: 'alive' },
  })
  const made = await cluster.client.create(storageVersions, { apiVersion: 'internal.apiserver.k8s.io/v1alpha1', kind: 'StorageVersion', metadata: { name: 'apps.deployments' }, spec: {} })
  const version = (apiServerID: string, encodingVersion: string) => ({ apiServerID, encodingVersion, decodableVersions: [encodingVersion] })
  await cluster.client.update(storageVersions, { ...made, status: { storageVersions: [version('alive', 'apps/v1'), version('gone', 'apps/v1beta1')] } }, { subresource: 'status' })
  const status = async () => (await cluster.get(storageVersions, 'apps.deployments'))?.status
  await cluster.until('one', async () => (await status())?.storageVersions?.length === 1)
  expect(await status()).toMatchObject({ commonEncodingVersion: 'apps/v1', conditions: [{ type: 'AllEncodingVersionsEqual', status: 'True', reason: 'CommonEncodingVersionSet' }] })
  await cluster.client.delete(leases, { namespace: 'kube-system', name: 'alive' })
  await cluster.until('none', async () => (await cluster.get(storageVersions, 'apps.deployments')) === undefined)
})
