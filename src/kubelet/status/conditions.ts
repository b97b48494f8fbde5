/** The conditions that the kubelet owns. Pure. Upstream: pkg/kubelet/status/generate.go. */
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../../api/generated/types/core-v1.ts'
import { findCondition } from '../../api/meta/conditions.ts'
import { initContainers, isRestartableInit, statusOf } from '../pod.ts'
import { allCouldRestart, isAllRemoved, restartingCondition, shouldAllRestart } from '../restart-all.ts'
import type { RuntimePod } from '../runtime/pod-status.ts'
import type { Phase } from './phase.ts'

const owned: ReadonlySet<string> = new Set([
  'PodScheduled', 'Ready', 'Initialized', 'ContainersReady', 'PodReadyToStartContainers', 'PodResizePending', 'PodResizeInProgress', 'AllContainersRestarting',
])

export function isOwnedByKubelet(type: string): boolean {
  return owned.has(type)
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>

export interface ConditionsInput {
  readonly pod: Pod
  readonly old: PodStatus
  readonly phase: Phase
  readonly initStatuses: readonly ContainerStatus[]
  readonly statuses: readonly ContainerStatus[]
  readonly sandboxReady: boolean
  readonly runtime: RuntimePod
  /** Conditions of others, for readiness gates. */
  readonly foreign: readonly PodCondition[]
}

/** All conditions of the new status; times are set where it is stored. */
export function podConditions(input: ConditionsInput): PodCondition[] {
  const observedGeneration = input.pod.metadata.generation
  const make = (type: string, verdict: Verdict): PodCondition => ({ type, ...(observedGeneration === undefined ? {} : { observedGeneration }), ...verdict })
  return [
    ...input.foreign,
    make('PodReadyToStartContainers', { status: input.sandboxReady ? 'True' : 'False' }),
    make('Initialized', initialized(input)),
    make('Ready', ready(input)),
    make('ContainersReady', containersReady(input)),
    make('PodScheduled', { status: 'True' }),
    ...(allCouldRestart(input.pod.spec!) ? [{ type: restartingCondition, ...restartingAll(input) }] : []),
  ]
}

function restartingAll({ pod, old, phase, runtime }: ConditionsInput): Verdict {
  if (phase === 'Succeeded' || phase === 'Failed') return terminal(phase)
  if (!shouldAllRestart(pod, runtime, old) || isAllRemoved(pod, runtime)) return { status: 'False' }
  return { status: 'True', reason: 'RestartAllContainersStarted', message: 'container exited with restart policy rule' }
}

function terminal(phase: Phase): Verdict {
  return { status: 'False', reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' }
}

/** Ready and ContainersReady when the phase is terminal. */
export function terminalConditions(conditions: readonly PodCondition[], phase: 'Failed' | 'Succeeded'): PodCondition[] {
  return conditions.map((condition) => {
    if (condition.type !== 'Ready' && condition.type !== 'ContainersReady') return condition
    if (condition.status === 'False') return condition
    const { message: _message, ...rest } = condition
    return { ...rest, ...terminal(phase) }
  })
}

function containersReady({ pod, phase, initStatuses, statuses }: ConditionsInput): Verdict {
  const unknown: string[] = []
  const unready: string[] = []
  const all = [...initStatuses, ...statuses]
  for (const container of [...initContainers(pod).filter(isRestartableInit), ...pod.spec!.containers]) {
    const status = statusOf(all, container.name)
    if (status === undefined) unknown.push(container.name)
    else if (!status.ready) unready.push(container.name)
  }
  if (phase === 'Failed' || (phase === 'Succeeded' && unknown.length === 0)) return terminal(phase)
  const messages = listed('unknown', unknown).concat(listed('unready', unready))
  if (messages.length > 0) return { status: 'False', reason: 'ContainersNotReady', message: messages.join(', ') }
  return { status: 'True' }
}

function listed(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`containers with ${what} status: [${names.join(' ')}]`]
}

function ready(input: ConditionsInput): Verdict {
  const verdict = containersReady(input)
  if (verdict.status !== 'True') return verdict
  const messages: string[] = []
  for (const { conditionType } of input.pod.spec!.readinessGates ?? []) {
    const condition = findCondition(input.foreign, conditionType)
    if (condition === undefined) messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    else if (condition.status !== 'True') messages.push(`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`)
  }
  return messages.length === 0 ? verdict : { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') }
}

function initialized({ pod, old, phase, initStatuses, statuses }: ConditionsInput): Verdict {
  const unknown: string[] = []
  const incomplete: string[] = []
  for (const container of initContainers(pod)) {
    const status = statusOf(initStatuses, container.name)
    if (status === undefined) unknown.push(container.name)
    else if (isRestartableInit(container) ? status.started !== true : !status.ready) incomplete.push(container.name)
  }
  if (phase === 'Succeeded' && unknown.length === 0) return { status: 'True', reason: 'PodCompleted' }
  const started = statuses.some(({ state }) => state?.running !== undefined || state?.terminated !== undefined)
  if (started) return { status: 'True' }
  const messages = listed('unknown', unknown).concat(listed('incomplete', incomplete))
  // Once initialized a pod stays so.
  if (messages.length === 0 || findCondition(old.conditions, 'Initialized')?.status === 'True') return { status: 'True' }
  return { status: 'False', reason: 'ContainersNotInitialized', message: messages.join(', ') }
}
