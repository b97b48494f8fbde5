/** When a pod has to leave a tainted node (upstream: pkg/controller/tainteviction). Pure. */
import type { Pod, Taint, Toleration } from '../../api/generated/types/core-v1.ts'
import { tolerates } from '../../api/helpers/taints.ts'

/**
 * How long the pod may stay on a node with these NoExecute taints, in ms: 0 not at all, Infinity for ever. A toleration
 * counts when it tolerates some taint; the shortest of those that name a time decides.
 */
export function toleratedMs(taints: readonly Taint[], tolerations: readonly Toleration[] | undefined): number {
  const used = new Set<Toleration>()
  for (const taint of taints) {
    const matching = (tolerations ?? []).find((toleration) => tolerates(toleration, taint))
    if (matching === undefined) return 0
    used.add(matching)
  }
  const times = [...used].flatMap(({ tolerationSeconds }) => (tolerationSeconds === undefined || tolerationSeconds === null ? [] : [tolerationSeconds]))
  return times.length === 0 ? Infinity : Math.max(0, Math.min(...times)) * 1000
}

export const noExecuteTaints = (taints: readonly Taint[] | undefined): Taint[] => (taints ?? []).filter(({ effect }) => effect === 'NoExecute')

/** The pod's conditions with the reason why it goes. */
export function disruptedConditions(pod: Pod, reason: string, message: string, now: string): NonNullable<NonNullable<Pod['status']>['conditions']> {
  const conditions = pod.status?.conditions ?? []
  const old = conditions.find(({ type }) => type === 'DisruptionTarget')
  const { generation } = pod.metadata
  const next = {
    type: 'DisruptionTarget', status: 'True', reason, message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: old?.status === 'True' ? old.lastTransitionTime : now,
  }
  return [...conditions.filter((condition) => condition !== old), next]
}
