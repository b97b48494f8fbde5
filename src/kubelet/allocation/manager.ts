/** Grants resources to pods: at admission, and when a resize fits the node. Upstream: pkg/kubelet/allocation/allocation_manager.go. */
import type { Clock, Logger, Tasks } from '../../base/env.ts'
import type { Container, Pod, PodCondition } from '../../api/generated/types/core-v1.ts'
import { podRequests } from '../../api/helpers/pod-resources.ts'
import { podQOS } from '../../api/helpers/qos.ts'
import { goJSON } from '../../api/meta/go-text.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Rejection } from '../admission.ts'
import { podUid } from '../pod.ts'
import type { RuntimePod } from '../runtime/pod-status.ts'
import { allocationOf, withAllocation } from './allocation.ts'
import { type Actuated, isResizeInProgress } from './plan.ts'
import type { AllocationState } from './state.ts'

export interface AllocationManagerEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly tasks: Tasks
  /** What was granted. */
  readonly allocated: AllocationState
  /** What containers were given. */
  readonly actuated: AllocationState
  /** Pods that hold resources of the node. */
  activePods(): readonly Pod[]
  pod(uid: string): Pod | undefined
  /** Whether a pod fits beside others. */
  admit(pod: Pod, others: readonly Pod[]): Rejection | undefined
  /** Why a pod that fits cannot be changed all the same. */
  admitResize?(pod: Pod, before: Pod): Rejection | undefined
  resync(uid: string): void
  emit(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
}

export interface AllocationManager {
  /** The pod with what was granted to it. */
  granted(pod: Pod): Pod
  /** The pod was admitted as it is. */
  grant(pod: Pod): void
  actuated(podUid: string): Actuated
  conditions(podUid: string): PodCondition[]
  /** Conditions of pods that an earlier kubelet left, and resizes that wait. */
  restore(pods: readonly Pod[]): void
  /** The pod asks for other resources than before. */
  requested(pod: Pod): void
  /** Looks again at all resizes that wait. */
  retry(): void
  /** Compares what a granted pod's containers have with what they are to have. */
  settle(pod: Pod, runtime: RuntimePod): void
  failed(pod: Pod, message: string): void
  /** Forgets all other pods. */
  keep(podUids: ReadonlySet<string>): void
  start(): void
}

const retryMs = 180_000

interface Conditions {
  pending?: PodCondition
  inProgress?: PodCondition
}

