import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { toleratesTaint } from '../../api/helpers/taints.ts'
import { type PluginDefinition, unresolvable } from '../framework.ts'
import { taintOptions } from './taint-toleration.ts'

const name = 'NodeUnschedulable'
const refusal = unresolvable('node(s) were unschedulable')
const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

/** Cordoned nodes take only pods that tolerate it. */
export const nodeUnschedulable: PluginDefinition = {
  name,
  create: () => ({
    name,
    local: true,
    events: [
      {
        resource: 'Node', actions: ['Add', 'UpdateNodeTaint'],
        hint(_pod, { object, old }) {
          const open = (object as Node).spec?.unschedulable !== true
          return open && (old === undefined || (old as Node).spec?.unschedulable === true)
        },
      },
      {
        resource: 'Pod', actions: ['UpdatePodToleration'],
        hint: (pod, { object }) => pod.metadata.uid === (object as Pod).metadata.uid && tolerates(object as Pod),
      },
    ],
    filter: (_state, pod, node) => (node.node!.spec?.unschedulable !== true || tolerates(pod.pod) ? undefined : refusal),
  }),
}

function tolerates(pod: Pod): boolean {
  return toleratesTaint(pod.spec?.tolerations, unschedulableTaint, taintOptions)
}
