/**
 * Gives memory back when there is nothing to do. V8 keeps what a burst of work made it take: half of what an idle server holds
 * is room for new objects, and code of its start. A collection that leaves nothing out lets go of it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock } from '../env.ts'

export interface Sample {
  /** Of this process, since the last sample. */
  readonly cpuMs: number
  readonly wallMs: number
  readonly heapBytes: number
}

/** Less is nothing to do. */
const quietShare = 0.04
/** What has to have been done since the last time. */
const workMs = 500
/** A bigger heap takes too long to look through. */
const mostBytes = 256 << 20

/** Tells of one sample after another whether now is the time: quiet, after work. */
export function createQuietness(): (sample: Sample) => boolean {
  let worked = Infinity
  return ({ cpuMs, wallMs, heapBytes }) => {
    worked += cpuMs
    if (cpuMs > wallMs * quietShare || worked < workMs || heapBytes > mostBytes) return false
    worked = 0
    return true
  }
}

const sampleMs = 5000

/** A task: looks every few seconds, until it is stopped. */
export async function releaseWhenQuiet(clock: Clock, signal: AbortSignal): Promise<void> {
  const isTime = createQuietness()
  let collect: (() => void) | undefined
  let [cpu, wall] = [process.cpuUsage(), clock.monotonic()]
  for (;;) {
    await clock.sleep(sampleMs, signal)
    const { user, system } = process.cpuUsage(cpu)
    const now = clock.monotonic()
    if (isTime({ cpuMs: (user + system) / 1000, wallMs: now - wall, heapBytes: process.memoryUsage().heapUsed })) (collect ??= collector())()
    // What the collection took is no work.
    ;[cpu, wall] = [process.cpuUsage(), clock.monotonic()]
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (o: { type: 'major'; flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  return () => gc({ type: 'major', flavor: 'last-resort' })
}
