import { type SchedulerPlugin, unresolvable } from '../framework.ts'

/** A pod with gates waits until they are taken away. */
export const schedulingGates: SchedulerPlugin = {
  name: 'SchedulingGates',
  events: [{ resource: 'Pod/unscheduled', actions: ['Update'] }],
  preEnqueue(pod) {
    const gates = (pod.spec?.schedulingGates ?? []).map((gate) => gate.name)
    return gates.length === 0 ? undefined : unresolvable(`waiting for scheduling gates: [${gates.join(' ')}]`)
  },
}
