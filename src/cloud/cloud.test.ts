import { describe, expect, onTestFinished, test } from 'vitest'
import type { Node, Service } from '../api/generated/types/core-v1.ts'
import { events, nodes, services } from '../api/generated/resources.ts'
import { createTestCluster, type TestCluster } from '../controllers/testing/cluster.ts'
import { createCloudControllerManager, selectControllers } from './manager.ts'
import { shutdownTaint } from './node-lifecycle.ts'
import { uninitializedTaint } from './node/plan.ts'
import type { CloudControllerManagerOptions } from './options.ts'
import { RetryError } from './provider.ts'
import { createFakeCloud, type FakeCloud } from './testing/fake-cloud.ts'

interface World {
  readonly cluster: TestCluster
  readonly cloud: FakeCloud
  node(name: string): Promise<Node | undefined>
  service(): Promise<Service>
  /** Reasons of the events about an object of that name. */
  reasons(name: string): Promise<string[]>
}

async function start(options: Omit<CloudControllerManagerOptions, 'cloud'> = {}, prepare?: (cloud: FakeCloud, cluster: TestCluster) => Promise<void>): Promise<World> {
  const cluster = await createTestCluster({ controllers: [], kubelet: false })
  const cloud = createFakeCloud()
  await prepare?.(cloud, cluster)
  const manager = createCloudControllerManager(cluster.env, cluster.client, () => cloud, options)
  await manager.start()
  onTestFinished(async () => {
    await manager.stop()
    await cluster.stop()
  })
  return {
    cluster, cloud,
    node: (name) => cluster.get(nodes, name),
    service: async () => (await cluster.get(services, 'web'))!,
    async reasons(name) {
      const list = await cluster.list(events)
      return list.filter(({ involvedObject }) => involvedObject.name === name).map(({ reason }) => reason ?? '')
    },
  }
}

const machine = (name: string) => ({ metadata: { providerID: `fake://${name}`, instanceType: 'm1', zone: 'z1', region: 'r1', nodeAddresses: [{ type: 'InternalIP', address: '10.0.0.1' }], additionalLabels: { size: 'large', 'evil.kubernetes.io/x': 'y' } } })
const newNode = (name: string, more: Partial<Node['spec']> = {}, status: Node['status'] = {}): Node => ({
  apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { taints: [{ key: uninitializedTaint, value: 'true', effect: 'NoSchedule' }, { key: 'mine', effect: 'NoSchedule' }], ...more },
  status: { addresses: [{ type: 'Hostname', address: name }], ...status },
})

test('there are upstream\'s controllers, under their former names too', () => {
  expect(selectControllers(['*']).map(({ name }) => name).toSorted())
    .toEqual(['cloud-node-controller', 'cloud-node-lifecycle-controller', 'node-route-controller', 'service-lb-controller'])
  expect(selectControllers(['service', '-route']).map(({ name }) => name)).toEqual(['service-lb-controller'])
  expect(() => selectControllers(['deployment'])).toThrow('"deployment" is not in the list of known controllers')
})

describe('cloud-node', () => {
  test('a new node is made what its machine is, and the taint goes', async () => {
    const { cluster, cloud, node, reasons } = await start()
    cloud.machines.set('a', machine('a'))
    await cluster.client.create(nodes, newNode('a'))
    await cluster.until('the taint goes', async () => !(await node('a'))!.spec!.taints!.some(({ key }) => key === uninitializedTaint))
    await cluster.until('addresses are set', async () => (await node('a'))!.status!.addresses!.length === 2)
    const made = (await node('a'))!
    expect(made.spec).toMatchObject({ providerID: 'fake://a', taints: [{ key: 'mine' }] })
    expect(made.metadata.labels).toMatchObject({
      'node.kubernetes.io/instance-type': 'm1', 'beta.kubernetes.io/instance-type': 'm1', 'topology.kubernetes.io/zone': 'z1', 'failure-domain.beta.kubernetes.io/region': 'r1', size: 'large',
    })
    expect(made.metadata.labels).not.toHaveProperty(['evil.kubernetes.io/x'])
    expect(made.status?.addresses).toEqual([{ type: 'InternalIP', address: '10.0.0.1' }, { type: 'Hostname', address: 'a' }])
    await cluster.until('an event', async () => (await reasons('a')).includes('Synced'))
    expect(cluster.env.metrics.render()).toContain('node_controller_initial_node_sync_delay_seconds_count 1')
  })

  test('a cloud that fails is asked again; a node of nobody is left alone', async () => {
    const { cluster, cloud, node } = await start()
    cloud.machines.set('a', machine('a'))
    cloud.machines.set('foreign', { metadata: undefined })
    cloud.failures.set('metadata', [new Error('quota'), new Error('quota')])
    await cluster.client.create(nodes, newNode('a'))
    await cluster.client.create(nodes, newNode('foreign'))
    await cluster.until('the taint goes', async () => (await node('a'))!.spec!.taints!.length === 1)
    expect((await node('foreign'))!.spec!.taints).toHaveLength(2)
  })

  test('addresses follow the cloud', async () => {
    const { cluster, cloud, node } = await start({ nodeStatusPeriodMs: 60_000 })
    cloud.machines.set('a', machine('a'))
    await cluster.client.create(nodes, newNode('a'))
    await cluster.until('addresses are set', async () => (await node('a'))!.status!.addresses!.length === 2)
    cloud.machines.set('a', { metadata: { ...machine('a').metadata, nodeAddresses: [{ type: 'InternalIP', address: '10.0.0.9' }, { type: 'InternalIP', address: '10.0.1.9' }] } })
    await cluster.until('addresses change', async () => (await node('a'))!.status!.addresses!.length === 3)
    expect((await node('a'))!.status!.addresses!.map(({ address }) => address)).toEqual(['10.0.0.9', '10.0.1.9', 'a'])
  })

  test('an address that the kubelet was given must be one of the cloud\'s', async () => {
    const { cluster, cloud, node } = await start()
    cloud.machines.set('a', machine('a'))
    const made = newNode('a')
    await cluster.client.create(nodes, { ...made, metadata: { ...made.metadata, annotations: { 'alpha.kubernetes.io/provided-node-ip': '10.9.9.9' } } })
    await cluster.advance(3000)
    expect((await node('a'))!.spec!.taints).toHaveLength(2)
    await cluster.client.patch(nodes, { name: 'a' }, 'merge', { metadata: { annotations: { 'alpha.kubernetes.io/provided-node-ip': '10.0.0.1' } } })
    await cluster.until('the taint goes', async () => (await node('a'))!.spec!.taints!.length === 1)
  })
})

