import { afterEach, expect, test } from 'vitest'
import { ipAddresses, serviceCIDRs, volumeAttributesClasses, persistentVolumes } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const range = (name: string, cidr: string) =>
  cluster.client.create(serviceCIDRs, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs: [cidr] } })
const ready = async (name: string) => (await cluster.get(serviceCIDRs, name))?.status?.conditions?.find(({ type }) => type === 'Ready')

test('a range stays while an address is in it alone', async () => {
  cluster = await createTestCluster({ controllers: ['service-cidr-controller'], kubelet: false })
  await range('a', '10.0.0.0/24')
  await cluster.until('ready', async () => (await ready('a'))?.status === 'True')
  expect((await cluster.get(serviceCIDRs, 'a'))!.metadata.finalizers).toEqual(['networking.k8s.io/service-cidr-finalizer'])
  await cluster.client.create(ipAddresses, {
    apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress',
    metadata: { name: '10.0.0.9', labels: { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io', 'ipaddress.kubernetes.io/ip-family': 'IPv4' } },
    spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: 's' } },
  })
  await cluster.client.delete(serviceCIDRs, { name: 'a' })
  await cluster.until('terminating', async () => (await ready('a'))?.reason === 'Terminating')
  await cluster.advance(60_000)
  expect(await cluster.get(serviceCIDRs, 'a')).toBeDefined()
  await range('b', '10.0.0.0/16')
  await cluster.until('gone', async () => (await cluster.get(serviceCIDRs, 'a')) === undefined)
})

test('a class of volume attributes stays while a volume has it', async () => {
  cluster = await createTestCluster({ controllers: ['volumeattributesclass-protection-controller'], kubelet: false })
  await cluster.client.create(volumeAttributesClasses, { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttributesClass', metadata: { name: 'fast' }, driverName: 'd', parameters: { a: 'b' } })
  await cluster.client.create(persistentVolumes, {
    apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'd', volumeHandle: 'h' }, volumeAttributesClassName: 'fast' },
  })
  await cluster.until('protected', async () => (await cluster.get(volumeAttributesClasses, 'fast'))?.metadata.finalizers?.length === 1)
  await cluster.client.delete(volumeAttributesClasses, { name: 'fast' })
  await cluster.advance(5000)
  expect(await cluster.get(volumeAttributesClasses, 'fast')).toBeDefined()
  await cluster.client.delete(persistentVolumes, { name: 'v' })
  await cluster.until('gone', async () => (await cluster.get(volumeAttributesClasses, 'fast')) === undefined)
})
