import { afterEach, expect, test } from 'vitest'
import type { ResourceSlice } from '../../api/generated/types/resource-v1.ts'
import { resourceClaims, resourcePoolStatusRequests, resourceSlices } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const slice = (name: string, pool: string, generation: number, count: number, devices: number): ResourceSlice => ({
  apiVersion: 'resource.k8s.io/v1', kind: 'ResourceSlice', metadata: { name },
  spec: {
    driver: 'gpu.example.com', nodeName: 'node-1', pool: { name: pool, generation, resourceSliceCount: count },
    devices: Array.from({ length: devices }, (_, at) => ({ name: `${name}-${at}` })),
  },
})
const request = (name: string, more = {}) => ({
  apiVersion: 'resource.k8s.io/v1alpha3', kind: 'ResourcePoolStatusRequest', metadata: { name }, spec: { driver: 'gpu.example.com', ...more },
})

test('pools are counted when they are whole, and answers go after an hour', async () => {
  cluster = await createTestCluster({ controllers: ['resourcepoolstatusrequest-controller'], kubelet: false, featureGates: { DRAResourcePoolStatus: true } })
  const { client } = cluster
  await client.create(resourceSlices, slice('old', 'a', 1, 1, 9))
  await client.create(resourceSlices, slice('a1', 'a', 2, 2, 2))
  await client.create(resourceSlices, slice('b1', 'b', 1, 1, 3))
  const claim = await client.create(resourceClaims, {
    apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim', metadata: { name: 'c', namespace: 'default' },
    spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] } },
  })
  const results = [{ request: 'r', driver: 'gpu.example.com', pool: 'b', device: 'b1-0' }]
  await client.update(resourceClaims, { ...claim, status: { allocation: { devices: { results } } } }, { subresource: 'status' })
  await cluster.advance(500)

  await client.create(resourcePoolStatusRequests, request('only-b', { poolName: 'b' }))
  await client.create(resourcePoolStatusRequests, request('all'))
  const answer = async (name: string) => (await cluster.get(resourcePoolStatusRequests, name))?.status
  await cluster.until('answered', async () => (await answer('only-b')) !== undefined)
  const b = { driver: 'gpu.example.com', poolName: 'b', generation: 1, nodeName: 'node-1', resourceSliceCount: 1, totalDevices: 3, allocatedDevices: 1, availableDevices: 2, unavailableDevices: 0 }
  expect(await answer('only-b')).toMatchObject({ poolCount: 1, pools: [b], conditions: [{ type: 'Complete', status: 'True', reason: 'CalculationComplete', message: 'Calculated status for 1 pools' }] })
  await cluster.advance(60_000)
  expect(await answer('all')).toBeUndefined()
  await client.create(resourceSlices, slice('a2', 'a', 2, 2, 1))
  await cluster.until('whole', async () => (await answer('all')) !== undefined)
  expect((await answer('all'))!.pools).toMatchObject([{ poolName: 'a', totalDevices: 3, resourceSliceCount: 2, availableDevices: 3 }, b])
  await cluster.advance(3_600_000)
  expect(await cluster.list(resourcePoolStatusRequests)).toEqual([])
  expect(cluster.env.complaints).toEqual([])
})
