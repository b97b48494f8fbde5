/** Controllers that look at everything from time to time rather than at what has changed. */
import type { Resource } from '../api/meta/object.ts'
import type { ControllerContext } from './controller.ts'
import type { Running } from './running.ts'

export interface Periodic {
  readonly name: string
  readonly periodMs: number
  /** What the sweep reads from caches. */
  readonly reads: readonly Resource<never>[]
  readonly sweep: (context: ControllerContext, signal: AbortSignal) => Promise<void>
}

/** Sweeps when the caches are filled and then every period; a sweep that fails is logged and made good by the next. */
export function startPeriodic({ name, periodMs, reads, sweep }: Periodic, context: ControllerContext): Running {
  const { env, informers } = context
  const ready = Promise.all(reads.map((resource) => informers.of(resource).synced)).then(() => undefined)
  const task = env.tasks.go(name, async (signal) => {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([ready, aborted])
    while (!signal.aborted) {
      try {
        await sweep(context, signal)
      } catch (error) {
        if (!signal.aborted) env.log.warn('sweep failed', { controller: name, error: String(error) })
      }
      await env.clock.sleep(periodMs, signal).catch(() => undefined)
    }
  })
  return { ready, stop: () => task.stop() }
}
