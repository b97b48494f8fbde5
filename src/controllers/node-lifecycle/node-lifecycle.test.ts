import { afterEach, describe, expect, test } from 'vitest'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { events, leases, namespaces, nodes, pods } from '../../api/generated/resources.ts'
import { formatMicroTime, formatTime } from '../../api/meta/time.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { zoneState } from './zones.ts'

let cluster: TestCluster
afterEach(() => cluster.stop())

const names = ['node-lifecycle-controller', 'taint-eviction-controller', 'node-ipam-controller', 'pod-garbage-collector-controller']

async function addNode(name: string, labels: Record<string, string> = {}): Promise<void> {
  const now = formatTime(cluster.env.clock.now())
  await cluster.client.create(nodes, {
    apiVersion: 'v1', kind: 'Node', metadata: { name, labels },
    status: { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: now, lastTransitionTime: now }] },
  })
  await cluster.client.create(leases, {
    apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace: 'kube-node-lease' },
    spec: { holderIdentity: name, renewTime: formatMicroTime(cluster.env.clock.now()) },
  })
}
async function renew(name: string): Promise<void> {
  const lease = (await cluster.get(leases, name, 'kube-node-lease'))!
  await cluster.client.update(leases, { ...lease, spec: { ...lease.spec, renewTime: formatMicroTime(cluster.env.clock.now()) } })
}
/** Lets time pass while some nodes renew their leases. */
async function pass(seconds: number, alive: readonly string[]): Promise<void> {
  for (let at = 0; at < seconds; at += 10) {
    for (const name of alive) await renew(name)
    await cluster.advance(10_000)
  }
}
async function addPod(name: string, nodeName: string, tolerationSeconds?: number): Promise<void> {
  const pod: Pod = {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: {
      nodeName, containers: [{ name: 'c', image: 'i' }],
      ...(tolerationSeconds === undefined ? {} : {
        tolerations: [{ key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds }],
      }),
    },
  }
  const made = await cluster.client.create(pods, pod)
  await cluster.client.update(pods, {
    ...made, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }, { subresource: 'status' })
}
const taintsOf = async (name: string) => ((await cluster.get(nodes, name))!.spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`)
const ready = ({ status }: Node) => status?.conditions?.find(({ type }) => type === 'Ready')

async function start(options: { clusterCIDRs?: string[] } = {}): Promise<void> {
  cluster = await createTestCluster({ controllers: names, kubelet: false, ...options })
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-node-lease' } })
}

describe('nodes over the real API', () => {
  test('a silent node becomes Unknown, is tainted, and its pods leave when their time is over', async () => {
    await start()
    await addNode('alive')
    await addNode('silent')
    await addPod('stays', 'alive')
    await addPod('waits', 'silent', 60)
    await addPod('goes', 'silent')
    await pass(40, ['alive'])
    expect(ready((await cluster.get(nodes, 'silent'))!)?.status).toBe('True')
    await pass(30, ['alive'])
    expect(ready((await cluster.get(nodes, 'silent'))!)).toMatchObject({
      status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.',
    })
    expect(await taintsOf('silent')).toEqual(expect.arrayContaining([
      'node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute',
    ]))
    expect(await taintsOf('alive')).toEqual([])
    const goes = (await cluster.get(pods, 'goes'))!
    expect(goes.metadata.deletionTimestamp).toBeDefined()
    expect(goes.status?.conditions).toEqual(expect.arrayContaining([
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' }),
      expect.objectContaining({ type: 'Ready', status: 'False' }),
    ]))
    expect((await cluster.get(pods, 'waits'))!.metadata.deletionTimestamp).toBeUndefined()
    await pass(60, ['alive'])
    expect((await cluster.get(pods, 'waits'))!.metadata.deletionTimestamp).toBeDefined()
    expect((await cluster.get(pods, 'stays'))!.metadata.deletionTimestamp).toBeUndefined()
    const messages = (await cluster.list(events)).map(({ reason, message }) => `${reason}: ${message}`)
    expect(messages).toEqual(expect.arrayContaining([
      'RegisteredNode: Registered Node silent in Controller', 'NodeNotReady: Node silent status is now: NodeNotReady',
      'NodeNotReady: Node is not ready', 'TaintManagerEviction: Marking for deletion Pod default/goes',
    ]))
    const counted = cluster.env.metrics.render()
    for (const line of [
      'node_collector_zone_size{zone=""} 2', 'node_collector_zone_health{zone=""} 50', 'node_collector_unhealthy_nodes_in_zone{zone=""} 1', 'node_collector_evictions_total{zone=""} 1',
      'taint_eviction_controller_pod_deletions_total 2', 'taint_eviction_controller_pod_deletion_duration_seconds_count 2',
    ]) expect(counted).toContain(`${line}\n`)
  })

  test('a node that is heard of again loses its taints, and pods that waited stay', async () => {
    await start()
    await addNode('alive')
    await addNode('silent')
    await addPod('waits', 'silent', 300)
    await pass(70, ['alive'])
    expect(await taintsOf('silent')).toHaveLength(2)
    const node = (await cluster.get(nodes, 'silent'))!
    const now = formatTime(cluster.env.clock.now())
    await cluster.client.update(nodes, {
      ...node, status: { ...node.status, conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: now, lastTransitionTime: now }] },
    }, { subresource: 'status' })
    await pass(20, ['alive', 'silent'])
    expect(await taintsOf('silent')).toEqual([])
    await pass(400, ['alive', 'silent'])
    expect((await cluster.get(pods, 'waits'))!.metadata.deletionTimestamp).toBeUndefined()
  })

  test('when all nodes fall silent at once nothing is evicted', async () => {
    await start()
    for (const name of ['a', 'b', 'c']) await addNode(name)
    await addPod('p', 'a')
    await pass(300, [])
    expect(ready((await cluster.get(nodes, 'a'))!)?.status).toBe('Unknown')
    expect((await cluster.get(pods, 'p'))!.metadata.deletionTimestamp).toBeUndefined()
  })

  test('an unschedulable node is tainted so, and the older labels follow the newer', async () => {
    await start()
    await addNode('n', { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' })
    await cluster.client.patch(nodes, { name: 'n' }, 'merge', { spec: { unschedulable: true } })
    await cluster.advance(1000)
    expect(await taintsOf('n')).toEqual(['node.kubernetes.io/unschedulable:NoSchedule'])
    expect((await cluster.get(nodes, 'n'))!.metadata.labels).toMatchObject({ 'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': 'amd64' })
    await cluster.client.patch(nodes, { name: 'n' }, 'merge', { spec: { unschedulable: null } })
    await cluster.advance(1000)
    expect(await taintsOf('n')).toEqual([])
  })

  test('nodes get ranges of their own; a range comes back when its node is gone', async () => {
    await start({ clusterCIDRs: ['10.244.0.0/23', 'fd00::/63'] })
    await addNode('a')
    await addNode('b')
    await cluster.advance(1000)
    const ranges = async () => (await cluster.list(nodes)).map(({ metadata, spec }) => [metadata.name, spec?.podCIDR, spec?.podCIDRs])
    expect(await ranges()).toEqual([
      ['a', '10.244.0.0/24', ['10.244.0.0/24', 'fd00::/64']], ['b', '10.244.1.0/24', ['10.244.1.0/24', 'fd00:0:0:1::/64']],
    ])
    const counted = cluster.env.metrics.render()
    for (const line of [
      'cidrset_cidrs_allocations_total{clusterCIDR="10.244.0.0/23"} 2', 'cidrset_cidrs_releases_total{clusterCIDR="10.244.0.0/23"} 0', 'cirdset_max_cidrs{clusterCIDR="fd00::/63"} 2',
      'cidrset_usage_cidrs{clusterCIDR="fd00::/63"} 1',
    ]) expect(counted).toContain(`node_ipam_controller_${line}\n`)
    await addNode('c')
    await cluster.advance(1000)
    expect((await cluster.get(nodes, 'c'))!.spec?.podCIDR).toBeUndefined()
    await cluster.client.delete(nodes, { name: 'a' })
    await cluster.until('range for c', async () => (await cluster.get(nodes, 'c'))!.spec?.podCIDR === '10.244.0.0/24')
  })

  test('pods of a node that is gone are removed after a while', async () => {
    await start()
    await addNode('a')
    await addPod('p', 'a')
    await cluster.client.delete(nodes, { name: 'a' })
    await cluster.advance(30_000)
    expect(await cluster.get(pods, 'p')).toBeDefined()
    await cluster.advance(40_000)
    expect(await cluster.get(pods, 'p')).toBeUndefined()
  })
})

describe('zones', () => {
  const condition = (status: string) => ({ type: 'Ready', status })
  test.each([
    ['Normal', ['True', 'False', 'False']],
    ['FullDisruption', ['False', 'Unknown']],
    ['PartialDisruption', ['True', 'True', 'False', 'False', 'Unknown']],
    ['Normal', ['True', 'True', 'True', 'False', 'False', 'Unknown']],
  ])('%s with %j', (state, statuses) => {
    expect(zoneState(statuses.map(condition), 0.55)).toBe(state)
  })
})
