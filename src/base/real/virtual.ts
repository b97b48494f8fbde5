import type { Env, Logger } from '../env.ts'
import { createMetrics } from '../metrics.ts'
import { createTasks } from '../tasks.ts'
import { VirtualClock } from '../virtual/clock.ts'
import { type SeededRandom, seededRandom } from '../virtual/random.ts'
import { systemClock } from './env.ts'

/** Resolves when the promises that can go on have done so: node runs all of them before it turns to the next event. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export interface VirtualEnv extends Env {
  readonly clock: VirtualClock
  readonly random: SeededRandom
}

/** An Env whose time is moved by hand and whose chance comes from a seed. */
export function createVirtualEnv({ log, seed = 1, start = Date.UTC(2026, 0, 1) }: { log: Logger; start?: number; seed?: number | string }): VirtualEnv {
  return virtualEnv(log, start, seededRandom(seed))
}

/** The same moment and the same chance from there on, but another world. */
export function forkVirtualEnv({ log, clock, random }: VirtualEnv): VirtualEnv {
  return virtualEnv(log, clock.now(), random.fork())
}

function virtualEnv(log: Logger, start: number, random: SeededRandom): VirtualEnv {
  return { clock: new VirtualClock({ start, settle, real: systemClock }), random, log, metrics: createMetrics(), tasks: createTasks(log) }
}

export function isVirtual(env: Env): env is VirtualEnv {
  return env.clock instanceof VirtualClock
}
