import { findUntoleratedTaint, toleratesTaint } from '../../api/helpers/taints.ts'
import { type SchedulerPlugin, defaultNormalize, unresolvable } from '../framework.ts'

const refusal = unresolvable('node(s) had untolerated taint(s)')

/** NoSchedule and NoExecute taints refuse; PreferNoSchedule taints that are not tolerated cost score. */
export const taintToleration: SchedulerPlugin = {
  name: 'TaintToleration',
  events: [{ resource: 'Node', actions: ['Add', 'Update'] }],
  filter(_state, pod, node) {
    const taints = node.node!.spec?.taints
    if (taints === undefined || taints.length === 0) return undefined
    return findUntoleratedTaint(taints, pod.pod.spec?.tolerations, ['NoSchedule', 'NoExecute']) === undefined ? undefined : refusal
  },
  score(_state, pod, node) {
    let count = 0
    const tolerations = pod.pod.spec?.tolerations?.filter((t) => t.effect === undefined || t.effect === '' || t.effect === 'PreferNoSchedule')
    for (const taint of node.node!.spec?.taints ?? []) {
      if (taint.effect === 'PreferNoSchedule' && !toleratesTaint(tolerations, taint)) count++
    }
    return count
  },
  normalize(_state, _pod, _feasible, scores) {
    defaultNormalize(scores, true)
  },
}
