/** Brings pods from the API server and from files to the workers. Upstream: pkg/kubelet/kubelet.go HandlePod*. */
import type { Logger } from '../base/env.ts'
import type { Pod } from '../api/generated/types/core-v1.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Informer } from '../client/informer.ts'
import type { Rejection } from './admission.ts'
import type { AllocationManager } from './allocation/manager.ts'
import { isCriticalPod, isMirrorPod, isTerminalPhase, podUid } from './pod.ts'
import { type Shortage, podsToPreempt } from './preempt.ts'
import type { PodStore } from './pod-store.ts'
import type { PodWorkers } from './pod-workers.ts'
import type { StatusManager } from './status/manager.ts'
import { same } from './status/patch.ts'
import { podQOS } from '../api/helpers/qos.ts'

export interface PodSourceEnv {
  readonly log: Logger
  readonly store: PodStore
  readonly workers: PodWorkers
  readonly status: StatusManager
  readonly allocation: AllocationManager
  /** Whether a pod fits beside others. */
  admit(pod: Pod, others: readonly Pod[]): Rejection | undefined
  /** Ends a pod to make room for a critical one. */
  preempt(pod: Pod): void
  emit(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void
}

export interface PodSource {
  /** Pods that hold resources of the node. */
  activePods(): Pod[]
  /** Follows the informer of this node's pods. */
  follow(informer: Informer<Pod>): void
  /** The static pods as of now. */
  setStatic(pods: readonly Pod[]): void
}

export function createPodSource(env: PodSourceEnv): PodSource {
  const { store, workers, status } = env
  const rejected = new Set<string>()
  let staticPods = new Map<string, Pod>()

  function add(pod: Pod): void {
    store.set(pod)
    if (isMirrorPod(pod)) return resyncOwner(pod)
    const uid = podUid(pod)
    if (workers.phase(uid) === undefined && pod.metadata.deletionTimestamp === undefined && !isTerminalPhase(pod.status?.phase)) {
      const others = activePods().filter((other) => podUid(other) !== uid).map((other) => env.allocation.granted(other))
      const granted = env.allocation.granted(pod)
      const rejection = env.admit(granted, others)
      if (rejection !== undefined) {
        const final = isCriticalPod(pod) && rejection.shortages !== undefined ? makeRoom(pod, others, rejection.shortages) : rejection
        if (final !== undefined) return reject(pod, final)
      }
      env.allocation.grant(granted)
    }
    workers.update({ pod })
  }

  /** Ends others for a critical pod. */
  function makeRoom(pod: Pod, others: readonly Pod[], shortages: readonly Shortage[]): Rejection | undefined {
    try {
      for (const victim of podsToPreempt(pod, others, shortages)) env.preempt(victim)
      return undefined
    } catch (error) {
      return { reason: 'UnexpectedAdmissionError', message: `Unexpected error while attempting to recover from admission failure: ${(error as Error).message}` }
    }
  }

  const activePods = (): Pod[] => store.list().filter(isActive)

  function isActive(pod: Pod): boolean {
    const uid = podUid(pod)
    if (rejected.has(uid) || isTerminalPhase(pod.status?.phase) || isTerminalPhase(status.get(uid)?.phase)) return false
    const phase = workers.phase(uid)
    return phase === 'sync' || phase === 'terminating'
  }

  function reject(pod: Pod, { reason, message }: Rejection): void {
    rejected.add(podUid(pod))
    env.emit(pod, 'Warning', reason, message)
    status.set(pod, { phase: 'Failed', reason, message: `Pod was rejected: ${message}`, qosClass: podQOS(pod), observedGeneration: pod.metadata.generation })
  }

  function update(pod: Pod, old: Pod): void {
    store.set(pod)
    if (isMirrorPod(pod)) return
    const uid = podUid(pod)
    if (workers.phase(uid) === undefined && rejected.has(uid) && pod.metadata.deletionTimestamp === undefined && !isTerminalPhase(pod.status?.phase)) return
    if (statusOnly(pod, old)) {
      workers.refresh(pod)
      status.reconcile(pod)
      const turnedTerminal = isTerminalPhase(pod.status?.phase) && !isTerminalPhase(old.status?.phase)
      const gates = (pod.spec!.readinessGates?.length ?? 0) > 0 && !same(pod.status?.conditions, old.status?.conditions)
      if (turnedTerminal || gates) workers.update({ pod })
      env.allocation.retry()
      return
    }
    if (podUid(pod) === podUid(old) && !sameAllResources(pod, old)) env.allocation.requested(pod)
    workers.update({ pod })
  }

  function remove(pod: Pod): void {
    store.delete(pod)
    if (isMirrorPod(pod)) return resyncOwner(pod)
    const uid = podUid(pod)
    rejected.delete(uid)
    env.allocation.retry()
    if (workers.phase(uid) !== undefined) workers.update({ pod, kill: {} })
    status.forget(uid)
  }

  /** A mirror that came or went: its static pod sees to it. */
  function resyncOwner(mirror: Pod): void {
    const owner = store.byName(mirror.metadata.namespace!, mirror.metadata.name!)
    if (owner !== undefined) workers.resync(podUid(owner))
  }

  return {
    activePods,
    follow(informer) {
      // The oldest pods of a node that starts again have the first claim on it.
      const initial: Pod[] = []
      let started = false
      informer.addHandler({
        add: (pod, first) => void (first && !started ? initial.push(pod) : add(pod)),
        update: (pod, old) => {
          // A pod of another UID may have taken the name while nobody watched.
          if (podUid(pod) === podUid(old)) return update(pod, old)
          remove(old)
          add(pod)
        },
        delete: remove,
      })
      void informer.synced.then(() => {
        started = true
        const time = (pod: Pod) => parseTime(pod.metadata.creationTimestamp ?? '') ?? 0
        for (const pod of initial) store.set(pod)
        for (const pod of initial.sort((a, b) => time(a) - time(b))) if (store.get(podUid(pod)) !== undefined || isMirrorPod(pod)) add(pod)
        env.allocation.restore(initial)
      })
    },
    setStatic(pods) {
      const next = new Map(pods.map((pod) => [podUid(pod), pod]))
      const before = staticPods
      staticPods = next
      for (const [uid, pod] of before) if (!next.has(uid)) remove(pod)
      for (const [uid, pod] of next) if (!before.has(uid)) add(pod)
    },
  }
}

function sameAllResources(a: Pod, b: Pod): boolean {
  const of = (pod: Pod) => [pod.spec!.resources, ...[...(pod.spec!.initContainers ?? []), ...pod.spec!.containers].map(({ resources }) => resources)]
  return same(of(a), of(b))
}

/** Whether two states of a pod differ in nothing that a worker acts on. */
export function statusOnly(pod: Pod, old: Pod): boolean {
  const { metadata: a } = pod
  const { metadata: b } = old
  return a.deletionTimestamp === b.deletionTimestamp && a.deletionGracePeriodSeconds === b.deletionGracePeriodSeconds && a.generation === b.generation &&
    same(a.labels, b.labels) && same(a.annotations, b.annotations) && same(pod.spec, old.spec)
}
