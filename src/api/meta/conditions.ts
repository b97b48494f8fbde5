/** Conditions of a status (apimachinery pkg/api/meta conditions). Values are new, never changed in place. */
export interface ConditionLike {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string | null
  observedGeneration?: number
}

export function findCondition<C extends { type: string }>(
  conditions: readonly C[] | undefined, type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type)
}

export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

export function isConditionFalse(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'False'
}

/**
 * The list with `condition` set. lastTransitionTime moves only when the status changes (to the condition's own, or
 * `now`, RFC 3339); the list itself comes back when nothing changes.
 */
export function setCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined, condition: C, now: string,
): readonly C[] {
  const list = conditions ?? []
  const at = list.findIndex((c) => c.type === condition.type)
  if (at < 0) return [...list, { ...condition, lastTransitionTime: condition.lastTransitionTime ?? now }]
  const old = list[at]!
  const moved = old.status !== condition.status
  const next = { ...old, ...condition, lastTransitionTime: moved ? condition.lastTransitionTime ?? now : old.lastTransitionTime }
  const same = !moved && old.reason === next.reason && old.message === next.message
    && old.observedGeneration === next.observedGeneration
  return same ? list : list.with(at, next)
}

/** The list without a type; the list itself when it is not there. */
export function removeCondition<C extends { type: string }>(
  conditions: readonly C[] | undefined, type: string,
): readonly C[] {
  const list = conditions ?? []
  return list.some((c) => c.type === type) ? list.filter((c) => c.type !== type) : list
}
