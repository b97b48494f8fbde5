import type { PluginDefinition } from '../framework.ts'
import { defaultBinder } from './default-binder.ts'
import { defaultPreemption } from './default-preemption.ts'
import { dynamicResources } from './dynamic-resources.ts'
import { gangScheduling } from './gang-scheduling.ts'
import { imageLocality } from './image-locality.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodeDeclaredFeatures } from './node-declared-features.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { nodeVolumeLimits } from './node-volume-limits.ts'
import { podGroupPodsCount } from './pod-group-pods-count.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import { prioritySort } from './priority-sort.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'
import { topologyPlacementGenerator } from './topology-placement-generator.ts'
import { volumeBinding } from './volume-binding.ts'
import { volumeRestrictions } from './volume-restrictions.ts'
import { volumeZone } from './volume-zone.ts'

interface InTreePlugin {
  readonly definition: PluginDefinition
  /** 0: the default weight. */
  readonly weight: number
  /** Not known while this gate is off. */
  readonly feature?: string
}

/**
 * Every plugin that the scheduler knows, with its weight in the default profile, in upstream's order
 * (apis/config/v1/default_plugins.go); filters run in it and stop at the first refusal.
 */
const inTreePlugins: readonly InTreePlugin[] = [
  { definition: schedulingGates, weight: 0 },
  { definition: prioritySort, weight: 0 },
  { definition: nodeUnschedulable, weight: 0 },
  { definition: nodeName, weight: 0 },
  { definition: taintToleration, weight: 3 },
  { definition: nodeAffinity, weight: 2 },
  { definition: nodePorts, weight: 0 },
  { definition: nodeResourcesFit, weight: 1 },
  { definition: volumeRestrictions, weight: 0 },
  { definition: nodeVolumeLimits, weight: 0 },
  { definition: volumeBinding, weight: 0 },
  { definition: volumeZone, weight: 0 },
  { definition: podTopologySpread, weight: 2 },
  { definition: interPodAffinity, weight: 2 },
  // Giving an idle claim back is better than evicting a pod.
  { definition: dynamicResources, weight: 2 },
  { definition: defaultPreemption, weight: 0 },
  { definition: nodeResourcesBalancedAllocation, weight: 1 },
  { definition: imageLocality, weight: 1 },
  { definition: defaultBinder, weight: 0 },
  { definition: nodeDeclaredFeatures, weight: 0 },
  { definition: gangScheduling, weight: 0, feature: 'GangScheduling' },
  { definition: topologyPlacementGenerator, weight: 0, feature: 'TopologyAwareWorkloadScheduling' },
  { definition: podGroupPodsCount, weight: 1, feature: 'TopologyAwareWorkloadScheduling' },
]

/** The plugins of this version whose feature gates are on. */
export function knownPlugins(feature: (name: string) => boolean): readonly InTreePlugin[] {
  return inTreePlugins.filter((plugin) => plugin.feature === undefined || feature(plugin.feature))
}
