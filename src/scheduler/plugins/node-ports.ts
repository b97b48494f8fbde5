import type { Pod } from '../../api/generated/types/core-v1.ts'
import { type PluginDefinition, unschedulable } from '../framework.ts'
import { type HostPort, hostPortsConflict, hostPortsOf } from '../snapshot.ts'

const name = 'NodePorts'
const refusal = unschedulable('node(s) didn\'t have free ports for the requested pod ports')

/** Host ports are taken once per node, address and protocol. */
export const nodePorts: PluginDefinition = {
  name,
  create: () => ({
    name,
    local: true,
    events: [
      {
        resource: 'Pod', actions: ['Delete'],
        hint(pod, { old }) {
          const deleted = old as Pod
          const placed = (deleted.spec?.nodeName ?? '') !== '' || (deleted.status?.nominatedNodeName ?? '') !== ''
          return placed && conflict(hostPortsOf(deleted), hostPortsOf(pod))
        },
      },
      { resource: 'Node', actions: ['Add'] },
    ],
    preFilter: (_state, pod) => (pod.hostPorts.length === 0 ? { skip: true } : undefined),
    filter: (_state, pod, node) => (conflict(node.usedPorts, pod.hostPorts) ? refusal : undefined),
  }),
}

function conflict(taken: readonly HostPort[], wanted: readonly HostPort[]): boolean {
  for (let i = 0; i < taken.length; i++) for (const port of wanted) if (hostPortsConflict(taken[i]!, port)) return true
  return false
}
