/**
 * One worker a pod UID: what is known of the pod goes in, and one step after the other comes out, never two at a time:
 * sync (any number), terminating (until nothing runs), terminated (until nothing is left). There is no way back.
 * Upstream: pkg/kubelet/pod_workers.go.
 */
import type { Clock, Logger, Tasks } from '../base/env.ts'
import type { Pod, PodStatus } from '../api/generated/types/core-v1.ts'
import { isStaticPod, isTerminalPhase, podFullName, podUid } from './pod.ts'

export interface PodRef {
  readonly uid: string
  readonly name: string
  readonly namespace: string
}

/** Ends a pod for a reason of the node's own: eviction, preemption. */
export interface KillOptions {
  readonly graceSeconds?: number
  readonly evict?: boolean
  /** Changes the status that is reported at the end. */
  readonly status?: (status: PodStatus) => PodStatus
}

export interface PodUpdate {
  /** undefined: only the runtime knows the pod. */
  readonly pod?: Pod
  readonly runtime?: PodRef
  readonly kill?: KillOptions
}

/** The steps; each rejects to be tried again, and gives up when its signal is aborted. */
export interface PodSyncer {
  /** Answers whether the pod is over (Succeeded, Failed). */
  sync(pod: Pod, first: boolean, signal: AbortSignal): Promise<{ terminal: boolean; retryAfterMs?: number }>
  terminating(pod: Pod, graceSeconds: number | undefined, status: KillOptions['status'], signal: AbortSignal): Promise<void>
  terminatingRuntime(pod: PodRef, signal: AbortSignal): Promise<void>
  terminated(pod: Pod, signal: AbortSignal): Promise<void>
}

export type WorkerPhase = 'sync' | 'terminating' | 'terminated' | 'finished'

interface Worker {
  readonly ref: PodRef
  phase: WorkerPhase
  pod: Pod | undefined
  /** A newer state waits for its turn. */
  dirty: boolean
  running: boolean
  synced: boolean
  /** Aborts the step that runs. */
  controller: AbortController | undefined
  /** Seconds; only ever shrinks. */
  grace: number | undefined
  kill: KillOptions | undefined
  failures: number
  timer: { cancel(): void } | undefined
  /** The API server or the static source no longer has the pod. */
  restartRequested: boolean
}

export interface PodWorkers {
  update(update: PodUpdate): void
  /** A newer state of the pod for the next step, which this does not bring about. */
  refresh(pod: Pod): void
  /** Runs the pod's step again with what is known. */
  resync(uid: string): void
  phase(uid: string): WorkerPhase | undefined
  /** Some container of it may still run. */
  couldHaveRunningContainers(uid: string): boolean
  isTerminating(uid: string): boolean
  /** The pod as last given. */
  pod(uid: string): Pod | undefined
  list(): PodRef[]
  /** Forgets finished workers of pods that are wanted no more; ends the others. Answers those that must come again under their UID. */
  reconcile(wanted: ReadonlySet<string>): void
  /** Waits until all steps that run have ended. */
  stop(): Promise<void>
}

export interface PodWorkersOptions {
  /** ms between syncs of a pod that nothing happens to. */
  readonly syncFrequencyMs: number
  readonly backOffMs: number
  random(): number
}

const minimumGraceSeconds = 1

