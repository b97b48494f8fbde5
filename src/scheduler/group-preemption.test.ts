import { describe, expect, test } from 'vitest'
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts'
import type { PodGroup } from '../api/generated/types/scheduling-v1alpha2.ts'
import { SchedulerCache } from './cache.ts'
import { type Victim, byProtection, moreImportantFirst, victimsIn } from './group-preemption.ts'
import { podInfo } from './snapshot.ts'
import { node, pod } from './testing/worlds.ts'

const group = (name: string, disruptionMode?: string, priority?: number): PodGroup => ({
  apiVersion: 'scheduling.k8s.io/v1alpha2', kind: 'PodGroup', metadata: { name, namespace: 'default', uid: `uid-${name}` },
  spec: { schedulingPolicy: { basic: {} }, ...(disruptionMode === undefined ? {} : { disruptionMode }), ...(priority === undefined ? {} : { priority }) },
})
const member = (name: string, podGroupName: string, on: string, priority = 0): Pod => pod(name, { on, priority, spec: { schedulingGroup: { podGroupName } } })
const names = ({ pods }: Victim) => pods.map((each) => each.pod.metadata.name).join('+')

function cacheOf(...placed: Pod[]): SchedulerCache {
  const cache = new SchedulerCache()
  for (const name of ['a', 'b']) cache.setNode(node(name))
  for (const each of placed) cache.setPod(each)
  return cache
}

describe('victims', () => {
  test('a group that is disrupted as a whole is one, with the priority of the group; pods of others are their own', () => {
    const whole = group('whole', 'PodGroup', 7)
    const loose = group('loose', 'Pod', 9)
    const cache = cacheOf(member('w1', 'whole', 'a', 1), member('w2', 'whole', 'b', 2), member('l1', 'loose', 'a', 3), member('gone', 'unknown', 'b', 4), pod('single', { on: 'b', priority: 5 }))
    const victims = victimsIn(cache.nodes, (_namespace, name) => [whole, loose].find(({ metadata }) => metadata.name === name))
    expect(victims.map((victim) => `${names(victim)} ${victim.priority} ${victim.grouped}`).toSorted()).toEqual([
      'gone 4 true', 'l1 3 true', 'single 5 false', 'w1+w2 7 true',
    ])
  })

  test('the important come first: priority, groups, size, start', () => {
    const victim = (name: string, size: number, priority: number, grouped: boolean, startTime?: string): Victim => ({
      pods: Array.from({ length: size }, () => podInfo(pod(name))), priority, grouped, start: startTime ?? '~',
    })
    const sorted = [
      victim('late', 1, 1, false, '2026-01-02'), victim('early', 1, 1, false, '2026-01-01'), victim('small', 1, 1, true), victim('large', 2, 1, true), victim('high', 1, 2, false),
    ].toSorted(moreImportantFirst)
    expect(sorted.map(({ pods }) => pods[0]!.pod.metadata.name)).toEqual(['high', 'large', 'small', 'early', 'late'])
  })

  test('what budgets protect is given back first, a group when one of its pods is', () => {
    const budget: PodDisruptionBudget = {
      apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'b', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 1, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
    }
    const victim = (name: string, priority: number, ...labels: Record<string, string>[]): Victim =>
      ({ pods: labels.map((each) => podInfo(pod(name, { labels: each }))), priority, grouped: labels.length > 1, start: '~' })
    const order = byProtection([victim('web', 9, { app: 'web' }), victim('first', 8, { app: 'db' }), victim('pair', 7, { app: 'web' }, { app: 'db' })], [budget])
    // The budget allows one eviction, which the most important of its pods takes.
    expect(order.map(({ pods }) => pods[0]!.pod.metadata.name)).toEqual(['pair', 'web', 'first'])
  })
})

test('a pod that is lifted out of the cache leaves its room and comes back as it was', () => {
  const placed = pod('p', { on: 'a', cpu: '1' })
  const cache = cacheOf(placed)
  const assumed = podInfo(pod('q', { cpu: '1' }))
  cache.assume(assumed, 'a')
  const { requested } = cache.node('a')!
  const before = [...requested]
  const back = [placed.metadata.uid!, assumed.uid].map((uid) => cache.lift(uid))
  expect(cache.node('a')!.pods.size).toBe(0)
  expect(cache.node('a')!.requested[0]).toBe(0)
  for (const putBack of back) putBack()
  expect([...cache.node('a')!.requested]).toEqual(before)
  expect([cache.isAssumed(placed.metadata.uid!), cache.isAssumed(assumed.uid)]).toEqual([false, true])
  // Once it is known again by other means nothing happens twice.
  const again = cache.lift(placed.metadata.uid!)
  cache.setPod(placed)
  again()
  expect([...cache.node('a')!.requested]).toEqual(before)
})
