import { describe, expect, onTestFinished, test } from 'vitest'
import type { Node, Service } from '../../api/generated/types/core-v1.ts'
import { nodes, services } from '../../api/generated/resources.ts'
import { createTestCluster } from '../../controllers/testing/cluster.ts'
import { createCloudControllerManager } from '../manager.ts'
import { chooseAddresses, parseAddressRange } from './addresses.ts'
import { parseLocalConfiguration } from './configuration.ts'
import { createLocalCloud } from './index.ts'
import type { Machine, TableRoute } from './machine.ts'

describe('addresses', () => {
  const ranges = ['192.168.1.0/29', 'fd00::10-fd00::11'].map(parseAddressRange)
  const service = (spec: Service['spec'], ips: string[] = []): Service =>
    ({ metadata: { name: 'web' }, spec, status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } } })
  test.for<[string, Service, string[], string[] | string]>([
    ['the first', service({}), [], ['192.168.1.1']],
    ['the first that is free', service({}), ['192.168.1.1', '192.168.1.2'], ['192.168.1.3']],
    ['the one it has', service({}, ['192.168.1.5']), [], ['192.168.1.5']],
    ['another when that is another\'s too', service({}, ['192.168.1.5']), ['192.168.1.5'], ['192.168.1.1']],
    ['one of each family', service({ ipFamilies: ['IPv6', 'IPv4'] }), ['fd00::10'], ['fd00::11', '192.168.1.1']],
    ['the one it asks for', service({ loadBalancerIP: '192.168.1.6' }), [], ['192.168.1.6']],
    ['one from elsewhere', service({ loadBalancerIP: '10.0.0.1' }), [], 'loadBalancerIP 10.0.0.1 is not one of the local cloud\'s addresses'],
    ['one that is taken', service({ loadBalancerIP: '192.168.1.6' }), ['192.168.1.6'], 'loadBalancerIP 192.168.1.6 is in use'],
    ['none is left', service({ ipFamilies: ['IPv6'] }), ['fd00::10', 'fd00::11'], 'all IPv6 addresses of the local cloud are in use'],
  ])('%s', ([, wanted, taken, expected]) => {
    const choose = () => chooseAddresses(wanted, ranges, new Set(taken))
    if (typeof expected === 'string') expect(choose).toThrow(expected)
    else expect(choose()).toEqual(expected)
  })
})

test.for<[unknown, string]>([
  [{ loadBalancerRanges: ['10.0.0.0/33'] }, 'loadBalancerRanges[0]: "10.0.0.0/33" is no range of addresses'],
  [{ loadBalancerRanges: ['10.0.0.9-10.0.0.1'] }, 'loadBalancerRanges[0]: "10.0.0.9-10.0.0.1" is no range of addresses'],
  [{ hosts: [{ name: 'a' }] }, 'hosts[0].address: Required value'],
  [{ ranges: [] }, 'ranges: unknown field; known: apiVersion'],
  [{ kind: 'Other' }, 'kind: "Other" is not LocalCloudConfiguration'],
  [[], 'the configuration: must be an object'],
])('configuration %j is refused', ([document, message]) => {
  expect(() => parseLocalConfiguration(document)).toThrow(message)
})

/** A machine in memory: its tables by "owner netns destination", and which probes succeed. */
function fakeMachine() {
  const tables = new Map<string, TableRoute>()
  const healthy = new Set<string>()
  const netns = new Set<string>()
  const key = (owner: string, space: string | undefined, destination: string) => `${owner} ${space ?? '-'} ${destination}`
  const machine: Machine = {
    routes: async (owner, space) => [...tables].filter(([one]) => one.startsWith(`${owner} ${space ?? '-'} `)).map(([, route]) => route),
    async setRoute(owner, route, space) {
      tables.set(key(owner, space, route.destination), route)
    },
    async deleteRoute(owner, destination, space) {
      tables.delete(key(owner, space, destination))
    },
    hasNetns: async (name) => netns.has(name),
    isHealthy: async (address, port) => healthy.has(`${address}:${port}`),
  }
  return { machine, tables, healthy, netns }
}

async function start(document: object) {
  const cluster = await createTestCluster({ controllers: [], kubelet: false })
  const fake = fakeMachine()
  const manager = createCloudControllerManager(cluster.env, cluster.client, (env, informers) => createLocalCloud(env, parseLocalConfiguration(document), informers, fake.machine),
    { clusterCIDRs: ['10.244.0.0/16'] })
  await manager.start()
  onTestFinished(async () => {
    await manager.stop()
    await cluster.stop()
  })
  const node = (name: string, address: string, podCIDR?: string): Promise<Node> => cluster.client.create(nodes, {
    apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: 'InternalIP', address }], conditions: [{ type: 'Ready', status: 'True' }] },
  })
  const web = (name: string, more: Service['spec'] = {}): Promise<Service> => cluster.client.create(services, {
    apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...more },
  })
  const address = async (name: string) => (await cluster.get(services, name))?.status?.loadBalancer?.ingress?.[0]?.ip
  return { cluster, ...fake, node, web, address }
}

