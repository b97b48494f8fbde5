/**
 * The machine is about to go down: pods are ended by priority, each group in its time, before the system ends them.
 * Upstream: pkg/kubelet/nodeshutdown.
 */
import type { Clock, Logger } from '../../base/env.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Rejection } from '../admission.ts'
import { disrupted } from '../eviction/manager.ts'
import type { ShutdownPeriod } from '../options.ts'
import { podUid } from '../pod.ts'
import type { KillOptions } from '../pod-workers.ts'

/** Who tells that the machine goes down, and waits for us. */
export interface PowerWatch {
  /** Yields true when the machine is about to go down, false when it is not any more. `delayMs`: how long it is to wait. Throws when nobody tells. */
  events(delayMs: number, signal: AbortSignal): AsyncIterable<boolean>
  /** The system may go on. */
  release(): void
}

export interface ShutdownEnv {
  readonly clock: Clock
  readonly log: Logger
  /** The lowest priority first; empty: pods are not told. */
  readonly periods: readonly ShutdownPeriod[]
  readonly power: PowerWatch
  activePods(): readonly Pod[]
  kill(pod: Pod, options: KillOptions): void
  /** Nothing of it runs or is mounted any more. */
  isGone(uid: string): boolean
  emitNode(type: 'Normal', reason: string, message: string): void
  /** The node is no longer ready, or ready again. */
  onChange(): void
}

export interface ShutdownManager {
  isGoingDown(): boolean
  admit(): Rejection | undefined
  run(signal: AbortSignal): Promise<void>
}

const text = 'Pod was terminated in response to imminent node shutdown.'
const retryMs = 1000
const pollMs = 100

/** Pods by the period that is theirs: those between two priorities have the lower one's, those below all the first. */
export function groupByPriority(periods: readonly ShutdownPeriod[], pods: readonly Pod[]): { period: ShutdownPeriod; pods: Pod[] }[] {
  const groups = periods.map((period) => ({ period, pods: [] as Pod[] }))
  for (const pod of pods) {
    const priority = pod.spec!.priority ?? 0
    const at = groups.findLastIndex(({ period }) => period.priority <= priority)
    groups[Math.max(0, at)]?.pods.push(pod)
  }
  return groups
}

export function createShutdownManager(env: ShutdownEnv): ShutdownManager {
  const { clock } = env
  let goingDown = false

  function end(pod: Pod, seconds: number): void {
    const own = pod.spec!.terminationGracePeriodSeconds
    const now = formatTime(clock.now())
    env.kill(pod, {
      graceSeconds: own !== undefined && own <= seconds ? own : seconds,
      status: (status) => ({
        ...status, phase: status.phase === 'Succeeded' ? 'Succeeded' : 'Failed', reason: 'Terminated', message: text, conditions: disrupted(status, pod, text, now),
      }),
    })
  }

  async function endAll(signal: AbortSignal): Promise<void> {
    for (const { period, pods } of groupByPriority(env.periods, env.activePods())) {
      if (pods.length === 0) continue
      env.log.info('pods are ended because the machine goes down', { pods: pods.length, priority: period.priority, seconds: period.seconds })
      for (const pod of pods) end(pod, period.seconds)
      const until = clock.monotonic() + period.seconds * 1000
      while (clock.monotonic() < until && !pods.every((pod) => env.isGone(podUid(pod)))) await clock.sleep(pollMs, signal)
    }
  }

  async function watch(signal: AbortSignal): Promise<void> {
    const delayMs = env.periods.reduce((sum, { seconds }) => sum + seconds * 1000, 0)
    for await (const down of env.power.events(delayMs, signal)) {
      goingDown = down
      env.emitNode('Normal', 'NodeShutdown', down ? 'Shutdown manager detected shutdown event' : 'Shutdown manager detected shutdown cancellation')
      env.onChange()
      if (!down) continue
      await endAll(signal)
      env.power.release()
    }
  }

  return {
    isGoingDown: () => goingDown,
    admit: () => (goingDown ? { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' } : undefined),
    async run(signal) {
      if (env.periods.length === 0) return
      while (!signal.aborted) {
        try {
          await watch(signal)
        } catch (error) {
          if (signal.aborted) return
          env.log.warn('nobody tells when the machine goes down', { error })
        }
        await clock.sleep(retryMs, signal)
      }
    },
  }
}
