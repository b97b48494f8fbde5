/** The phase of a pod from its container statuses. Pure. Upstream: kubelet_pods.go getPhase. */
import type { ContainerStatus, Pod } from '../../api/generated/types/core-v1.ts'
import { restartingReason } from '../restart-all.ts'
import { type AnyContainer, containerShouldRestart, initContainers, isRestartableInit, isStaticPod, statusOf } from '../pod.ts'

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

interface Counts {
  running: number
  waiting: number
  unknown: number
  stopped: number
  stoppedForGood: number
  succeeded: number
  pendingInit: number
  pendingSidecars: number
  failedInit: boolean
}

/** `terminal`: its containers will not be started again, whatever the policy says. `hasStarted`: a regular container ran. */
export function podPhase(pod: Pod, statuses: readonly ContainerStatus[], terminal: boolean, hasStarted: boolean): Phase {
  const n = count(pod, statuses)
  if (n.failedInit) return 'Failed'
  if (n.pendingInit > 0 || (n.pendingSidecars > 0 && !hasStarted) || n.waiting > 0) return 'Pending'
  if (n.running > 0 && n.unknown === 0) return 'Running'
  if (n.running === 0 && n.stopped > 0 && n.unknown === 0) {
    const over = n.stopped === n.succeeded ? 'Succeeded' : 'Failed'
    if (terminal && !isStaticPod(pod)) return over
    return n.stopped === n.stoppedForGood ? over : 'Running'
  }
  return 'Pending'
}

function count(pod: Pod, statuses: readonly ContainerStatus[]): Counts {
  const n: Counts = {
    running: 0, waiting: 0, unknown: 0, stopped: 0, stoppedForGood: 0, succeeded: 0, pendingInit: 0, pendingSidecars: 0, failedInit: false,
  }
  const spec = pod.spec!
  const restartable = (container: AnyContainer, ended: { exitCode: number; reason?: string }) =>
    ended.reason === restartingReason || containerShouldRestart(container, spec, ended.exitCode)
  for (const container of initContainers(pod)) {
    const status = statusOf(statuses, container.name)
    const state = status?.state
    const ended = state?.terminated ?? (state?.waiting === undefined ? undefined : status?.lastState?.terminated)
    if (isRestartableInit(container)) {
      if (status === undefined) n.unknown++
      else if (state?.running !== undefined) {
        n.running++
        if (status.started !== true) n.pendingSidecars++
      } else if (ended === undefined) {
        n.pendingSidecars++
        if (state?.waiting !== undefined) n.waiting++
        else n.unknown++
      }
    } else if (ended === undefined) {
      n.pendingInit++
    } else if (ended.exitCode !== 0 && !restartable(container, ended)) {
      n.failedInit = true
    }
  }
  for (const container of spec.containers) {
    const status = statusOf(statuses, container.name)
    const state = status?.state
    const ended = state?.terminated ?? (state?.waiting === undefined ? undefined : status?.lastState?.terminated)
    if (state?.running !== undefined) n.running++
    else if (ended !== undefined) {
      n.stopped++
      if (!restartable(container, ended)) n.stoppedForGood++
      if (state?.terminated?.exitCode === 0) n.succeeded++
    } else if (state?.waiting !== undefined) n.waiting++
    else n.unknown++
  }
  return n
}
