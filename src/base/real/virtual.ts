import type { Env, Logger } from '../env.ts'
import { createMetrics } from '../metrics.ts'
import { createTasks } from '../tasks.ts'
import { VirtualClock } from '../virtual/clock.ts'
import { seededRandom } from '../virtual/random.ts'
import { systemClock } from './env.ts'

/** Resolves when the promises that can go on have done so: node runs all of them before it turns to the next event. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export interface VirtualEnv extends Env {
  readonly clock: VirtualClock
}

/** An Env whose time is moved by hand and whose chance comes from a seed. */
export function createVirtualEnv(options: { log: Logger; start?: number; seed?: number | string; onTaskFailure?: (name: string, error: unknown) => void }): VirtualEnv {
  const { log, onTaskFailure, seed = 1, start = Date.UTC(2026, 0, 1) } = options
  return {
    clock: new VirtualClock({ start, settle, real: systemClock }), random: seededRandom(seed),
    log, metrics: createMetrics(), tasks: createTasks(log, onTaskFailure),
  }
}