describe('cloud-node-lifecycle', () => {
  const unready = { conditions: [{ type: 'Ready', status: 'Unknown' }] }
  test('a node whose machine is gone is deleted, one that is ready is not', async () => {
    const { cluster, cloud, node, reasons } = await start()
    await cluster.client.create(nodes, newNode('gone', { taints: [] }, unready))
    await cluster.client.create(nodes, newNode('ready', { taints: [] }, { conditions: [{ type: 'Ready', status: 'True' }] }))
    await cluster.until('the node is deleted', async () => (await node('gone')) === undefined)
    expect(await node('ready')).toBeDefined()
    expect(cloud.calls.filter((call) => call.startsWith('exists ready'))).toEqual([])
    await cluster.until('an event', async () => (await reasons('gone')).includes('DeletingNode'))
  })
  test('a machine that is shut down marks its node, until it is ready again', async () => {
    const { cluster, cloud, node } = await start()
    cloud.machines.set('a', { ...machine('a'), isShutdown: true })
    await cluster.client.create(nodes, newNode('a', { taints: [] }, unready))
    const marked = async () => (await node('a'))!.spec!.taints?.some(({ key }) => key === shutdownTaint.key) ?? false
    await cluster.until('it is marked', marked)
    await cluster.client.patch(nodes, { name: 'a' }, 'strategic', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' })
    await cluster.until('the mark goes', async () => !(await marked()))
  })
})

describe('service-lb', () => {
  const web = (more: Service['spec'] = {}): Service => ({
    apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...more },
  })
  const plainNode = (name: string, labels: Record<string, string> = {}): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { providerID: `fake://${name}` } })
  const finalizer = 'service.kubernetes.io/load-balancer-cleanup'

  test('a Service has one, which leads to the nodes there are, until it wants none', async () => {
    const { cluster, cloud, service, reasons } = await start()
    await cluster.client.create(nodes, plainNode('a'))
    await cluster.client.create(services, web())
    await cluster.until('it has an address', async () => (await service()).status?.loadBalancer?.ingress !== undefined)
    expect(await service()).toMatchObject({ metadata: { finalizers: [finalizer] }, status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } } })
    await cluster.client.create(nodes, plainNode('b'))
    await cluster.client.create(nodes, plainNode('c', { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' }))
    await cluster.until('it leads to the new node', () => cloud.balancers.get('default/web')?.hosts.length === 2)
    expect(cloud.balancers.get('default/web')!.hosts.toSorted()).toEqual(['a', 'b'])
    await cluster.client.patch(services, { namespace: 'default', name: 'web' }, 'merge', { spec: { type: 'ClusterIP' } })
    await cluster.until('the finalizer goes', async () => (await service()).metadata.finalizers === undefined)
    await cluster.until('its status is empty', async () => (await service()).status?.loadBalancer?.ingress === undefined)
    expect(cloud.balancers.size).toBe(0)
    await cluster.until('events', async () => (await reasons('web')).includes('DeletedLoadBalancer'))
    expect(await reasons('web')).toEqual(['EnsuringLoadBalancer', 'EnsuredLoadBalancer', 'UpdatedLoadBalancer', 'DeletingLoadBalancer', 'DeletedLoadBalancer'])
  })

  test('a Service that is deleted waits for its load balancer to go', async () => {
    const { cluster, cloud, service } = await start()
    await cluster.client.create(services, web())
    await cluster.until('it has an address', async () => (await service()).status?.loadBalancer?.ingress !== undefined)
    cloud.failures.set('ensureDeleted', [new Error('busy')])
    await cluster.client.delete(services, { namespace: 'default', name: 'web' })
    await cluster.advance(2000)
    expect((await service()).metadata.deletionTimestamp).toBeDefined()
    await cluster.until('it is gone', async () => (await cluster.get(services, 'web')) === undefined)
    expect(cloud.balancers.size).toBe(0)
  })

  test('one that was to be cleaned up while nobody was there is cleaned up at the start', async () => {
    const { cluster, cloud } = await start({}, async (before, { client }) => {
      const made = web()
      await client.create(services, { ...made, metadata: { ...made.metadata, finalizers: [finalizer] } })
      before.balancers.set('default/web', { hosts: [], status: { ingress: [{ ip: '203.0.113.9' }] } })
      await client.delete(services, { namespace: 'default', name: 'web' })
    })
    await cluster.until('it is gone', async () => (await cluster.get(services, 'web')) === undefined)
    expect(cloud.balancers.size).toBe(0)
  })

  test('failures come back after five seconds, or when the cloud says', async () => {
    const { cluster, cloud, service, reasons } = await start({}, async (before) => {
      before.failures.set('ensure', [new Error('out of addresses'), new RetryError('being made', 60_000)])
    })
    const began = cluster.env.clock.now()
    await cluster.client.create(services, web())
    await cluster.until('it has an address', async () => (await service()).status?.loadBalancer?.ingress !== undefined)
    expect(cluster.env.clock.now() - began).toBeGreaterThanOrEqual(65_000)
    expect(cluster.env.clock.now() - began).toBeLessThan(67_000)
    expect(cloud.calls.filter((call) => call === 'ensure default/web')).toHaveLength(3)
    expect(await reasons('web')).toContain('SyncLoadBalancerFailed')
  })

  test('Services with a class, and changes that do not concern it, are left alone', async () => {
    const { cluster, cloud, service } = await start()
    const made = web({ loadBalancerClass: 'example.org/other' })
    await cluster.client.create(services, { ...made, metadata: { ...made.metadata, name: 'classy' } })
    await cluster.client.create(services, web())
    await cluster.until('it has an address', async () => (await service()).status?.loadBalancer?.ingress !== undefined)
    await cluster.client.patch(services, { namespace: 'default', name: 'web' }, 'merge', { metadata: { labels: { a: 'b' } } })
    await cluster.advance(5000)
    expect(cloud.calls).toEqual(['ensure default/web'])
    await cluster.client.patch(services, { namespace: 'default', name: 'web' }, 'merge', { spec: { sessionAffinity: 'ClientIP' } })
    await cluster.until('a change that concerns it', () => cloud.calls.length === 2)
  })
})

