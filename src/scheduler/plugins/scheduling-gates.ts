import type { Pod } from '../../api/generated/types/core-v1.ts'
import { type PluginDefinition, unresolvable } from '../framework.ts'

const name = 'SchedulingGates'

/** A pod with gates waits until they are taken away. */
export const schedulingGates: PluginDefinition = {
  name,
  create: () => ({
    name,
    events: [{
      resource: 'Pod', actions: ['UpdatePodSchedulingGatesEliminated'],
      hint: (pod, { object }) => (object as Pod).metadata.uid === pod.metadata.uid,
    }],
    preEnqueue(pod) {
      const gates = (pod.spec?.schedulingGates ?? []).map((gate) => gate.name)
      return gates.length === 0 ? undefined : unresolvable(`waiting for scheduling gates: [${gates.join(' ')}]`)
    },
  }),
}
