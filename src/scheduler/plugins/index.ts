import type { SchedulerPlugin } from '../framework.ts'
import { imageLocality } from './image-locality.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'

export interface WeightedPlugin {
  readonly plugin: SchedulerPlugin
  /** Factor of its score; 1 where upstream states none. */
  readonly weight: number
}

/** The default profile in upstream's order (apis/config/v1/default_plugins.go); filters run in it and stop at the first refusal. */
export const defaultPlugins: readonly WeightedPlugin[] = [
  { plugin: schedulingGates, weight: 1 },
  { plugin: nodeUnschedulable, weight: 1 },
  { plugin: nodeName, weight: 1 },
  { plugin: taintToleration, weight: 3 },
  { plugin: nodeAffinity, weight: 2 },
  { plugin: nodePorts, weight: 1 },
  { plugin: nodeResourcesFit, weight: 1 },
  { plugin: podTopologySpread, weight: 2 },
  { plugin: interPodAffinity, weight: 2 },
  { plugin: nodeResourcesBalancedAllocation, weight: 1 },
  { plugin: imageLocality, weight: 1 },
]
