import type { Node } from '../../api/generated/types/core-v1.ts'
import { toleratesTaint } from '../../api/helpers/taints.ts'
import { type SchedulerPlugin, unresolvable } from '../framework.ts'

const refusal = unresolvable('node(s) were unschedulable')
const unschedulableTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

/** Cordoned nodes take only pods that tolerate it. */
export const nodeUnschedulable: SchedulerPlugin = {
  name: 'NodeUnschedulable',
  events: [{
    resource: 'Node', actions: ['Add', 'Update'],
    hint: (pod, { object }) => (object as Node).spec?.unschedulable !== true || tolerates(pod.spec?.tolerations),
  }],
  filter(_state, pod, node) {
    if (node.node!.spec?.unschedulable !== true || tolerates(pod.pod.spec?.tolerations)) return undefined
    return refusal
  },
}

function tolerates(tolerations: Parameters<typeof toleratesTaint>[0]): boolean {
  return toleratesTaint(tolerations, unschedulableTaint)
}
