/** What `kubectl get pods` shows (upstream: printPod). */
import type { ContainerState, ContainerStatus, Pod } from '../../../api/generated/types/core-v1.ts'
import { isConditionTrue } from '../../../api/meta/conditions.ts'
import { ageOf, parseTime } from '../../../api/meta/time.ts'
import { ageColumn, nameColumn, text, wide } from '../columns.ts'
import type { Column } from '../define.ts'

interface Summary {
  readonly ready: string
  readonly reason: string
  readonly restarts: number
  /** When a container last ended before a restart, RFC 3339. */
  readonly lastRestart: string | undefined
}

const later = (a: string | undefined, b: string | null | undefined): string | undefined => {
  if (!b) return a
  return a === undefined || (parseTime(b) ?? 0) > (parseTime(a) ?? 0) ? b : a
}

const endReason = ({ terminated }: ContainerState, prefix: string): string => {
  if (terminated?.reason) return prefix + terminated.reason
  return terminated?.signal ? `${prefix}Signal:${terminated.signal}` : `${prefix}ExitCode:${terminated?.exitCode ?? 0}`
}

class Restarts {
  count = 0
  last: string | undefined
  add(status: ContainerStatus): void {
    this.count += status.restartCount ?? 0
    this.last = later(this.last, status.lastState?.terminated?.finishedAt)
  }
}

interface Initial {
  readonly reason: string | undefined
  readonly ready: number
  readonly all: Restarts
  readonly sidecars: Restarts
}

function initialContainers(pod: Pod): Initial {
  const containers = pod.spec?.initContainers ?? []
  const isSidecar = (name: string): boolean => containers.some((c) => c.name === name && c.restartPolicy === 'Always')
  const all = new Restarts()
  const sidecars = new Restarts()
  let ready = 0
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(status.name)
    const { terminated, waiting } = status.state ?? {}
    all.add(status)
    if (sidecar) sidecars.add(status)
    if (terminated !== undefined && !terminated.exitCode) continue
    if (sidecar && status.started) {
      if (status.ready) ready++
      continue
    }
    const reason = terminated !== undefined ? endReason(status.state!, 'Init:')
      : waiting?.reason && waiting.reason !== 'PodInitializing' ? `Init:${waiting.reason}`
        : `Init:${index}/${containers.length}`
    return { reason, ready, all, sidecars }
  }
  return { reason: undefined, ready, all, sidecars }
}

function mainContainers(pod: Pod, reason: string, restarts: Restarts): { reason: string; ready: number } {
  let ready = 0
  let errorReason = ''
  for (const status of [...pod.status?.containerStatuses ?? []].reverse()) {
    restarts.add(status)
    const state = status.state ?? {}
    if (state.waiting?.reason) reason = state.waiting.reason
    else if (state.terminated !== undefined) {
      reason = endReason(state, '')
      if (state.terminated.exitCode) errorReason = reason
    } else if (status.ready && state.running !== undefined) ready++
  }
  if (reason !== 'Completed') return { reason, ready }
  if (ready > 0 && isConditionTrue(pod.status?.conditions, 'Ready')) return { reason: 'Running', ready }
  return { reason: errorReason || (ready > 0 ? 'NotReady' : reason), ready }
}

function deletionReason(pod: Pod, reason: string): string {
  if (!pod.metadata.deletionTimestamp) return reason
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  return ended ? reason : 'Terminating'
}

/** Containers ready, the one-word state and the restarts of a pod. */
export function podSummary(pod: Pod): Summary {
  const { status, spec } = pod
  const gated = status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')
  const initial = initialContainers(pod)
  let reason = initial.reason ?? (gated ? 'SchedulingGated' : status?.reason || status?.phase || '')
  let { ready } = initial
  let restarts = initial.all
  if (initial.reason === undefined || isConditionTrue(status?.conditions, 'Initialized')) {
    restarts = initial.sidecars
    const main = mainContainers(pod, reason, restarts)
    reason = main.reason
    ready += main.ready
  }
  const total = (spec?.containers?.length ?? 0) + (spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').length
  return { ready: `${ready}/${total}`, reason: deletionReason(pod, reason), restarts: restarts.count, lastRestart: restarts.last }
}

function restartsText(pod: Pod, now: Date): string {
  const { restarts, lastRestart } = podSummary(pod)
  return restarts !== 0 && lastRestart !== undefined ? `${restarts} (${ageOf(lastRestart, now)} ago)` : String(restarts)
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  const open = gates.filter((g) => isConditionTrue(pod.status?.conditions, g.conditionType))
  return `${open.length}/${gates.length}`
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn(),
  text('Ready', (pod) => podSummary(pod).ready),
  text('Status', (pod) => podSummary(pod).reason),
  text('Restarts', restartsText),
  ageColumn(),
  wide('IP', (pod) => pod.status?.podIPs?.[0]?.ip || '<none>'),
  wide('Node', (pod) => pod.spec?.nodeName || '<none>'),
  wide('Nominated Node', (pod) => pod.status?.nominatedNodeName || '<none>'),
  wide('Readiness Gates', readinessGates),
]
