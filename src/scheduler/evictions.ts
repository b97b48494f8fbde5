/** Carries preemptions out beside the cycles (upstream: framework/preemption/executor.go, asynchronous). */
import { pods } from '../api/generated/resources.ts'
import type { ObjectReference, Pod } from '../api/generated/types/core-v1.ts'
import type { Client } from '../client/client.ts'
import type { Env } from '../base/env.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { SeriesRecorder } from '../client/series-events.ts'
import type { Preemptor } from './framework.ts'
import type { SchedulerMetrics } from './metrics.ts'
import { ignoreGone, podReference, writePodStatus } from './pod-status.ts'
import type { SchedulingQueue } from './queue.ts'
import type { PodInfo } from './snapshot.ts'
import type { WaitingPods } from './waiting-pods.ts'

export interface EvictionsContext {
  readonly env: Env
  readonly client: Client
  readonly informers: InformerFactory
  readonly queue: SchedulingQueue
  readonly waiting: WaitingPods
  readonly metrics: SchedulerMetrics
  recorder(profile: string): SeriesRecorder
}

/** Who others go for. */
export interface EvictionCause {
  readonly uid: string
  readonly priority: number
  readonly profile: string
  readonly type: 'pod' | 'podgroup'
  /** What events refer to. */
  readonly reference: ObjectReference
  /** They are tried again when an eviction fails. */
  readonly pods: readonly Pod[]
}

export class Evictions implements Preemptor {
  readonly #context: EvictionsContext
  /** Preemptors at work; the last victim once only that one is left. */
  readonly #preempting = new Map<string, PodInfo | undefined>()

  /** Called where pods would be evicted; then they are not. */
  instead: ((node: string, victims: readonly PodInfo[]) => void) | undefined

  constructor(context: EvictionsContext) {
    this.#context = context
  }

  nominatedOn(node: string): readonly PodInfo[] {
    return this.#context.queue.nominatedOn(node)
  }

  /** The last victim's deletion is what the preemptor waits for: once that has begun, it may be tried again. */
  isPreempting(uid: string): boolean {
    if (!this.#preempting.has(uid)) return false
    const last = this.#preempting.get(uid)
    if (last === undefined) return true
    const { namespace, name } = last.pod.metadata
    const known = this.#context.informers.of(pods).get({ namespace, name: name! })
    return known !== undefined && known.metadata.deletionTimestamp === undefined
  }

  attempted(): void {
    this.#context.metrics.preemptionAttempt()
  }

  evict({ uid, priority, pod }: PodInfo, node: string, victims: readonly PodInfo[]): void {
    this.evictFor({ uid, priority, profile: pod.spec?.schedulerName ?? '', type: 'pod', reference: podReference(pod), pods: [pod] }, node, victims)
  }

  /** `node`: what becomes free, as events name it; "cluster" where it is no single node. */
  evictFor(preemptor: EvictionCause, node: string, victims: readonly PodInfo[]): void {
    if (this.instead !== undefined) return this.instead(node, victims)
    const { env, metrics, queue } = this.#context
    const alive = victims.filter(({ terminating }) => !terminating)
    if (alive.length === 0) return
    metrics.preemptionVictims(victims.length)
    this.#preempting.set(preemptor.uid, undefined)
    env.tasks.go('preemption', async (signal) => {
      const started = env.clock.monotonic()
      const fails = await this.#carryOut(preemptor, node, alive, signal)
      this.#preempting.delete(preemptor.uid)
      metrics.preempted(fails.length === 0 ? 'success' : 'error', (env.clock.monotonic() - started) / 1000)
      if (fails.length === 0 || signal.aborted) return
      env.log.warn('preemption failed', { [preemptor.type]: preemptor.reference.name, node, error: fails[0] })
      // Nothing else would wake it: its victims may never be deleted.
      queue.activate(preemptor.pods)
    })
  }

  /** Nominations of less important pods go first, then all victims but one at once, the last alone. */
  async #carryOut(preemptor: EvictionCause, node: string, victims: readonly PodInfo[], signal: AbortSignal): Promise<unknown[]> {
    const { env, client } = this.#context
    const lower = this.nominatedOn(node).filter((other) => other.priority < preemptor.priority)
    const cleared = await Promise.allSettled(lower.map(({ pod }) => writePodStatus(client, pod, { nominate: '' }, env.clock.now(), signal)))
    const last = victims.at(-1)!
    const others = await Promise.allSettled(victims.slice(0, -1).map((victim) => this.#evictOne(preemptor, node, victim, signal)))
    const errors = failures(others)
    if (errors.length > 0) return errors
    this.#preempting.set(preemptor.uid, last)
    return failures([...cleared, ...await Promise.allSettled([this.#evictOne(preemptor, node, last, signal)])])
  }

  async #evictOne(preemptor: EvictionCause, node: string, victim: PodInfo, signal: AbortSignal): Promise<void> {
    const { env, client, waiting } = this.#context
    const { profile, type, reference } = preemptor
    const recorder = this.#context.recorder(profile)
    const message = `Preempted by ${type} ${preemptor.uid} on node ${node}`
    // A pod that is not bound yet only loses its place.
    if (waiting.reject(victim.uid, 'DefaultPreemption', 'preempted')) {
      return recorder.event(podReference(victim.pod), 'Normal', 'Preempted', 'Preempting', `${message} (in kube-scheduler memory).`, reference)
    }
    const condition = {
      type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler', message: `${profile}: preempting to accommodate a higher priority ${type}`,
    }
    const { namespace, name, uid } = victim.pod.metadata
    await writePodStatus(client, victim.pod, { condition }, env.clock.now(), signal)
    await client.delete(pods, { namespace, name: name! }, { preconditions: { uid }, signal }).catch(ignoreGone)
    recorder.event(podReference(victim.pod), 'Normal', 'Preempted', 'Preempting', message, reference)
  }
}

function failures(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.filter((result) => result.status === 'rejected').map((result): unknown => result.reason)
}