export function createAllocationManager(env: AllocationManagerEnv): AllocationManager {
  const conditions = new Map<string, Conditions>()
  let waiting: string[] = []

  const granted = (pod: Pod): Pod => withAllocation(pod, env.allocated.get(podUid(pod)))

  function of(uid: string): Conditions {
    const known = conditions.get(uid) ?? {}
    conditions.set(uid, known)
    return known
  }

  function condition(type: string, old: PodCondition | undefined, reason: string, message: string, generation: number | undefined): PodCondition {
    const now = formatTime(env.clock.now())
    return {
      type, status: 'True', lastProbeTime: now, lastTransitionTime: old !== undefined && (old.reason ?? '') === reason ? old.lastTransitionTime : now,
      ...(generation === undefined ? {} : { observedGeneration: generation }), ...(reason === '' ? {} : { reason }), ...(message === '' ? {} : { message }),
    }
  }

  function defer(pod: Pod, rejection: Rejection): void {
    const own = of(podUid(pod))
    const reason = rejection.reason === 'Infeasible' ? 'Infeasible' : 'Deferred'
    const old = own.pending
    own.pending = condition('PodResizePending', old, reason, rejection.message, pod.metadata.generation)
    if (old !== undefined && old.reason === reason && old.observedGeneration === pod.metadata.generation) return
    env.emit(pod, 'Warning', reason === 'Infeasible' ? 'ResizeInfeasible' : 'ResizeDeferred', summary(`Pod resize ${rejection.reason}`, pod, pod.metadata.generation, rejection.message))
  }

  /** Answers whether the pod goes on waiting. */
  function tryGrant(pod: Pod): boolean {
    const uid = podUid(pod)
    const own = of(uid)
    const before = JSON.stringify(own)
    let fits = false
    if (granted(pod) === pod) {
      delete own.pending
    } else {
      const others = env.activePods().filter((other) => podUid(other) !== uid).map(granted)
      const rejection = env.admitResize?.(pod, granted(pod)) ?? env.admit(pod, others)
      fits = rejection === undefined
      if (rejection === undefined) {
        env.allocated.set(uid, allocationOf(pod))
        delete own.pending
        own.inProgress = condition('PodResizeInProgress', undefined, '', '', pod.metadata.generation)
        env.emit(pod, 'Normal', 'ResizeStarted', summary('Pod resize started', pod, pod.metadata.generation))
      } else defer(pod, rejection)
    }
    if (fits || JSON.stringify(own) !== before) env.resync(uid)
    return own.pending?.reason === 'Deferred'
  }

  function retry(): void {
    const pods = waiting.flatMap((uid) => env.pod(uid) ?? [])
    waiting = []
    const inOrder = pods.sort((a, b) => order(a, b, granted, (uid) => conditions.get(uid)?.pending?.lastTransitionTime))
    for (const pod of inOrder) if (tryGrant(pod)) waiting.push(podUid(pod))
  }

  return {
    granted,
    grant: (pod) => env.allocated.set(podUid(pod), allocationOf(pod)),
    actuated: (uid) => ({
      container: (name) => env.actuated.get(uid)?.ContainerResources[name],
      pod: () => env.actuated.get(uid)?.PodLevelResources ?? undefined,
    }),
    conditions(uid) {
      const { pending, inProgress } = conditions.get(uid) ?? {}
      return [pending, inProgress].filter((c) => c !== undefined)
    },
    restore(pods) {
      for (const pod of pods) {
        for (const c of pod.status?.conditions ?? []) {
          if (c.type === 'PodResizePending') of(podUid(pod)).pending = c
          if (c.type === 'PodResizeInProgress') of(podUid(pod)).inProgress = c
        }
        if (granted(pod) !== pod && !waiting.includes(podUid(pod))) waiting.push(podUid(pod))
      }
      if (waiting.length > 0) retry()
    },
    requested(pod) {
      const uid = podUid(pod)
      if (granted(pod) === pod) return void delete of(uid).pending
      if (!waiting.includes(uid)) waiting.push(uid)
      retry()
    },
    retry() {
      if (waiting.length > 0) retry()
    },
    settle(pod, runtime) {
      const uid = podUid(pod)
      const own = of(uid)
      if (isResizeInProgress(pod, runtime, this.actuated(uid))) {
        own.inProgress ??= condition('PodResizeInProgress', undefined, '', '', pod.metadata.generation)
      } else if (own.inProgress !== undefined) {
        const generation = own.inProgress.observedGeneration
        delete own.inProgress
        env.emit(pod, 'Normal', 'ResizeCompleted', summary('Pod resize completed', pod, generation))
      }
    },
    failed(pod, message) {
      const own = of(podUid(pod))
      const old = own.inProgress
      const generation = old?.observedGeneration ?? pod.metadata.generation
      own.inProgress = condition('PodResizeInProgress', old, 'Error', message, generation)
      if (old?.reason === 'Error' && old.message === message) return
      env.emit(pod, 'Warning', 'ResizeError', summary('Pod resize error', pod, generation, message))
    },
    keep(uids) {
      for (const uid of conditions.keys()) if (!uids.has(uid)) conditions.delete(uid)
      env.allocated.keep(uids)
      env.actuated.keep(uids)
    },
    start() {
      env.tasks.go('pending resizes', async (signal) => {
        for (;;) {
          await env.clock.sleep(retryMs, signal)
          if (waiting.length > 0) retry()
        }
      })
    },
  }
}

/** Resizes that ask for no more come first, then priority, then class, then the one that waits longest. */
function order(a: Pod, b: Pod, granted: (pod: Pod) => Pod, since: (uid: string) => string | undefined): number {
  const grows = (pod: Pod) => {
    const has = podRequests(granted(pod))
    const asks = podRequests(pod)
    return ['cpu', 'memory'].some((name) => compareQuantity(asks[name] ?? 0, has[name] ?? 0) > 0) ? 1 : 0
  }
  const rank = (pod: Pod) => (podQOS(pod) === 'Guaranteed' ? 0 : 1)
  const waited = (pod: Pod) => since(podUid(pod)) ?? '~'
  return grows(a) - grows(b) || (b.spec!.priority ?? 0) - (a.spec!.priority ?? 0) || rank(a) - rank(b) || (waited(a) < waited(b) ? -1 : 1)
}

/** The text of an event: what every container is to have, as Go prints it. */
function summary(what: string, pod: Pod, generation: number | undefined, error = ''): string {
  const shown = (list: readonly Container[]) =>
    list.map(({ name, resources }) => ({ name, resources: { ...(resources?.limits === undefined ? {} : { limits: resources.limits }), ...(resources?.requests === undefined ? {} : { requests: resources.requests }) } }))
  const inits = pod.spec!.initContainers ?? []
  return `${what}: ${goJSON({
    ...(inits.length === 0 ? {} : { initContainers: shown(inits) }), containers: shown(pod.spec!.containers), generation: generation ?? 0, ...(error === '' ? {} : { error }),
  })}`
}
