import { describe, expect, test } from 'vitest'
import { createMetrics } from '../base/metrics.ts'
import { ManualClock, settle } from './testing/manual-env.ts'
import { WorkQueue } from './work-queue.ts'

const make = () => {
  const clock = new ManualClock()
  return { clock, queue: new WorkQueue({ name: 'test', clock }) }
}

describe('work queue', () => {
  test('a key waits once, and comes again when it was added while it was worked on', async () => {
    const { queue } = make()
    queue.add('a')
    queue.add('b')
    queue.add('a')
    expect(queue.length).toBe(2)
    expect(await queue.get()).toBe('a')
    queue.add('a')
    queue.add('a')
    expect(queue.length).toBe(1)
    expect(await queue.get()).toBe('b')
    queue.done('a')
    expect(await queue.get()).toBe('a')
    queue.done('a')
    queue.done('b')
    expect(queue.idle).toBe(true)
  })

  test('of two dates the earlier counts', async () => {
    const { clock, queue } = make()
    queue.addAfter('a', 5000)
    queue.addAfter('a', 1000)
    queue.addAfter('a', 9000)
    await clock.advance(999)
    expect(queue.length).toBe(0)
    await clock.advance(1)
    expect(queue.length).toBe(1)
    await queue.get()
    queue.done('a')
    await clock.advance(20_000)
    expect(queue.length).toBe(0)
  })

  test('failures double the delay up to the maximum, and forget starts anew', async () => {
    const { clock, queue } = make()
    const delays: number[] = []
    for (let i = 0; i < 20; i++) {
      const before = clock.now()
      queue.addRateLimited('a')
      while (queue.length === 0) await clock.advance(5)
      delays.push(clock.now() - before)
      await queue.get()
      queue.done('a')
      if (i === 9) queue.forget('a')
    }
    expect(delays.slice(0, 4)).toEqual([5, 10, 20, 40])
    expect(delays.slice(10, 14)).toEqual([5, 10, 20, 40])
  })

  test('many failures at once are spread by the bucket', async () => {
    const { clock, queue } = make()
    for (let i = 0; i < 120; i++) queue.addRateLimited(`k${i}`)
    await clock.advance(5)
    expect(queue.length).toBe(100)
    await clock.advance(1000)
    expect(queue.length).toBe(110)
  })

  test('close releases those who wait', async () => {
    const { queue } = make()
    const waiting = queue.get()
    queue.close()
    expect(await waiting).toBeUndefined()
    queue.add('late')
    await settle(2)
    expect(await queue.get()).toBeUndefined()
  })

  test('work under way is told while it lasts, of all queues of a name together', async () => {
    const clock = new ManualClock()
    const metrics = createMetrics()
    const queues = [1, 2].map(() => new WorkQueue({ name: 'certificate', clock, metrics }))
    const value = (name: string) => Number(new RegExp(`^workqueue_${name}{name="certificate"} (.*)$`, 'm').exec(metrics.render())?.[1])
    queues[0]!.add('a')
    const key = await queues[0]!.get()
    await clock.advance(3000)
    queues[1]!.add('b')
    await queues[1]!.get()
    await clock.advance(1000)
    expect([value('unfinished_work_seconds'), value('longest_running_processor_seconds')]).toEqual([5, 4])
    queues[0]!.done(key!)
    expect([value('unfinished_work_seconds'), value('longest_running_processor_seconds')]).toEqual([1, 1])
    for (const queue of queues) queue.close()
    expect(value('unfinished_work_seconds')).toBeNaN()
  })
})
