import { type PluginDefinition, maxNodeScore } from '../framework.ts'
import { columnOf, ephemeralStorage } from '../resources.ts'
import type { NodeInfo, PodInfo } from '../snapshot.ts'
import { type ResourceSpec, resourceSpecs } from './node-resources-fit.ts'

const name = 'NodeResourcesBalancedAllocation'

/** Prefers nodes on which the resources end up used to the same degree, by how much the pod changes that. */
export const nodeResourcesBalancedAllocation: PluginDefinition = {
  name,
  create(args) {
    const columns = resourceSpecs(args['resources'] as readonly ResourceSpec[] | undefined).map((spec) => columnOf(spec.name))
    const fractions = new Float64Array(columns.length)
    const balance = (node: NodeInfo, pod: PodInfo, withPod: boolean): number => {
      let count = 0
      let total = 0
      for (const column of columns) {
        const wanted = pod.requests[column] ?? 0
        if (wanted === 0 && column > ephemeralStorage) continue
        const capacity = node.allocatable[column] ?? 0
        if (capacity === 0) continue
        const fraction = Math.min(1, ((node.requested[column] ?? 0) + (withPod ? wanted : 0)) / capacity)
        fractions[count++] = fraction
        total += fraction
      }
      return Math.trunc((1 - deviation(fractions, count, total)) * maxNodeScore)
    }
    return {
      name,
      local: true,
      preScore: (_state, pod) => columns.every((column) => (pod.requests[column] ?? 0) === 0),
      score: (_state, pod, node) => maxNodeScore / 2 + Math.trunc((maxNodeScore / 2 + balance(node, pod, true) - balance(node, pod, false)) / 2),
    }
  },
}

function deviation(fractions: Float64Array, count: number, total: number): number {
  if (count < 2) return 0
  if (count === 2) return Math.abs((fractions[0]! - fractions[1]!) / 2)
  const mean = total / count
  let sum = 0
  for (let i = 0; i < count; i++) sum += (fractions[i]! - mean) * (fractions[i]! - mean)
  return Math.sqrt(sum / count)
}
