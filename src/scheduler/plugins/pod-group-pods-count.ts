/**
 * The placement that takes most pods of the group is best (upstream: plugins/podgrouppodscount). Pods that have a node
 * already count too, so that a small difference stays a small one. Behind TopologyAwareWorkloadScheduling.
 */
import { type PluginDefinition, maxNodeScore } from '../framework.ts'

const name = 'PodGroupPodsCount'

export const podGroupPodsCount: PluginDefinition = {
  name,
  create: (_args, handle) => ({
    name,
    scorePlacement: (group, { assignments }) => handle.podGroup(group.namespace, group.name).scheduled + assignments.length,
    normalizePlacements(_group, scores) {
      const most = Math.max(0, ...scores)
      if (most === 0) throw new Error('no pods from pod group are assigned to any of the candidate placements')
      for (let i = 0; i < scores.length; i++) scores[i] = Math.trunc((scores[i]! * maxNodeScore) / most)
    },
  }),
}
