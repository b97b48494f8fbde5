import { type SchedulerPlugin, maxNodeScore } from '../framework.ts'
import { cpu, memory } from '../resources.ts'
import type { NodeInfo } from '../snapshot.ts'

/** Prefers nodes on which CPU and memory end up used to the same degree, by how much the pod changes that. */
export const nodeResourcesBalancedAllocation: SchedulerPlugin = {
  name: 'NodeResourcesBalancedAllocation',
  preScore: (_state, pod) => pod.requests[cpu] === 0 && pod.requests[memory] === 0,
  score(_state, pod, node) {
    const withPod = balance(node, pod.requests[cpu]!, pod.requests[memory]!)
    const without = balance(node, 0, 0)
    return maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + withPod - without) / 2)
  },
}

function balance(node: NodeInfo, moreCpu: number, moreMemory: number): number {
  const cpus = node.allocatable[cpu] ?? 0
  const bytes = node.allocatable[memory] ?? 0
  if (cpus === 0 || bytes === 0) return maxNodeScore
  const cpuFraction = Math.min(1, ((node.requested[cpu] ?? 0) + moreCpu) / cpus)
  const memoryFraction = Math.min(1, ((node.requested[memory] ?? 0) + moreMemory) / bytes)
  return Math.trunc((1 - Math.abs((cpuFraction - memoryFraction) / 2)) * maxNodeScore)
}
