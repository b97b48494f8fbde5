import { afterEach, expect, test } from 'vitest'
import { endpoints, endpointSlices, services } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

test('endpoints by hand are mirrored through create, update and delete', async () => {
  cluster = await createTestCluster({ controllers: ['endpointslice-mirroring-controller', 'endpointslice-controller'], kubelet: false })
  await cluster.client.create(services, {
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'db', namespace: 'default' },
    spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }] },
  })
  const made = await cluster.client.create(endpoints, {
    apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'db', namespace: 'default', labels: { tier: 'data' } },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }] }],
  })
  await cluster.advance(1000)
  const [slice] = await cluster.list(endpointSlices)
  expect(slice).toMatchObject({
    addressType: 'IPv4', ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
    metadata: { labels: { tier: 'data', 'kubernetes.io/service-name': 'db', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' } },
  })
  expect(slice!.endpoints).toEqual([
    { addresses: ['192.0.2.1'], conditions: { ready: true } }, { addresses: ['192.0.2.2'], conditions: { ready: false } },
  ])
  await cluster.client.update(endpoints, { ...made, subsets: [{ addresses: [{ ip: '192.0.2.3' }], ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }] }] })
  await cluster.advance(1000)
  const updated = await cluster.list(endpointSlices)
  expect(updated).toHaveLength(1)
  expect(updated[0]!.metadata.name).toBe(slice!.metadata.name)
  expect(updated[0]!.endpoints!.map(({ addresses }) => addresses[0])).toEqual(['192.0.2.3'])
  await cluster.client.delete(endpoints, { namespace: 'default', name: 'db' })
  await cluster.advance(1000)
  expect(await cluster.list(endpointSlices)).toEqual([])
})