describe('load balancers', () => {
  const ranges = { loadBalancerRanges: ['10.9.0.0/30'] }
  test('packets go to the nodes whose proxies are well, to all when none says so', async () => {
    const { cluster, tables, healthy, node, web, address } = await start(ranges)
    await node('a', '10.0.0.1')
    await node('b', '10.0.0.2')
    await web('web')
    await cluster.until('an address', async () => (await address('web')) !== undefined)
    const gateways = () => tables.get('loadBalancers - 10.9.0.1')?.gateways
    expect([await address('web'), gateways()]).toEqual(['10.9.0.1', ['10.0.0.1', '10.0.0.2']])
    healthy.add('10.0.0.2:10256')
    await cluster.until('the one that is well', () => gateways()!.length === 1)
    expect(gateways()).toEqual(['10.0.0.2'])
    await cluster.client.delete(nodes, { name: 'b' })
    await cluster.until('the other', () => gateways()![0] === '10.0.0.1')
    await cluster.client.delete(services, { namespace: 'default', name: 'web' })
    await cluster.until('it goes', () => tables.size === 0)
  })

  test('with external traffic policy Local only to nodes with endpoints, and nowhere without', async () => {
    const { cluster, tables, healthy, node, web, address } = await start(ranges)
    await node('a', '10.0.0.1')
    await web('web', { externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 })
    await cluster.until('an address', async () => (await address('web')) !== undefined)
    expect(tables.get('loadBalancers - 10.9.0.1')?.gateways).toEqual([])
    healthy.add('10.0.0.1:32000')
    await cluster.until('an endpoint', () => tables.get('loadBalancers - 10.9.0.1')!.gateways.length === 1)
  })

  test('addresses are unique, come back, and run out with an event', async () => {
    const { cluster, web, address } = await start({ ...ranges, announce: false })
    await web('one')
    await web('two')
    await cluster.until('both', async () => (await address('one')) !== undefined && (await address('two')) !== undefined)
    expect(new Set([await address('one'), await address('two')])).toEqual(new Set(['10.9.0.1', '10.9.0.2']))
    await web('three')
    await cluster.advance(6000)
    expect(await address('three')).toBeUndefined()
    await cluster.client.delete(services, { namespace: 'default', name: 'one' })
    await cluster.until('the freed one', async () => (await address('three')) !== undefined)
  })
})

test('routes between hosts are on the machine and on every other host', async () => {
  const { cluster, tables, netns, node } = await start({ hosts: [{ name: 'a', address: '10.0.0.1', netns: 'ns-a' }, { name: 'b', address: '10.0.0.2', netns: 'ns-b' }] })
  netns.add('ns-a').add('ns-b')
  await node('a', '10.0.0.1', '10.244.1.0/24')
  await node('b', '10.0.0.2', '10.244.2.0/24')
  const wanted = ['pods - 10.244.1.0/24', 'pods - 10.244.2.0/24', 'pods ns-a 10.244.2.0/24', 'pods ns-b 10.244.1.0/24']
  await cluster.until('all routes', () => tables.size === 4)
  expect([...tables.keys()].toSorted()).toEqual(wanted)
  tables.delete('pods ns-b 10.244.1.0/24')
  await cluster.until('one that somebody took', () => tables.size === 4)
  await cluster.client.delete(nodes, { name: 'a' })
  await cluster.until('those of a node that is gone', () => tables.size === 2)
  expect([...tables.keys()].toSorted()).toEqual(['pods - 10.244.2.0/24', 'pods ns-a 10.244.2.0/24'])
})

test('a host whose network is gone is shut down', async () => {
  const { cluster, netns, node } = await start({ hosts: [{ name: 'a', address: '10.0.0.1', netns: 'ns-a' }] })
  netns.add('ns-a')
  await node('a', '10.0.0.1')
  await node('stranger', '10.0.0.9')
  const setReady = (name: string) => cluster.client.patch(nodes, { name }, 'strategic', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, { subresource: 'status' })
  await setReady('a')
  await setReady('stranger')
  await cluster.until('a host that nobody knows goes', async () => (await cluster.get(nodes, 'stranger')) === undefined)
  expect((await cluster.get(nodes, 'a'))!.spec?.taints ?? []).toEqual([])
  netns.delete('ns-a')
  await cluster.until('it is marked', async () => (await cluster.get(nodes, 'a'))!.spec?.taints?.[0]?.key === 'node.cloudprovider.kubernetes.io/shutdown')
})
