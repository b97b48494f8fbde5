/**
 * Looks at the node every ten seconds and ends pods when it runs out of memory, disk, inodes or process ids, and those
 * that write more than they may. Upstream: pkg/kubelet/eviction/eviction_manager.go.
 */
import type { Clock, Logger } from '../../base/env.ts'
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { findUntoleratedTaint } from '../../api/helpers/taints.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Rejection } from '../admission.ts'
import { isCriticalPod, podUid } from '../pod.ts'
import type { KillOptions } from '../pod-workers.ts'
import { type PodUse, evictionMessage, overOwnLimits, rankPods } from './rank.ts'
import { type Condition, type Observations, type Threshold, initialState, observe, resourceOf, thresholdsMet } from './thresholds.ts'

export interface EvictionEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly thresholds: readonly Threshold[]
  readonly transitionMs: number
  readonly maxPodGraceSeconds: number
  /** Whether pods are held to their own limits of disk. */
  readonly localStorageIsolation: boolean
  observations(): Promise<Observations>
  /** What pods use, by UID. */
  usage(pods: readonly Pod[]): Promise<ReadonlyMap<string, PodUse>>
  activePods(): readonly Pod[]
  kill(pod: Pod, options: KillOptions): void
  /** Nothing of it runs or lies about any more. */
  isGone(uid: string): boolean
  /** Frees disk without ending pods: dead containers, unused images. */
  reclaimDisk(): Promise<void>
  emitPod(pod: Pod, type: 'Warning', reason: string, message: string, annotations?: Readonly<Record<string, string>>): void
  emitNode(type: 'Warning', reason: string, message: string): void
  /** Conditions of the node have changed. */
  onConditions(): void
}

export interface EvictionManager {
  conditions(): readonly Condition[]
  /** Whether the node takes a pod while it is short of something. */
  admit(pod: Pod): Rejection | undefined
  /** One look. Answers whether a pod was evicted. */
  look(): Promise<boolean>
  run(signal: AbortSignal): Promise<void>
}

const intervalMs = 10_000
const cleanupMs = 30_000
const cleanupPollMs = 1000
/** Immediate, as far as there is such a thing. */
const hardGraceSeconds = 1

export function createEvictionManager(env: EvictionEnv): EvictionManager {
  let state = initialState
  let conditions: readonly Condition[] = []

  function evict(pod: Pod, graceSeconds: number, message: string, annotations?: Readonly<Record<string, string>>): boolean {
    if (isCriticalPod(pod)) {
      env.log.warn('a critical pod is not evicted', { pod: pod.metadata.name })
      return false
    }
    env.emitPod(pod, 'Warning', 'Evicted', message, annotations)
    const now = formatTime(env.clock.now())
    env.kill(pod, {
      graceSeconds, evict: true,
      status: (status) => ({ ...status, phase: 'Failed', reason: 'Evicted', message, ...(annotations !== undefined ? { conditions: disrupted(status, pod, message, now) } : {}) }),
    })
    return true
  }

  function evictOverLimits(pods: readonly Pod[], usage: ReadonlyMap<string, PodUse>): Pod[] {
    return !env.localStorageIsolation ? [] : pods.filter((pod) => {
      const use = usage.get(podUid(pod))
      const why = use === undefined ? undefined : overOwnLimits(pod, use)
      return why !== undefined && evict(pod, hardGraceSeconds, why)
    })
  }

  async function reclaimed(threshold: Threshold): Promise<boolean> {
    if (resourceOf(threshold.signal) !== 'ephemeral-storage' && resourceOf(threshold.signal) !== 'inodes') return false
    await env.reclaimDisk().catch((error: unknown) => env.log.warn('disk was not freed', { error }))
    return thresholdsMet(env.thresholds, await env.observations(), true).length === 0
  }

  async function lookOnce(): Promise<Pod[]> {
    const pods = env.activePods()
    const [observations, usage] = await Promise.all([env.observations(), env.usage(pods)])
    const before = conditions.join()
    const verdict = observe(state, env.thresholds, observations, env.transitionMs, env.clock.now())
    state = verdict.state
    conditions = verdict.conditions
    if (conditions.join() !== before) env.onConditions()
    const overLimits = evictOverLimits(pods, usage)
    const threshold = verdict.due[0]
    if (overLimits.length > 0 || threshold === undefined) return overLimits
    const resource = resourceOf(threshold.signal)
    env.emitNode('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`)
    if (await reclaimed(threshold)) return []
    for (const pod of rankPods(pods, resource, (other) => usage.get(podUid(other)))) {
      const own = pod.spec!.terminationGracePeriodSeconds
      const grace = threshold.graceMs === 0 ? hardGraceSeconds : Math.min(env.maxPodGraceSeconds, own ?? env.maxPodGraceSeconds)
      const { message, annotations } = evictionMessage(resource, pod, usage.get(podUid(pod)), verdict.due, observations)
      if (evict(pod, grace, message, annotations)) return [pod]
    }
    return []
  }

  async function waitUntilGone(pods: readonly Pod[], signal: AbortSignal): Promise<void> {
    const end = env.clock.monotonic() + cleanupMs
    while (env.clock.monotonic() < end && !pods.every((pod) => env.isGone(podUid(pod)))) await env.clock.sleep(cleanupPollMs, signal)
  }

  return {
    conditions: () => conditions,
    admit(pod) {
      if (conditions.length === 0 || isCriticalPod(pod)) return undefined
      const memoryOnly = conditions.length === 1 && conditions[0] === 'MemoryPressure'
      if (memoryOnly && (podQOS(pod) !== 'BestEffort' || tolerates(pod))) return undefined
      return { reason: 'Evicted', message: `The node had condition: [${conditions.join(' ')}]. ` }
    },
    look: async () => (await lookOnce()).length > 0,
    async run(signal) {
      while (!signal.aborted) {
        let evicted: readonly Pod[] = []
        try {
          evicted = await lookOnce()
        } catch (error) {
          env.log.warn('the node was not looked at', { error })
        }
        if (evicted.length > 0) await waitUntilGone(evicted, signal)
        else await env.clock.sleep(intervalMs, signal)
      }
    },
  }
}

function tolerates(pod: Pod): boolean {
  const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' }
  return (pod.spec!.tolerations ?? []).length > 0 && findUntoleratedTaint([taint], pod.spec!.tolerations, ['NoSchedule']) === undefined
}

/** The condition that tells controllers that the pod did not end by itself. */
export function disrupted(status: PodStatus, pod: Pod, message: string, now: string): NonNullable<PodStatus['conditions']> {
  const others = (status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
  return [...others, {
    type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message, lastTransitionTime: now, observedGeneration: pod.metadata.generation,
  }]
}