export function createPodWorkers(clock: Clock, log: Logger, tasks: Tasks, syncer: PodSyncer, options: PodWorkersOptions): PodWorkers {
  const workers = new Map<string, Worker>()
  const active = new Set<Promise<void>>()
  let stopped = false

  function beginTermination(worker: Worker, update: PodUpdate): void {
    if (worker.phase === 'sync') {
      worker.phase = 'terminating'
      worker.controller?.abort(new Error('the pod is terminating'))
    }
    if (update.kill !== undefined) worker.kill = { ...worker.kill, ...update.kill }
    const asked = graceOf(worker.pod, update.kill)
    if (asked === undefined) return
    const grace = Math.max(minimumGraceSeconds, asked)
    if (worker.grace !== undefined && grace >= worker.grace) return
    // A shorter period than the one that runs: the step begins again with it.
    if (worker.grace !== undefined && worker.phase === 'terminating') worker.controller?.abort(new Error('the grace period was shortened'))
    worker.grace = grace
  }

  function mustTerminate(worker: Worker, update: PodUpdate): boolean {
    const { pod } = worker
    if (worker.phase !== 'sync') return true
    if (pod === undefined || update.kill !== undefined) return true
    return pod.metadata.deletionTimestamp !== undefined || isTerminalPhase(pod.status?.phase)
  }

  function wake(worker: Worker): void {
    worker.dirty = true
    worker.timer?.cancel()
    worker.timer = undefined
    if (worker.running || stopped || worker.phase === 'finished') return
    worker.running = true
    const task = tasks.go(`pod ${worker.ref.namespace}/${worker.ref.name}`, () => run(worker))
    const done = task.done.then(() => void active.delete(done))
    active.add(done)
  }

  async function run(worker: Worker): Promise<void> {
    while (worker.dirty && !stopped && worker.phase !== 'finished') {
      worker.dirty = false
      const controller = new AbortController()
      worker.controller = controller
      let after: number | undefined
      try {
        after = await step(worker, controller.signal)
        worker.failures = 0
      } catch (error) {
        if (controller.signal.aborted) {
          worker.dirty = true
        } else {
          worker.failures++
          after = options.backOffMs * (0.5 + options.random())
          log.warn('pod step failed', { pod: worker.ref, phase: worker.phase, error })
        }
      }
      worker.controller = undefined
      if (after !== undefined && !worker.dirty && !stopped) {
        worker.timer = clock.setTimeout(() => wake(worker), after)
      }
    }
    worker.running = false
  }

  /** One step. Answers in how many ms the next is due without a cause; undefined: never. */
  async function step(worker: Worker, signal: AbortSignal): Promise<number | undefined> {
    const { pod } = worker
    if (worker.phase === 'sync') {
      const blocker = staticBlocker(worker)
      if (blocker !== undefined) return 1000
      const first = !worker.synced
      worker.synced = true
      const { terminal, retryAfterMs } = await syncer.sync(pod!, first, signal)
      if (signal.aborted) throw signal.reason
      if (terminal) {
        worker.phase = 'terminating'
        worker.grace = graceOf(pod, undefined)
        worker.dirty = true
        return undefined
      }
      return retryAfterMs ?? options.syncFrequencyMs * (1 + 0.5 * options.random())
    }
    if (worker.phase === 'terminating') {
      if (pod === undefined) {
        await syncer.terminatingRuntime(worker.ref, signal)
        worker.phase = 'finished'
        return undefined
      }
      await syncer.terminating(pod, worker.grace, worker.kill?.status, signal)
      if (signal.aborted) throw signal.reason
      worker.phase = 'terminated'
      worker.dirty = true
      return undefined
    }
    if (worker.phase === 'terminated') {
      await syncer.terminated(pod!, signal)
      worker.phase = 'finished'
    }
    return undefined
  }

  /** Static pods of one name follow each other. */
  function staticBlocker(worker: Worker): Worker | undefined {
    if (worker.pod === undefined || !isStaticPod(worker.pod)) return undefined
    const name = podFullName(worker.pod)
    for (const other of workers.values()) {
      if (other !== worker && other.phase !== 'finished' && other.pod !== undefined && isStaticPod(other.pod) && podFullName(other.pod) === name) {
        if (other.phase !== 'sync' || other.synced) return other
      }
    }
    return undefined
  }

  return {
    update(update) {
      const uid = update.pod === undefined ? update.runtime!.uid : podUid(update.pod)
      let worker = workers.get(uid)
      if (worker === undefined) {
        const ref = update.runtime ?? { uid, name: update.pod!.metadata.name!, namespace: update.pod!.metadata.namespace! }
        worker = {
          ref, phase: 'sync', pod: update.pod, dirty: false, running: false, synced: false, controller: undefined, grace: undefined,
          kill: undefined, failures: 0, timer: undefined, restartRequested: false,
        }
        workers.set(uid, worker)
      } else if (worker.phase === 'finished') {
        // A static pod may come again under its UID, which is a hash of its file.
        if (update.pod !== undefined && isStaticPod(update.pod) && update.pod.metadata.deletionTimestamp === undefined && update.kill === undefined) {
          worker.restartRequested = true
          worker.pod = update.pod
        }
        return
      } else if (update.pod !== undefined) {
        worker.pod = update.pod
      }
      if (mustTerminate(worker, update)) beginTermination(worker, update)
      wake(worker)
    },
    refresh(pod) {
      const worker = workers.get(podUid(pod))
      if (worker?.pod !== undefined) worker.pod = pod
    },
    resync(uid) {
      const worker = workers.get(uid)
      if (worker !== undefined && worker.phase !== 'finished') wake(worker)
    },
    phase: (uid) => workers.get(uid)?.phase,
    couldHaveRunningContainers(uid) {
      const phase = workers.get(uid)?.phase
      return phase === 'sync' || phase === 'terminating'
    },
    isTerminating(uid) {
      const phase = workers.get(uid)?.phase
      return phase !== undefined && phase !== 'sync'
    },
    pod: (uid) => workers.get(uid)?.pod,
    list: () => [...workers.values()].map(({ ref }) => ref),
    reconcile(wanted) {
      for (const [uid, worker] of workers) {
        if (worker.phase === 'finished') {
          const again = worker.restartRequested ? worker.pod : undefined
          if (again === undefined && wanted.has(uid)) continue
          workers.delete(uid)
          if (again !== undefined) this.update({ pod: again })
        } else if (!wanted.has(uid) && worker.phase === 'sync') {
          beginTermination(worker, { kill: {} })
          wake(worker)
        }
      }
    },
    async stop() {
      stopped = true
      for (const worker of workers.values()) {
        worker.timer?.cancel()
        worker.controller?.abort(new Error('the kubelet stops'))
      }
      await Promise.all(active)
    },
  }
}

function graceOf(pod: Pod | undefined, kill: KillOptions | undefined): number | undefined {
  return kill?.graceSeconds ?? pod?.metadata.deletionGracePeriodSeconds ?? pod?.spec!.terminationGracePeriodSeconds
}
