/** A clock for tests that stands still until it is moved, and an environment around it. Not for use outside tests. */
import type { Clock, Env, Timer } from '../../base/env.ts'
import { createMetrics } from '../../base/metrics.ts'
import { createTasks } from '../../base/tasks.ts'

export class ManualClock implements Clock {
  time = Date.parse('2026-01-01T00:00:00Z')
  #timers: { at: number; order: number; callback: () => void }[] = []
  #order = 0

  now(): number {
    return this.time
  }
  monotonic(): number {
    return this.time
  }
  setTimeout(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.time + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.push(timer)
    return { cancel: () => void (this.#timers = this.#timers.filter((one) => one !== timer)) }
  }
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const timer = this.setTimeout(resolve, delayMs)
      signal?.addEventListener('abort', () => {
        timer.cancel()
        reject(signal.reason as Error)
      }, { once: true })
    })
  }
  /** Moves time on; what falls due runs in order, and what it starts gets the turns that it needs. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    for (;;) {
      await settle()
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((one) => one !== due)
      this.time = Math.max(this.time, due.at)
      due.callback()
    }
    this.time = end
    await settle()
  }
}

/** Lets promises run until nothing is left that needs no time. */
export async function settle(turns = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export interface ManualEnv extends Env {
  readonly clock: ManualClock
  /** Warnings and errors, as text. */
  readonly complaints: string[]
}

/** Chance is seeded, time is moved by hand, complaints are kept. */
export function createManualEnv(seed = 1): ManualEnv {
  const complaints: string[] = []
  const keep = (message: string, fields?: Record<string, unknown>) => {
    const error = fields?.['error']
    complaints.push(`${message} ${error instanceof Error ? error.stack : JSON.stringify(fields)}`)
  }
  const log: Env['log'] = { debug: () => undefined, info: () => undefined, warn: keep, error: keep, child: () => log }
  let state = seed
  const next = (): number => {
    state = (state * 48271) % 0x7fffffff
    return state / 0x7fffffff
  }
  const int = (below: number): number => Math.floor(next() * below)
  const hex = (length: number): string => Array.from({ length }, () => int(16).toString(16)).join('')
  return {
    clock: new ManualClock(), log, complaints, metrics: createMetrics(), tasks: createTasks(log),
    random: {
      next, int, bytes: (length) => Uint8Array.from({ length }, () => int(256)),
      uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    },
  }
}
