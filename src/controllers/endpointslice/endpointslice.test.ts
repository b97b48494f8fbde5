import { afterEach, describe, expect, test } from 'vitest'
import type { Pod, Service } from '../../api/generated/types/core-v1.ts'
import { endpoints, endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())
const both = { controllers: ['endpoints-controller', 'endpointslice-controller'], kubelet: false }

const service = (spec: Partial<NonNullable<Service['spec']>> = {}): Service => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default', labels: { team: 'a' } },
  spec: {
    selector: { app: 'web' }, clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ipFamilies: ['IPv4'],
    ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }], ...spec,
  },
})

async function addPod(name: string, podIP: string, options: { ready?: boolean; port?: number } = {}): Promise<Pod> {
  const made = await cluster.client.create(pods, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: 'web' } },
    spec: { nodeName: 'node-1', containers: [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: options.port ?? 8080 }] }] },
  })
  return cluster.client.update(pods, {
    ...made, status: {
      phase: 'Running', podIP, podIPs: [{ ip: podIP }],
      conditions: [{ type: 'Ready', status: options.ready === false ? 'False' : 'True', lastTransitionTime: '2026-01-01T00:00:05Z' }],
    },
  }, { subresource: 'status' })
}
const addNode = (): Promise<unknown> => cluster.client.create(nodes, {
  apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'z1' } },
})
const slicesOfWeb = async () => cluster.list(endpointSlices)

describe('endpoints over the real API', () => {
  test('a service without pods has one empty slice', async () => {
    cluster = await createTestCluster(both)
    await cluster.client.create(services, service())
    await cluster.advance(1000)
    const slices = await slicesOfWeb()
    expect(slices).toHaveLength(1)
    expect(slices[0]!.endpoints ?? []).toEqual([])
    expect(slices[0]!.metadata.labels).toEqual({
      team: 'a', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    })
    expect(slices[0]!.metadata.name).toMatch(/^web-/)
  })

  test('pods appear with their conditions, zone and node; named ports follow the pod', async () => {
    cluster = await createTestCluster(both)
    await addNode()
    await cluster.client.create(services, service())
    const ready = await addPod('ready', '10.0.0.1')
    await addPod('not-ready', '10.0.0.2', { ready: false })
    await addPod('other-port', '10.0.0.3', { port: 9090 })
    await cluster.advance(1000)
    const slices = await slicesOfWeb()
    const shown = slices.flatMap(({ ports, endpoints: list }) => (list ?? []).map((endpoint) => [endpoint.addresses[0], ports?.[0]?.port, endpoint.conditions]))
    expect(shown).toEqual(expect.arrayContaining([
      ['10.0.0.1', 8080, { ready: true, serving: true, terminating: false }],
      ['10.0.0.2', 8080, { ready: false, serving: false, terminating: false }],
      ['10.0.0.3', 9090, { ready: true, serving: true, terminating: false }],
    ]))
    expect(shown).toHaveLength(3)
    const first = slices.flatMap((slice) => slice.endpoints ?? []).find(({ addresses }) => addresses[0] === '10.0.0.1')
    expect(first).toMatchObject({
      nodeName: 'node-1', zone: 'z1', targetRef: { kind: 'Pod', name: 'ready', namespace: 'default', uid: ready.metadata.uid },
    })
    const old = (await cluster.get(endpoints, 'web'))!
    expect(old.subsets).toHaveLength(2)
    const main = old.subsets!.find(({ ports }) => ports?.[0]?.port === 8080)!
    expect(main.addresses?.map(({ ip }) => ip)).toEqual(['10.0.0.1'])
    expect(main.notReadyAddresses?.map(({ ip }) => ip)).toEqual(['10.0.0.2'])
    expect(main.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }])
  })

  test('a pod that is being deleted still serves but is no longer ready', async () => {
    cluster = await createTestCluster(both)
    await addNode()
    await cluster.client.create(services, service())
    await addPod('web-1', '10.0.0.1')
    await cluster.advance(1000)
    await cluster.client.delete(pods, { namespace: 'default', name: 'web-1' }, { gracePeriodSeconds: 30 })
    await cluster.advance(1000)
    const [slice] = await slicesOfWeb()
    expect(slice!.endpoints![0]!.conditions).toEqual({ ready: false, serving: true, terminating: true })
    expect((await cluster.get(endpoints, 'web'))!.subsets ?? []).toEqual([])
    await cluster.client.delete(pods, { namespace: 'default', name: 'web-1' }, { gracePeriodSeconds: 0 })
    await cluster.advance(1000)
    const after = await slicesOfWeb()
    expect(after).toHaveLength(1)
    expect(after[0]!.metadata.name).toBe(slice!.metadata.name)
    expect(after[0]!.endpoints ?? []).toEqual([])
  })

  test('no slice grows beyond its limit, and a change writes one slice only', async () => {
    cluster = await createTestCluster({ ...both, maxEndpointsPerSlice: 3 })
    await addNode()
    await cluster.client.create(services, service())
    for (let i = 1; i <= 8; i++) await addPod(`web-${i}`, `10.0.0.${i}`)
    await cluster.advance(1000)
    const before = await slicesOfWeb()
    expect(before.reduce((sum, slice) => sum + (slice.endpoints ?? []).length, 0)).toBe(8)
    expect(Math.max(...before.map((slice) => (slice.endpoints ?? []).length))).toBeLessThanOrEqual(3)
    const pod = (await cluster.get(pods, 'web-4'))!
    await cluster.client.update(pods, {
      ...pod, status: { ...pod.status, conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:09Z' }] },
    }, { subresource: 'status' })
    await cluster.advance(1000)
    const versions = new Map(before.map(({ metadata }) => [metadata.name, metadata.resourceVersion]))
    const changed = (await slicesOfWeb()).filter(({ metadata }) => versions.get(metadata.name) !== metadata.resourceVersion)
    expect(changed).toHaveLength(1)
    expect(changed[0]!.metadata.annotations).toEqual({ 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:09Z' })
  })

  test('trafficDistribution puts the zone into hints', async () => {
    cluster = await createTestCluster(both)
    await addNode()
    await cluster.client.create(services, service({ trafficDistribution: 'PreferClose' }))
    await addPod('web-1', '10.0.0.1')
    await cluster.advance(1000)
    const [slice] = await slicesOfWeb()
    expect(slice!.endpoints![0]!.hints).toEqual({ forZones: [{ name: 'z1' }] })
  })

  test('headless services without ports list addresses and are labelled so', async () => {
    cluster = await createTestCluster(both)
    await addNode()
    await cluster.client.create(services, service({ clusterIP: 'None', clusterIPs: ['None'], ports: [] }))
    await addPod('web-1', '10.0.0.1')
    await cluster.advance(1000)
    const [slice] = await slicesOfWeb()
    expect(slice!.metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' })
    expect(slice!.endpoints!.map(({ addresses }) => addresses)).toEqual([['10.0.0.1']])
    expect((await cluster.get(endpoints, 'web'))!.subsets).toEqual([{ addresses: [expect.objectContaining({ ip: '10.0.0.1' })] }])
  })
})
