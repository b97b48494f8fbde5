/** A pod group that makes room for itself as a whole, against an API server of this process. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventsV1, nodes, podGroups, pods, priorityClasses } from '../api/generated/resources.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { findCondition } from '../api/meta/conditions.ts'
import { isStatus } from '../api/meta/errors.ts'
import type { ControlPlane } from './control-plane.ts'
import { startGroupPlane } from './testing/group-plane.ts'

let plane: ControlPlane

beforeAll(async () => {
  plane = await startGroupPlane({ GenericWorkload: true, GangScheduling: true, WorkloadAwarePreemption: true })
  const { client } = plane.server
  for (const [name, value] of [['low', 10], ['high', 1000]] as const) {
    await client.create(priorityClasses, { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, value })
  }
  const capacity = { cpu: '2', memory: '4Gi', pods: '20' }
  for (const name of ['a', 'b']) await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { allocatable: capacity, capacity } })
})
afterAll(() => plane.stop())

const pod = (name: string, cpu: string, priorityClassName: string, podGroupName?: string): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
  spec: {
    priorityClassName, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
    ...(podGroupName === undefined ? {} : { schedulingGroup: { podGroupName } }),
  },
})

async function gang(name: string, priorityClassName: string, count: number): Promise<string[]> {
  const { client } = plane.server
  const group: PodGroup = {
    apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { name, namespace: 'default' }, spec: { priorityClassName, schedulingPolicy: { gang: { minCount: count } } },
  }
  await client.create(podGroups, group)
  const names = Array.from({ length: count }, (_, i) => `${name}-${i}`)
  for (const each of names) await client.create(pods, pod(each, '1', priorityClassName, name))
  return names
}

const get = (name: string) => plane.server.client.get(pods, { namespace: 'default', name })
const nodesOf = (names: readonly string[]) => Promise.all(names.map(async (name) => (await get(name)).spec!.nodeName ?? ''))
const isGone = (name: string) => get(name).then(() => false, (error: unknown) => isStatus(error, 'NotFound'))
const condition = async (name: string) =>
  findCondition((await plane.server.client.get(podGroups, { namespace: 'default', name })).status?.conditions, 'PodGroupScheduled')
const poll = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 20_000 })

test('no more is evicted than the gang needs, and its pods are bound when the room is there', async () => {
  const { client } = plane.server
  for (const name of ['one', 'two']) await client.create(pods, pod(name, '2', 'low'))
  await poll(() => nodesOf(['one', 'two'])).not.toContain('')
  const names = await gang('pair', 'high', 2)
  await poll(() => nodesOf(names)).not.toContain('')
  await poll(() => condition('pair')).toMatchObject({ status: 'True' })
  expect((await Promise.all([isGone('one'), isGone('two')])).filter((gone) => gone)).toHaveLength(1)
  const told = (await client.list(eventsV1, { namespace: 'default' })).items.find(({ reason }) => reason === 'Preempted')!
  expect(told.note).toMatch(/^Preempted by podgroup [0-9a-f-]{36} on node cluster$/)
  expect(told).toMatchObject({ action: 'Preempting', related: { kind: 'PodGroup', name: 'pair' }, reportingController: 'default-scheduler' })
})

test('a gang that would not fit even so evicts nobody and says why', async () => {
  const names = await gang('huge', 'high', 5)
  await poll(() => condition('huge')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: 'pod group is unschedulable, pod group is unschedulable' })
  expect(await nodesOf(names)).toEqual(['', '', '', '', ''])
  expect((await plane.server.client.list(pods, { namespace: 'default' })).items.filter(({ metadata, spec }) => spec!.priorityClassName === 'low' && metadata.deletionTimestamp === undefined)).toHaveLength(1)
})

test('a gang without victims of less priority says so', async () => {
  await gang('modest', 'low', 3)
  await poll(() => condition('modest')).toMatchObject({
    status: 'False', message: 'pod group is unschedulable, No preemption victims found for incoming preemptor',
  })
})
