import { type SchedulerPlugin, unschedulable } from '../framework.ts'
import { hostPortsConflict } from '../snapshot.ts'

const refusal = unschedulable('node(s) didn\'t have free ports for the requested pod ports')

/** Host ports are taken once per node, address and protocol. */
export const nodePorts: SchedulerPlugin = {
  name: 'NodePorts',
  events: [{ resource: 'Pod/assigned', actions: ['Delete'] }, { resource: 'Node', actions: ['Add', 'Update'] }],
  preFilter: (_state, pod) => (pod.hostPorts.length === 0 ? { skip: true } : undefined),
  filter(_state, pod, node) {
    for (const other of node.pods.values()) {
      for (const taken of other.hostPorts) for (const wanted of pod.hostPorts) if (hostPortsConflict(taken, wanted)) return refusal
    }
    return undefined
  },
}
