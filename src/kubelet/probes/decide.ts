/** What a probe's worker does at a tick. Pure. Upstream: pkg/kubelet/prober/worker.go doProbe. */
import type { ContainerStatus, Pod, PodStatus, Probe } from '../../api/generated/types/core-v1.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { ProbeResult } from '../actions.ts'
import { type AnyContainer, containerShouldRestart, isTerminalPhase, statusOf } from '../pod.ts'
import { shouldAllRestart } from '../restart-all.ts'
import { parseContainerId } from '../status/containers.ts'
import type { ProbeType } from './prober.ts'

/** A worker's memory. */
export interface ProbeState {
  /** Container that the results are about. */
  containerId: string
  /** After a verdict: wait for the next container. */
  onHold: boolean
  last: ProbeResult | undefined
  /** How often in a row. */
  run: number
}

export type Decision =
  | { readonly do: 'wait' }
  | { readonly do: 'stop' }
  | { readonly do: 'probe'; readonly podIp: string }

export interface TickInput {
  readonly type: ProbeType
  readonly probe: Probe
  readonly pod: Pod
  readonly container: AnyContainer
  readonly status: PodStatus | undefined
  readonly now: number
  readonly kubeletStartedAt: number
}

/** Changes `state`; results that follow from the status alone are given to `set` (undefined: forget). */
export function decide(input: TickInput, state: ProbeState, set: (containerId: string, result: ProbeResult | undefined) => void): Decision {
  const { type, probe, pod, container, status, now } = input
  if (status === undefined) return { do: 'wait' }
  if (isTerminalPhase(status.phase)) return { do: 'stop' }
  const own = find(status, container.name)
  const id = parseContainerId(own?.containerID)
  if (own === undefined || id === '') return { do: 'wait' }
  const startedAt = parseTime(own.state?.running?.startedAt ?? '')
  if (state.containerId !== id) {
    if (state.containerId !== '') set(state.containerId, undefined)
    Object.assign(state, { containerId: id, onHold: false, last: undefined, run: 0 })
    // A container of an earlier kubelet keeps what was reported of it until its probe has run.
    const inherited = startedAt !== undefined && startedAt < input.kubeletStartedAt
    const initial = initialResult(type)
    if (!inherited && initial !== undefined) set(id, initial)
  }
  if (state.onHold) return { do: 'wait' }
  if (own.state?.running === undefined) {
    set(id, 'failure')
    const ended = own.state?.terminated
    const again = ended === undefined || containerShouldRestart(container, pod.spec!, ended.exitCode) || shouldAllRestart(pod, undefined, status)
    return again ? { do: 'wait' } : { do: 'stop' }
  }
  if (pod.metadata.deletionTimestamp !== undefined && type !== 'Readiness') {
    set(id, 'success')
    return { do: 'stop' }
  }
  if (startedAt !== undefined && Math.floor((now - startedAt) / 1000) < (probe.initialDelaySeconds ?? 0)) return { do: 'wait' }
  // The startup probe rules until the container has started, the others after.
  if ((own.started === true) === (type === 'Startup')) return { do: 'wait' }
  return { do: 'probe', podIp: status.podIP ?? '' }
}

function find(status: PodStatus, name: string): ContainerStatus | undefined {
  const own = statusOf(status.containerStatuses, name)
  return own !== undefined && (own.containerID ?? '') !== '' ? own : statusOf(status.initContainerStatuses, name)
}

function initialResult(type: ProbeType): ProbeResult | undefined {
  return type === 'Liveness' ? 'success' : type === 'Readiness' ? 'failure' : undefined
}

/** Counts a result. Answers it when it has come often enough to count. */
export function count(type: ProbeType, probe: Probe, state: ProbeState, result: ProbeResult): ProbeResult | undefined {
  state.run = state.last === result ? state.run + 1 : 1
  state.last = result
  const needed = result === 'failure' ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1)
  if (state.run < needed) return undefined
  if ((type === 'Liveness' && result === 'failure') || type === 'Startup') {
    state.onHold = true
    state.run = 0
  }
  return result
}
