import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import { podInfo } from '../snapshot.ts'
import { firstChoice, node, pod, world } from '../testing/worlds.ts'

async function run(nodes: Node[], placed: Pod[], wanted: Pod, budgets?: PodDisruptionBudget[]): Promise<string> {
  const evicted: string[] = []
  const small = world(nodes, placed, {
    objects: budgets, random: { ...firstChoice, int: () => 0 },
    preemptor: {
      evict: (_preemptor, on, victims) => void evicted.push(`${on}: ${victims.map((v) => v.pod.metadata.name).join(' ')}`),
      attempted: () => undefined, nominatedOn: () => [], isPreempting: () => false,
    },
  })
  const info = podInfo(wanted)
  const result = small.schedule(info)
  if (result.node !== undefined) return `fits ${result.node.name}`
  const outcome = await small.framework.postFilter(result.state, info, result.diagnosis)!
  return evicted[0] ?? outcome.message
}

describe('preemption', () => {
  const big = (name: string, on: string, priority: number, cpu = '2'): Pod => pod(name, { on, priority, cpu })

  test('takes as few as it must, the least important', async () => {
    expect(await run([node('a', { cpu: '4' })], [big('x', 'a', 1), big('y', 'a', 2)], pod('p', { cpu: '2', priority: 10 }))).toBe('a: x')
    expect(await run([node('a', { cpu: '4' })], [big('x', 'a', 1), big('y', 'a', 2)], pod('p', { cpu: '4', priority: 10 }))).toBe('a: y x')
  })

  test('prefers the node whose most important victim is least important', async () => {
    expect(await run([node('a', { cpu: '2' }), node('b', { cpu: '2' })], [big('x', 'a', 5), big('y', 'b', 3)], pod('p', { cpu: '2', priority: 10 }))).toBe('b: y')
  })

  test('keeps budgets when another node does', async () => {
    const budget: PodDisruptionBudget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'b', namespace: 'default' }, spec: { selector: { matchLabels: { app: 'db' } } }, status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 } }
    const guarded = pod('x', { on: 'a', priority: 1, cpu: '2', labels: { app: 'db' } })
    expect(await run([node('a', { cpu: '2' }), node('b', { cpu: '2' })], [guarded, big('y', 'b', 5)], pod('p', { cpu: '2', priority: 10 }), [budget])).toBe('b: y')
  })

  test('says why it does not help', async () => {
    expect(await run([node('a', { cpu: '2' })], [big('x', 'a', 10)], pod('p', { cpu: '2', priority: 10 })))
      .toBe('preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.')
    expect(await run([node('a', { cpu: '1' })], [], pod('p', { cpu: '2', priority: 10 })))
      .toBe('preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.')
    expect(await run([node('a', { cpu: '2' })], [big('x', 'a', 1)], pod('p', { cpu: '2', priority: 10, spec: { preemptionPolicy: 'Never' } })))
      .toBe('preemption: not eligible due to preemptionPolicy=Never.')
  })
})
