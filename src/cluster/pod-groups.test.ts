/** Gangs against an API server of this process: all of them or none. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodes, podGroups, pods } from '../api/generated/resources.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { findCondition } from '../api/meta/conditions.ts'
import type { ControlPlane } from './control-plane.ts'
import { startGroupPlane } from './testing/group-plane.ts'

let plane: ControlPlane

const group = (name: string, schedulingPolicy: PodGroup['spec']['schedulingPolicy']): PodGroup => ({
  apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { name, namespace: 'default' }, spec: { schedulingPolicy },
})

const pod = (name: string, podGroupName: string | undefined, cpu = '1'): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }], ...(podGroupName === undefined ? {} : { schedulingGroup: { podGroupName } }) },
})

beforeAll(async () => {
  plane = await startGroupPlane({ GenericWorkload: true, GangScheduling: true })
  const capacity = { cpu: '2', memory: '4Gi', pods: '20' }
  for (const name of ['a', 'b']) {
    await plane.server.client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } }, status: { allocatable: capacity, capacity } })
  }
})
afterAll(() => plane.stop())

const get = (name: string) => plane.server.client.get(pods, { namespace: 'default', name })
const refusal = async (name: string) => (await get(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled')
const nodesOf = (names: readonly string[]) => Promise.all(names.map(async (name) => (await get(name)).spec!.nodeName ?? ''))
const scheduled = async (name: string) =>
  findCondition((await plane.server.client.get(podGroups, { namespace: 'default', name })).status?.conditions, 'PodGroupScheduled')
const poll = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 20_000 })

test('a gang waits for its group, then for enough pods, then all are bound', async () => {
  const { client } = plane.server
  const names = ['one', 'two', 'three']
  await client.create(pods, pod('one', 'gang'))
  await client.create(pods, pod('loner', undefined))
  await poll(() => nodesOf(['loner'])).not.toContain('')
  expect(await nodesOf(['one'])).toEqual([''])
  await client.create(podGroups, group('gang', { gang: { minCount: 3 } }))
  await client.create(pods, pod('two', 'gang'))
  await client.create(pods, pod('marker', undefined, '0'))
  await poll(() => nodesOf(['marker'])).not.toContain('')
  expect(await nodesOf(['one', 'two'])).toEqual(['', ''])
  await client.create(pods, pod('three', 'gang'))
  await poll(() => nodesOf(names)).not.toContain('')
  await poll(() => scheduled('gang')).toMatchObject({ status: 'True', reason: 'Scheduled' })
  for (const name of [...names, 'loner', 'marker']) await client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
})

test('a gang that does not fit as a whole holds nothing, and is bound as a whole when there is room', async () => {
  const { client } = plane.server
  await client.create(podGroups, group('big', { gang: { minCount: 5 } }))
  const names = Array.from({ length: 5 }, (_, i) => `big-${i}`)
  for (const name of names) await client.create(pods, pod(name, 'big'))
  await poll(() => scheduled('big')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: 'pod group is unschedulable' })
  await poll(async () => (await Promise.all(names.map(refusal))).map((condition) => condition?.message ?? '').sort((a, b) => (a < b ? -1 : 1))).toEqual([
    '0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.',
    ...Array.from({ length: 4 }, () => 'pod group is unschedulable, waiting for minCount pods from a gang to be scheduled'),
  ])
  expect(await nodesOf(names)).toEqual(['', '', '', '', ''])
  // The places of the four are free for others meanwhile.
  await client.create(pods, pod('other', undefined, '2'))
  await poll(() => nodesOf(['other'])).not.toContain('')
  await client.delete(pods, { namespace: 'default', name: 'other' }, { gracePeriodSeconds: 0 })
  const capacity = { cpu: '2', memory: '4Gi', pods: '20' }
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'c' }, status: { allocatable: capacity, capacity } })
  await poll(() => nodesOf(names)).not.toContain('')
  await poll(() => scheduled('big')).toMatchObject({ status: 'True' })
  for (const name of names) await client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
}, 40_000)

test('pods of a basic group are bound one by one as they fit', async () => {
  const { client } = plane.server
  await client.create(podGroups, group('loose', { basic: {} }))
  await client.create(pods, pod('fits', 'loose'))
  await client.create(pods, pod('too-big', 'loose', '9'))
  await poll(() => nodesOf(['fits'])).not.toContain('')
  await poll(async () => (await refusal('too-big'))?.reason).toBe('Unschedulable')
})
