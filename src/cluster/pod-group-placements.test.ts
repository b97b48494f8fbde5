/** Groups with a topology constraint against an API server of this process: all of their pods in one zone. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodes, podGroups, pods } from '../api/generated/resources.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { findCondition } from '../api/meta/conditions.ts'
import type { ControlPlane } from './control-plane.ts'
import { startGroupPlane } from './testing/group-plane.ts'

let plane: ControlPlane

beforeAll(async () => {
  plane = await startGroupPlane({ GenericWorkload: true, GangScheduling: true, TopologyAwareWorkloadScheduling: true })
  for (const [name, zone, cpu] of [['a', 'x', '2'], ['b', 'y', '2'], ['c', 'y', '2'], ['d', undefined, '9']] as const) {
    const capacity = { cpu, memory: '4Gi', pods: '20' }
    await plane.server.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: zone === undefined ? {} : { zone } }, status: { allocatable: capacity, capacity } })
  }
})
afterAll(() => plane.stop())

async function make(name: string, topologyKey: string, count: number): Promise<string[]> {
  const { client } = plane.server
  const group: PodGroup = {
    apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { name, namespace: 'default' },
    spec: { schedulingPolicy: { gang: { minCount: count } }, schedulingConstraints: { topology: [{ key: topologyKey }] } },
  }
  await client.create(podGroups, group)
  const names = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  for (const each of names) {
    const pod: Pod = {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: each, namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }], schedulingGroup: { podGroupName: name } },
    }
    await client.create(pods, pod)
  }
  return names
}

const get = (name: string) => plane.server.client.get(pods, { namespace: 'default', name })
const nodesOf = (names: readonly string[]) => Promise.all(names.map(async (name) => (await get(name)).spec!.nodeName ?? ''))
const condition = async (name: string) =>
  findCondition((await plane.server.client.get(podGroups, { namespace: 'default', name })).status?.conditions, 'PodGroupScheduled')
const poll = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 20_000 })

test('a group goes where all of it fits into one zone', async () => {
  const names = await make('fits', 'zone', 4)
  await poll(() => nodesOf(names)).not.toContain('')
  expect((await nodesOf(names)).toSorted()).toEqual(['b', 'b', 'c', 'c'])
  await poll(() => condition('fits')).toMatchObject({ status: 'True', reason: 'Scheduled' })
  for (const name of names) await plane.server.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
})

test('where no zone takes it all nothing is bound, and preemption does not try each zone', async () => {
  const names = await make('big', 'zone', 5)
  await poll(() => condition('big')).toMatchObject({
    status: 'False', reason: 'Unschedulable', message: '0/2 placements are available, first placement status: pod group is unschedulable',
  })
  expect(await nodesOf(names)).toEqual(['', '', '', '', ''])
  await poll(async () => (await Promise.all(names.map(get))).map((pod) => pod.status?.conditions?.[0]?.message ?? '').toSorted()).toContain(
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to placement-based pod group scheduling limitation')
  for (const name of names) await plane.server.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
})

test('without a node that has the label there is no placement', async () => {
  const names = await make('nowhere', 'rack', 2)
  await poll(() => condition('nowhere')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: 'no feasible placements found' })
  await poll(async () => (await Promise.all(names.map(get))).map((pod) => pod.status?.conditions?.[0]?.message)).toEqual(['no feasible placements found', 'no feasible placements found'])
})
