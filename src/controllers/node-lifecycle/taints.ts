/** Taints that follow from a node's conditions (upstream: doNoScheduleTaintingPass, processTaintBaseEviction). Pure. */
import type { Node, Taint } from '../../api/generated/types/core-v1.ts'
import { sameTaint } from '../../api/helpers/taints.ts'
import { formatTime } from '../../api/meta/time.ts'

export const notReadyTaint: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }
export const unreachableTaint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }
const unschedulableKey = 'node.kubernetes.io/unschedulable'

const keysByCondition: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: notReadyTaint.key, Unknown: unreachableTaint.key },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
}
const ownKeys: ReadonlySet<string> = new Set([unschedulableKey, ...Object.values(keysByCondition).flatMap((keys) => Object.values(keys))])

/** The node's taints with those of effect NoSchedule as its conditions say; undefined when they are so already. */
export function conditionTaints(node: Node, now: number): Taint[] | undefined {
  const keys = (node.status?.conditions ?? []).flatMap(({ type, status }) => keysByCondition[type]?.[status] ?? [])
  if (node.spec?.unschedulable === true) keys.push(unschedulableKey)
  const wanted = keys.map((key): Taint => ({ key, effect: 'NoSchedule' }))
  const current = node.spec?.taints ?? []
  const surplus = current.filter((taint) => taint.effect === 'NoSchedule' && ownKeys.has(taint.key) && !wanted.some((one) => sameTaint(one, taint)))
  return swapTaints(node, wanted, surplus, now)
}

/** The node's taints with some added and some taken off; undefined when nothing changes. */
export function swapTaints(node: Node, add: readonly Taint[], remove: readonly Taint[], now: number): Taint[] | undefined {
  const current = node.spec?.taints ?? []
  const kept = current.filter((taint) => !remove.some((one) => sameTaint(one, taint)))
  const missing = add.filter((taint) => !kept.some((one) => sameTaint(one, taint)))
  if (missing.length === 0 && kept.length === current.length) return undefined
  return [...kept, ...missing.map((taint) => ({ ...taint, timeAdded: formatTime(now) }))]
}

export const hasTaint = (node: Node, taint: Taint): boolean => node.spec?.taints?.some((one) => sameTaint(one, taint)) ?? false
