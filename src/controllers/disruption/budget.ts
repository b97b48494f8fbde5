/** How many pods of a budget may be disrupted now (upstream: pkg/controller/disruption). Pure. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/types/policy-v1.ts'
import { isPodReady } from '../../api/helpers/pod-conditions.ts'
import { setCondition } from '../../api/meta/conditions.ts'
import { scaledCount } from '../../api/meta/int-or-string.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { equalJson } from '../../client/copy.ts'

/** A pod whose eviction was allowed is expected to be gone after this long. */
export const deletionTimeoutMs = 120_000

export interface Expectation {
  readonly expectedPods: number
  readonly desiredHealthy: number
}

/** Whether the wanted number of the pods' owners has to be known. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string'
}

/** `scale` is the sum of what the pods' controllers want. Throws IntOrStringError for a value that is neither. */
export function expectation({ spec }: PodDisruptionBudget, count: number, scale: number): Expectation {
  if (spec?.maxUnavailable !== undefined) {
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - scaledCount(spec.maxUnavailable, scale, true)) }
  }
  if (spec?.minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 }
  if (typeof spec.minAvailable === 'number') return { expectedPods: count, desiredHealthy: spec.minAvailable }
  return { expectedPods: scale, desiredHealthy: scaledCount(spec.minAvailable, scale, true) }
}

export interface BudgetVerdict {
  readonly status: PodDisruptionBudgetStatus
  /** Pods that were to be gone by now. */
  readonly overdue: readonly Pod[]
  readonly recheckMs: number | undefined
}

export function judgeBudget(budget: PodDisruptionBudget, pods: readonly Pod[], expected: Expectation, now: number): BudgetVerdict {
  const alive = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const disrupted: Record<string, string> = {}
  const overdue: Pod[] = []
  let recheckAt = Infinity
  for (const pod of alive) {
    const name = pod.metadata.name ?? ''
    const since = budget.status?.disruptedPods?.[name]
    if (since === undefined) continue
    const due = (parseTime(since) ?? 0) + deletionTimeoutMs
    if (due < now) overdue.push(pod)
    else {
      disrupted[name] = since
      recheckAt = Math.min(recheckAt, due)
    }
  }
  const currentHealthy = alive.filter((pod) => disrupted[pod.metadata.name ?? ''] === undefined && isPodReady(pod)).length
  const { expectedPods, desiredHealthy } = expected
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy)
  const condition = {
    type: 'DisruptionAllowed', status: disruptionsAllowed > 0 ? 'True' : 'False',
    reason: disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods', message: '',
    observedGeneration: budget.metadata.generation ?? 0, lastTransitionTime: formatTime(now),
  }
  return {
    overdue, recheckMs: recheckAt === Infinity ? undefined : recheckAt - now,
    status: {
      ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
      observedGeneration: budget.metadata.generation ?? 0, disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods,
      conditions: [...setCondition(budget.status?.conditions, condition, formatTime(now))],
    },
  }
}

/** The status after a look that failed: nothing may be disrupted until it is known better. */
export function failSafeStatus(budget: PodDisruptionBudget, why: string, now: number): PodDisruptionBudgetStatus {
  const before = budget.status ?? { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }
  const condition = {
    type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: why,
    observedGeneration: before.observedGeneration, lastTransitionTime: formatTime(now),
  }
  return { ...before, disruptionsAllowed: 0, conditions: [...setCondition(before.conditions, condition, formatTime(now))] }
}

export const sameStatus = (a: PodDisruptionBudgetStatus, b: PodDisruptionBudgetStatus | undefined): boolean => equalJson(a, b)
