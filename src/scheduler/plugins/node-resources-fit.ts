import { type SchedulerPlugin, type Verdict, maxNodeScore } from '../framework.ts'
import { cpu, memory, podCount, resourceName } from '../resources.ts'

/** Requests must fit into what the node has left; emptier nodes score higher (LeastAllocated over CPU and memory). */
export const nodeResourcesFit: SchedulerPlugin = {
  name: 'NodeResourcesFit',
  events: [{ resource: 'Pod/assigned', actions: ['Delete', 'Update'] }, { resource: 'Node', actions: ['Add', 'Update'] }],
  filter(_state, pod, node): Verdict | undefined {
    const { allocatable, requested } = node
    const { requests } = pod
    let reasons: string[] | undefined
    let unresolvable = false
    if (node.pods.size + 1 > allocatable[podCount]!) reasons = ['Too many pods']
    for (let column = 0; column < requests.length; column++) {
      const wanted = requests[column]!
      if (wanted === 0 || column === podCount) continue
      const capacity = allocatable[column] ?? 0
      if (wanted <= capacity - (requested[column] ?? 0)) continue
      ;(reasons ??= []).push(`Insufficient ${resourceName(column)}`)
      if (wanted > capacity) unresolvable = true
    }
    return reasons === undefined ? undefined : { code: unresolvable ? 'UnschedulableAndUnresolvable' : 'Unschedulable', reasons }
  },
  score(_state, pod, node) {
    let sum = 0
    let weights = 0
    for (const column of [cpu, memory]) {
      const capacity = node.allocatable[column] ?? 0
      if (capacity === 0) continue
      const used = (node.nonZeroRequested[column] ?? 0) + (pod.nonZero[column] ?? 0)
      sum += used > capacity ? 0 : Math.trunc(((capacity - used) * maxNodeScore) / capacity)
      weights++
    }
    return weights === 0 ? 0 : Math.trunc(sum / weights)
  },
}
