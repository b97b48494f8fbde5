/** Which pods' eviction would break a disruption budget. */
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import { type PodInfo, labelMatcher } from '../snapshot.ts'

/**
 * Answers for one pod after the other whether evicting it, after all that were asked about before, breaks a budget. `all`
 * false: the budgets behind the first broken one are not charged (upstream counts groups so, and single pods the other way).
 */
export function budgetCheck(budgets: readonly PodDisruptionBudget[], all: boolean): (pod: PodInfo) => boolean {
  const compiled = budgets.map((budget) => ({
    budget, allowed: budget.status?.disruptionsAllowed ?? 0,
    matches: isEmpty(budget.spec?.selector) ? () => false : labelMatcher(budget.spec?.selector),
  }))
  return (pod) => {
    if (Object.keys(pod.labels).length === 0) return false
    let breaks = false
    for (const entry of compiled) {
      const { budget } = entry
      if (budget.metadata.namespace !== pod.namespace || !entry.matches(pod.labels)) continue
      if (budget.status?.disruptedPods?.[pod.pod.metadata.name!] !== undefined) continue
      if (--entry.allowed >= 0) continue
      breaks = true
      if (!all) return true
    }
    return breaks
  }
}

function isEmpty(selector: { matchLabels?: object; matchExpressions?: unknown[] } | undefined): boolean {
  return selector === undefined || (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)
}
