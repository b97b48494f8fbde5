/** Which pods go first when there are too many (upstream: controller_utils.go ActivePodsWithRanks). */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { isPodActive, isPodReady, podCondition } from '../../api/helpers/pod-conditions.ts'
import { parseTime } from '../../api/meta/time.ts'

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

/**
 * The `count` pods to delete. Pods that do least go first: unassigned, pending, not ready, cheap by
 * controller.kubernetes.io/pod-deletion-cost, on nodes with many of `related`, young (by powers of two), restarting.
 */
export function podsToDelete(candidates: readonly Pod[], related: readonly Pod[], count: number, now: number): Pod[] {
  if (count >= candidates.length) return [...candidates]
  const onNode = new Map<string, number>()
  for (const pod of related) {
    if (!isPodActive(pod)) continue
    const node = pod.spec?.nodeName ?? ''
    onNode.set(node, (onNode.get(node) ?? 0) + 1)
  }
  const ranked = candidates.map((pod) => rank(pod, onNode.get(pod.spec?.nodeName ?? '') ?? 0, now))
  ranked.sort(compareRanked)
  return ranked.slice(0, count).map(({ pod }) => pod)
}

interface Ranked {
  pod: Pod
  assigned: boolean
  phase: number
  ready: boolean
  cost: number
  neighbours: number
  readyAt: number | undefined
  readyAge: number
  createdAt: number | undefined
  createdAge: number
  restarts: readonly [regular: number, sidecar: number]
}

function rank(pod: Pod, neighbours: number, now: number): Ranked {
  const ready = isPodReady(pod)
  const transition = ready ? podCondition(pod, 'Ready')?.lastTransitionTime : undefined
  const readyAt = transition === undefined || transition === null ? undefined : parseTime(transition)
  const created = pod.metadata.creationTimestamp
  const createdAt = created === undefined || created === null ? undefined : parseTime(created)
  return {
    pod, ready, neighbours, readyAt, createdAt,
    assigned: (pod.spec?.nodeName ?? '') !== '',
    phase: phaseOrder[pod.status?.phase ?? ''] ?? 0,
    cost: deletionCost(pod),
    readyAge: logarithmicAge(readyAt, now),
    createdAge: logarithmicAge(createdAt, now),
    restarts: maxRestarts(pod),
  }
}

function compareRanked(a: Ranked, b: Ranked): number {
  if (a.assigned !== b.assigned) return a.assigned ? 1 : -1
  if (a.phase !== b.phase) return a.phase - b.phase
  if (a.ready !== b.ready) return a.ready ? 1 : -1
  if (a.cost !== b.cost) return a.cost - b.cost
  if (a.neighbours !== b.neighbours) return b.neighbours - a.neighbours
  if (a.ready && a.readyAt !== b.readyAt) return compareAges(a, b, a.readyAt, b.readyAt, a.readyAge, b.readyAge)
  if (a.restarts[0] !== b.restarts[0]) return b.restarts[0] - a.restarts[0]
  if (a.restarts[1] !== b.restarts[1]) return b.restarts[1] - a.restarts[1]
  if (a.createdAt !== b.createdAt) return compareAges(a, b, a.createdAt, b.createdAt, a.createdAge, b.createdAge)
  return 0
}

function compareAges(a: Ranked, b: Ranked, at: number | undefined, bt: number | undefined, ageA: number, ageB: number): number {
  if (at === undefined || bt === undefined) return at === undefined ? -1 : 1
  if (ageA !== ageB) return ageA - ageB
  const [left = '', right = ''] = [a.pod.metadata.uid, b.pod.metadata.uid]
  return left < right ? -1 : 1
}

/** Ages count by powers of two of nanoseconds, so that pods of about the same age are chosen among by chance. */
function logarithmicAge(time: number | undefined, now: number): number {
  const age = time === undefined ? 0 : (now - time) * 1e6
  return age > 0 ? Math.trunc(Math.log2(age)) : -1
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost']
  return text !== undefined && /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0
}

function maxRestarts(pod: Pod): readonly [number, number] {
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name))
  const max = (counts: number[]): number => counts.reduce((most, count) => Math.max(most, count), 0)
  return [
    max((pod.status?.containerStatuses ?? []).map((status) => status.restartCount)),
    max((pod.status?.initContainerStatuses ?? []).filter((s) => sidecars.has(s.name)).map((status) => status.restartCount)),
  ]
}
