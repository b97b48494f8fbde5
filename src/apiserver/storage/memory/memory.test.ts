import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../base/env.ts'
import { storeSuite } from '../suite.ts'
import { createMemoryStore } from './memory.ts'
import { MvccCore } from './mvcc.ts'

class ManualClock implements Clock {
  time = 0
  timers = new Set<{ at: number; run: () => void }>()
  now(): number {
    return this.time
  }
  monotonic(): number {
    return this.time
  }
  setTimeout(run: () => void, delayMs: number): { cancel(): void } {
    const timer = { at: this.time + delayMs, run }
    this.timers.add(timer)
    return { cancel: () => void this.timers.delete(timer) }
  }
  sleep(): Promise<void> {
    return Promise.resolve()
  }
  advance(ms: number): void {
    this.time += ms
    for (const timer of this.timers) {
      if (timer.at > this.time) continue
      this.timers.delete(timer)
      timer.run()
    }
  }
}

let clock: ManualClock
storeSuite({
  name: 'memory',
  leaseSlackMs: 0,
  open: async () => createMemoryStore({ clock: (clock = new ManualClock()) }),
  passTime: async (ms) => clock.advance(ms),
})

describe('the core', () => {
  const put = (key: string, value: string) => ({ type: 'create' as const, key, value: () => Buffer.from(value) })

  it('hides changes until they are published, but checks expectations against them', () => {
    const core = new MvccCore()
    const first = core.apply(put('/a', '1'), 0)
    expect(core.get('/a')).toBeUndefined()
    expect(core.apply(put('/a', '2'), 0).ok).toBe(false)
    if (!first.ok) throw new Error('the first write was refused')
    core.publish([first.change])
    expect(core.get('/a')?.modRevision).toBe(2)
  })

  it('forgets what was never published', () => {
    const core = new MvccCore()
    core.apply(put('/a', '1'), 0)
    core.rollback()
    expect(core.head).toBe(1)
    expect(core.apply(put('/a', '2'), 0)).toMatchObject({ ok: true, change: { revision: 2 } })
  })
})
