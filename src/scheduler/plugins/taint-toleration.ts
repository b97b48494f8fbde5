import type { Node, Pod, Toleration } from '../../api/generated/types/core-v1.ts'
import { type TaintOptions, findUntoleratedTaint, toleratesTaint } from '../../api/helpers/taints.ts'
import { type PluginDefinition, type Verdict, defaultNormalize, unresolvable } from '../framework.ts'

const name = 'TaintToleration'
export const hardEffects: readonly string[] = ['NoSchedule', 'NoExecute']
/** Operators that compare numbers are an alpha feature that is off by default. */
export const taintOptions: TaintOptions = { comparisonOperators: false }

/** NoSchedule and NoExecute taints refuse; PreferNoSchedule taints that are not tolerated cost score. */
export const taintToleration: PluginDefinition = {
  name,
  create: () => ({
    name,
    local: true,
    events: [
      {
        resource: 'Node', actions: ['Add', 'UpdateNodeTaint'],
        hint(pod, { object, old }) {
          const untolerated = (node: Node) => findUntoleratedTaint(node.spec?.taints, pod.spec?.tolerations, hardEffects, taintOptions) !== undefined
          return !untolerated(object as Node) && (old === undefined || untolerated(old as Node))
        },
      },
      { resource: 'Pod', actions: ['UpdatePodToleration'], hint: (pod, { object }) => pod.metadata.uid === (object as Pod).metadata.uid },
    ],
    filter(_state, pod, node): Verdict | undefined {
      const taints = node.node!.spec?.taints
      if (taints === undefined || taints.length === 0) return undefined
      const taint = findUntoleratedTaint(taints, pod.pod.spec?.tolerations, hardEffects, taintOptions)
      return taint === undefined ? undefined : untoleratedTaint
    },
    preScore(state, { pod }) {
      const soft = pod.spec?.tolerations?.filter((t) => t.effect === undefined || t.effect === '' || t.effect === 'PreferNoSchedule')
      state.data.set(name, soft ?? [])
      return false
    },
    score(state, _pod, node) {
      const taints = node.node!.spec?.taints
      if (taints === undefined) return 0
      const tolerations = state.read<readonly Toleration[]>(name)!
      let count = 0
      for (const taint of taints) if (taint.effect === 'PreferNoSchedule' && !toleratesTaint(tolerations, taint, taintOptions)) count++
      return count
    },
    normalize: (_state, _pod, _feasible, scores) => defaultNormalize(scores, true),
  }),
}

const untoleratedTaint = unresolvable('node(s) had untolerated taint(s)')
