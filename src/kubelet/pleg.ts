/**
 * Tells which pods changed in the runtime: by its events where it sends them, else by looking each second.
 * Upstream: pkg/kubelet/pleg (generic and evented).
 */
import type { Clock, Logger, Metrics, Tasks } from '../base/env.ts'
import { type Container, CriError, type RuntimeService, type Sandbox } from './cri/contract.ts'
import { rpcCode } from './rpc/error.ts'
import { containerNameLabel, podUidLabel, readSandboxPod } from './runtime/labels.ts'
import type { RuntimePod } from './runtime/pod-status.ts'
import type { PodRef } from './pod-workers.ts'

export interface Pleg {
  start(): void
  /** What a sync has seen needs no telling. */
  observe(pod: RuntimePod): void
  /** Pods that the runtime has, as of the last look. */
  runtimePods(): readonly PodRef[]
  /** Those of which a sandbox or a container lives. */
  runningPods(): PodRef[]
  /** The runtime has nothing of the pod: it was looked at, and only this kubelet could have made something since. */
  hasNothingOf(uid: string): boolean
  /** What the last look found, if it is no older than so many ms. */
  seen(maxAgeMs: number): RuntimeLists | undefined
  /** ms (monotonic) of the last look that was answered; undefined: none yet. */
  lastRelist(): number | undefined
}

export interface RuntimeLists {
  readonly sandboxes: readonly Sandbox[]
  readonly containers: readonly Container[]
}

export interface PlegEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly tasks: Tasks
  readonly metrics: Metrics
  readonly runtime: RuntimeService
  readonly periodMs: number
  onChange(uid: string): void
  /** The runtime answers again. */
  onRecovered(): void
}

const living: ReadonlySet<string> = new Set(['SANDBOX_READY', 'CONTAINER_RUNNING', 'CONTAINER_CREATED'])
/** Between looks while events come. */
const periodWithEventsMs = 10_000
const eventsRetryMs = 5000
/** Prometheus' own. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function createPleg(env: PlegEnv): Pleg {
  const { clock, runtime } = env
  let known = new Map<string, Map<string, string>>()
  let pods: PodRef[] = []
  let last: number | undefined
  let lists: RuntimeLists | undefined
  let evented = false
  const relistTook = env.metrics.histogram('kubelet_pleg_relist_duration_seconds', 'Duration in seconds for relisting pods in PLEG.', buckets)
  const relistInterval = env.metrics.histogram('kubelet_pleg_relist_interval_seconds', 'Interval in seconds between relisting in PLEG.', buckets)
  const runningPods = env.metrics.gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox')
  const runningContainers = env.metrics.gauge('kubelet_running_containers', 'Number of containers currently running', ['container_state'])

  function count(began: number, sandboxes: readonly Sandbox[], containers: readonly Container[]): void {
    relistTook.observe((clock.monotonic() - began) / 1000)
    if (last !== undefined) relistInterval.observe((began - last) / 1000)
    runningPods.set(new Set(sandboxes.filter(({ state }) => state === 'SANDBOX_READY').map(({ metadata }) => metadata.uid)).size)
    for (const state of ['created', 'running', 'exited', 'unknown']) {
      runningContainers.set(containers.filter((container) => container.state === `CONTAINER_${state.toUpperCase()}`).length, { container_state: state })
    }
  }

  async function relist(): Promise<void> {
    const began = clock.monotonic()
    const [sandboxes, containers] = await Promise.all([runtime.listPodSandbox(), runtime.listContainers()])
    count(began, sandboxes, containers)
    const next = new Map<string, Map<string, string>>()
    const refs = new Map<string, PodRef>()
    const put = (uid: string, id: string, state: string) => {
      const states = next.get(uid) ?? new Map<string, string>()
      next.set(uid, states.set(id, state))
    }
    for (const sandbox of sandboxes) {
      const ref = readSandboxPod(sandbox)
      if (ref === undefined) continue
      refs.set(ref.uid, ref)
      put(ref.uid, sandbox.id, sandbox.state)
    }
    for (const { id, labels, state } of containers) {
      const uid = labels[podUidLabel]
      if (uid !== undefined && labels[containerNameLabel] !== undefined) put(uid, id, state)
    }
    const before = known
    known = next
    lists = { sandboxes, containers }
    pods = [...refs.values()]
    last = clock.monotonic()
    for (const uid of new Set([...before.keys(), ...next.keys()])) if (!equal(before.get(uid), next.get(uid))) env.onChange(uid)
  }

  async function relistLoop(signal: AbortSignal): Promise<void> {
    let failing = false
    while (!signal.aborted) {
      try {
        await relist()
        if (failing) env.onRecovered()
        failing = false
      } catch (error) {
        failing = true
        env.log.warn('the runtime did not list its pods', { error })
      }
      await clock.sleep(evented ? Math.max(periodWithEventsMs, env.periodMs) : env.periodMs, signal)
    }
  }

  async function eventLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of runtime.containerEvents(signal)) {
          evented = true
          if (event.podUid !== undefined) env.onChange(event.podUid)
          else await relist()
        }
      } catch (error) {
        if (error instanceof CriError && error.code === rpcCode.unimplemented) return
        env.log.debug('the runtime ended its events', { error })
      }
      evented = false
      await clock.sleep(eventsRetryMs, signal)
    }
  }

  return {
    start() {
      env.tasks.go('pleg', relistLoop)
      env.tasks.go('pleg events', eventLoop)
    },
    observe(pod) {
      const states = new Map<string, string>()
      for (const { id, state } of pod.sandboxes) states.set(id, state)
      for (const { id, state } of pod.containers) states.set(id, `CONTAINER_${state.toUpperCase()}`)
      if (states.size > 0) known.set(pod.uid, states)
      else known.delete(pod.uid)
    },
    runtimePods: () => pods,
    runningPods: () => pods.filter(({ uid }) => [...(known.get(uid)?.values() ?? [])].some((state) => living.has(state))),
    hasNothingOf: (uid) => last !== undefined && !known.has(uid),
    seen: (maxAgeMs) => (last !== undefined && clock.monotonic() - last <= maxAgeMs ? lists : undefined),
    lastRelist: () => last,
  }
}

function equal(a: ReadonlyMap<string, string> | undefined, b: ReadonlyMap<string, string> | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.size !== b.size) return false
  for (const [id, state] of a) if (b.get(id) !== state) return false
  return true
}