describe('node-route', () => {
  const routed = (name: string, podCIDR: string): Node =>
    ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { podCIDR, podCIDRs: [podCIDR] } })
  const network = (node: Node | undefined) => node?.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')

  test('there is a route to every node\'s pods and none to others in the range', async () => {
    const { cluster, cloud, node } = await start({ controllers: ['node-route-controller'], clusterCIDRs: ['10.244.0.0/16'] }, async (before) => {
      before.table.push({ name: 'old', targetNode: 'x', destinationCIDR: '10.244.9.0/24' }, { name: 'foreign', targetNode: 'x', destinationCIDR: '10.8.0.0/24' })
      before.failures.set('create', [new Error('quota')])
    })
    await cluster.client.create(nodes, routed('a', '10.244.1.0/24'))
    await cluster.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'none' } })
    await cluster.until('a route fails', async () => network(await node('a'))?.status === 'True')
    expect(network(await node('a'))).toMatchObject({ reason: 'NoRouteCreated', message: 'RouteController failed to create a route' })
    await cluster.until('the route is made', async () => network(await node('a'))?.status === 'False')
    expect(network(await node('a'))).toMatchObject({ reason: 'RouteCreated' })
    expect(network(await node('none'))).toMatchObject({ status: 'True' })
    expect(cloud.table.map(({ destinationCIDR, targetNode }) => `${destinationCIDR} ${targetNode}`).toSorted()).toEqual(['10.244.1.0/24 a', '10.8.0.0/24 x'])
    await cluster.client.delete(nodes, { name: 'a' })
    await cluster.until('the route goes', () => cloud.table.length === 1)
  })

  test('with the gate changes of nodes are answered at once, then every ten seconds at most', async () => {
    const { cluster, cloud } = await start({ controllers: ['node-route-controller'], clusterCIDRs: ['10.244.0.0/16'], routePeriodMs: 3_600_000, featureGates: { CloudControllerManagerWatchBasedRoutesReconciliation: true } })
    await cluster.advance(20_000)
    const began = cluster.env.clock.now()
    await cluster.client.create(nodes, routed('a', '10.244.1.0/24'))
    await cluster.until('the first route', () => cloud.table.length === 1)
    expect(cluster.env.clock.now() - began).toBeLessThan(1000)
    await cluster.client.create(nodes, routed('b', '10.244.2.0/24'))
    await cluster.until('the second route', () => cloud.table.length === 2)
    expect(cluster.env.clock.now() - began).toBeGreaterThanOrEqual(9900)
  })
})
