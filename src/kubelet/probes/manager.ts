/** Workers for the probes of all containers and the results they have come to. Upstream: pkg/kubelet/prober/prober_manager.go. */
import type { Env, Task } from '../../base/env.ts'
import type { Pod, PodStatus, Probe } from '../../api/generated/types/core-v1.ts'
import type { ProbeResult, ProbeVerdicts } from '../actions.ts'
import type { RuntimeService } from '../cri/contract.ts'
import type { HostNetwork } from '../host/contract.ts'
import { type AnyContainer, initContainers, isRestartableInit, podUid } from '../pod.ts'
import type { EmitContainerEvent } from '../runtime/kill.ts'
import type { ProbeView } from '../status/generate.ts'
import { type ProbeState, count, decide } from './decide.ts'
import { type ProbeType, runProbe } from './prober.ts'

export interface ProbeManagerEnv extends Env {
  readonly runtime: RuntimeService
  readonly network: HostNetwork
  readonly emit: EmitContainerEvent
  readonly kubeletStartedAt: number
  status(uid: string): PodStatus | undefined
  /** A verdict changed: the pod is to be looked at. */
  onResult(uid: string, type: ProbeType, result: ProbeResult): void
}

export interface ProbeManager extends ProbeVerdicts {
  /** Starts the workers that are missing, and gives all the newest pod. */
  add(pod: Pod): void
  /** Ends all of a pod. */
  remove(uid: string): void
  /** The pod is going: only readiness still counts. */
  stopLivenessAndStartup(uid: string): void
  /** Probes readiness now rather than at the next tick. */
  nudge(uid: string): void
  view(uid: string): ProbeView
}

interface Worker {
  readonly type: ProbeType
  readonly name: string
  pod: Pod
  readonly state: ProbeState
  task: Task | undefined
  wake: (() => void) | undefined
}

const probeFields = { Startup: 'startupProbe', Liveness: 'livenessProbe', Readiness: 'readinessProbe' } as const
/** Prometheus' own. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const types: readonly ProbeType[] = ['Startup', 'Liveness', 'Readiness']

export function createProbeManager(env: ProbeManagerEnv): ProbeManager {
  const workers = new Map<string, Map<string, Worker>>()
  const results: Record<ProbeType, Map<string, ProbeResult>> = { Startup: new Map(), Liveness: new Map(), Readiness: new Map() }
  const counted = env.metrics.counter('prober_probe_total', 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
    ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'])
  const took = env.metrics.histogram('prober_probe_duration_seconds', 'Duration in seconds for a probe response.', buckets, ['probe_type', 'container', 'pod', 'namespace'])

  function set(worker: Worker, containerId: string, result: ProbeResult | undefined): void {
    const map = results[worker.type]
    if (result === undefined) return void map.delete(containerId)
    if (map.get(containerId) === result) return
    map.set(containerId, result)
    env.onResult(podUid(worker.pod), worker.type, result)
  }

  async function run(worker: Worker, container: AnyContainer, signal: AbortSignal): Promise<void> {
    const probe = container[probeFields[worker.type]]!
    const periodMs = (probe.periodSeconds ?? 10) * 1000
    // After a restart of the kubelet the probes of all its pods would come at once.
    if (env.clock.now() - env.kubeletStartedAt < periodMs) await env.clock.sleep(env.random.next() * Math.min(periodMs, 1000), signal)
    while (!signal.aborted) {
      const began = env.clock.monotonic()
      if (!(await tick(worker, container, probe, signal))) return
      await pause(worker, Math.max(0, periodMs - (env.clock.monotonic() - began)), signal)
    }
  }

  /** Answers whether to go on. */
  async function tick(worker: Worker, container: AnyContainer, probe: Probe, signal: AbortSignal): Promise<boolean> {
    const { type, pod, state } = worker
    const input = { type, probe, pod, container, status: env.status(podUid(pod)), now: env.clock.now(), kubeletStartedAt: env.kubeletStartedAt }
    const decision = decide(input, state, (id, result) => set(worker, id, result))
    if (decision.do !== 'probe') return decision.do === 'wait'
    const { containerId } = state
    const asked = env.clock.monotonic()
    const outcome = await runProbe(type, probe, { container, containerId, podIp: decision.podIp }, env.runtime, env.network, signal)
    const labels = { container: container.name, pod: pod.metadata.name!, namespace: pod.metadata.namespace! }
    took.observe((env.clock.monotonic() - asked) / 1000, { probe_type: type, ...labels })
    counted.inc({
      probe_type: type, result: outcome.errored === true ? 'unknown' : outcome.result === 'success' ? 'successful' : 'failed',
      ...labels, pod_uid: podUid(pod),
    })
    if (outcome.event !== undefined) env.emit(worker.pod, container.name, 'Warning', outcome.event.reason, outcome.event.message)
    if (outcome.errored === true) return true
    const verdict = count(type, probe, state, outcome.result)
    if (verdict !== undefined) set(worker, containerId, verdict)
    return true
  }

  async function pause(worker: Worker, ms: number, signal: AbortSignal): Promise<void> {
    const nudged = new AbortController()
    worker.wake = () => nudged.abort(new Error('probe at once'))
    try {
      await env.clock.sleep(ms, AbortSignal.any([signal, nudged.signal]))
    } catch (error) {
      if (signal.aborted) throw error
    } finally {
      worker.wake = undefined
    }
  }

  function start(pod: Pod, container: AnyContainer, type: ProbeType, own: Map<string, Worker>): void {
    const key = `${container.name}/${type}`
    const known = own.get(key)
    if (known !== undefined) {
      known.pod = pod
      return
    }
    const worker: Worker = { type, name: container.name, pod, state: { containerId: '', onHold: false, last: undefined, run: 0 }, task: undefined, wake: undefined }
    own.set(key, worker)
    worker.task = env.tasks.go(`probe ${type} ${pod.metadata.namespace}/${pod.metadata.name}/${container.name}`, (signal) => run(worker, container, signal))
  }

  function stop(own: Map<string, Worker>, key: string, worker: Worker): void {
    own.delete(key)
    results[worker.type].delete(worker.state.containerId)
    void worker.task?.stop()
  }

  return {
    add(pod) {
      const uid = podUid(pod)
      const probed = [...pod.spec!.containers, ...initContainers(pod).filter(isRestartableInit)]
      for (const container of probed) {
        for (const type of types) {
          if (container[probeFields[type]] === undefined) continue
          const own = workers.get(uid) ?? new Map<string, Worker>()
          workers.set(uid, own)
          start(pod, container, type, own)
        }
      }
    },
    remove(uid) {
      const own = workers.get(uid)
      for (const [key, worker] of own ?? []) stop(own!, key, worker)
      workers.delete(uid)
    },
    stopLivenessAndStartup(uid) {
      const own = workers.get(uid)
      for (const [key, worker] of own ?? []) if (worker.type !== 'Readiness') stop(own!, key, worker)
    },
    nudge(uid) {
      for (const worker of workers.get(uid)?.values() ?? []) if (worker.type === 'Readiness') worker.wake?.()
    },
    liveness: (id) => results.Liveness.get(id),
    startup: (id) => results.Startup.get(id),
    view: (uid) => ({
      startup: (id) => results.Startup.get(id),
      readiness: (id) => results.Readiness.get(id),
      hasStartup: (name) => workers.get(uid)?.has(`${name}/Startup`) === true,
      hasReadiness: (name) => workers.get(uid)?.has(`${name}/Readiness`) === true,
    }),
  }
}
