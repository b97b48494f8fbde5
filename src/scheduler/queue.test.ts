import { describe, expect, test } from 'vitest'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { SchedulingQueue } from './queue.ts'
import { manualClock, node, pod, world } from './testing/worlds.ts'

function queue() {
  const clock = manualClock()
  const { framework } = world([])
  return { clock, queue: new SchedulingQueue(clock, () => framework), signal: new AbortController().signal }
}

const nameOf = (queued: { info: { pod: Pod } } | undefined) => queued?.info.pod.metadata.name

describe('SchedulingQueue', () => {
  test('gives the most important first, then the oldest', async () => {
    const { queue: q, clock, signal } = queue()
    q.add(pod('old'))
    clock.advance(1)
    q.add(pod('young'))
    q.add(pod('important', { priority: 5 }))
    expect([nameOf(await q.pop(signal)), nameOf(await q.pop(signal)), nameOf(await q.pop(signal))]).toEqual(['important', 'old', 'young'])
  })

  test('keeps a refused pod until an event that its plugin waits for, after its back-off', async () => {
    const { queue: q, clock, signal } = queue()
    const wanted = pod('p')
    q.add(wanted)
    q.addUnschedulable((await q.pop(signal))!, wanted, new Set(['NodeResourcesFit']))
    q.move({ resource: 'AssignedPod', action: 'Add', object: pod('x', { on: 'a' }) })
    expect(q.sizes.unschedulable).toBe(1)
    q.move({ resource: 'Node', action: 'Add', object: node('a') })
    expect(q.sizes).toMatchObject({ unschedulable: 0, backoff: 1 })
    const next = q.pop(signal)
    clock.advance(1000)
    expect(nameOf(await next)).toBe('p')
  })

  test('misses no event that comes while the pod is being tried', async () => {
    const { queue: q, signal } = queue()
    const wanted = pod('p')
    q.add(wanted)
    const popped = (await q.pop(signal))!
    q.move({ resource: 'Node', action: 'Add', object: node('a') })
    q.addUnschedulable(popped, wanted, new Set(['NodeResourcesFit']))
    expect(q.sizes).toMatchObject({ unschedulable: 0, backoff: 1 })
  })

  test('holds gated pods back until the gates are gone', async () => {
    const { queue: q, signal } = queue()
    const gated = pod('p', { spec: { schedulingGates: [{ name: 'wait' }] } })
    q.add(gated)
    expect(q.sizes).toMatchObject({ active: 0, gated: 1 })
    q.update({ ...gated, spec: { ...gated.spec!, schedulingGates: undefined } }, gated)
    expect(nameOf(await q.pop(signal))).toBe('p')
  })

  test('tries a refused pod again after five minutes though nothing happened', async () => {
    const { queue: q, clock, signal } = queue()
    const wanted = pod('p')
    q.add(wanted)
    q.addUnschedulable((await q.pop(signal))!, wanted, new Set(['NodeName']))
    clock.advance(5 * 60_000 + 1)
    expect(nameOf(await q.pop(signal))).toBe('p')
  })

  test('a status write does not bring a refused pod back, a change of its spec does', async () => {
    const { queue: q, signal } = queue()
    const wanted = pod('p')
    q.add(wanted)
    q.addUnschedulable((await q.pop(signal))!, wanted, new Set(['TaintToleration']))
    q.update({ ...wanted, status: { phase: 'Pending' } }, wanted)
    expect(q.sizes.unschedulable).toBe(1)
    q.update({ ...wanted, spec: { ...wanted.spec!, tolerations: [{ operator: 'Exists' }] } }, wanted)
    expect(q.sizes.unschedulable).toBe(0)
  })

  test('says which plugin was asked for a hint and what it said, and what is kept for pods in flight', async () => {
    const clock = manualClock()
    const { framework } = world([])
    const hints: string[] = []
    const q = new SchedulingQueue(clock, () => framework, { hinted: (plugin, event, hint) => void hints.push(`${plugin} ${event} ${hint}`) })
    const { signal } = new AbortController()
    const wanted = pod('p', { cpu: '2' })
    q.add(wanted)
    const popped = (await q.pop(signal))!
    q.move({ resource: 'Node', action: 'Add', object: node('small', { cpu: '1' }) })
    expect([...q.inFlight()]).toEqual([['PodPopped', 1], ['NodeAdd', 1]])
    q.addUnschedulable(popped, wanted, new Set(['NodeResourcesFit']))
    expect([...q.inFlight()]).toEqual([])
    q.move({ resource: 'Node', action: 'Add', object: node('large', { cpu: '4' }) })
    expect(hints).toEqual(['NodeResourcesFit NodeAdd QueueSkip', 'NodeResourcesFit NodeAdd Queue'])
  })
})
