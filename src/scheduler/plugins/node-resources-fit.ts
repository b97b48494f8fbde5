import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import type { ClusterEvent } from '../cluster-events.ts'
import { type PluginDefinition, type Verdict, maxNodeScore } from '../framework.ts'
import { type ResourceVector, columnOf, ephemeralStorage, isExtendedResource, podCount, resourceName, resourcesOf, vectorOf } from '../resources.ts'
import type { NodeInfo, PodInfo } from '../snapshot.ts'

const name = 'NodeResourcesFit'
const podEvents = ['Delete', 'UpdatePodScaleDown'] as const

export interface ResourceSpec {
  readonly name: string
  readonly weight?: number
}

export interface ShapePoint {
  readonly utilization: number
  /** 0..10. */
  readonly score: number
}

interface ScoringStrategy {
  readonly type?: string
  readonly resources?: readonly ResourceSpec[]
  readonly requestedToCapacityRatio?: { readonly shape?: readonly ShapePoint[] }
}

/** Resources that count for scores: CPU and memory alike where nothing else is said. */
export function resourceSpecs(given: readonly ResourceSpec[] | undefined): { name: string; weight: number }[] {
  const specs = given === undefined || given.length === 0 ? [{ name: 'cpu' }, { name: 'memory' }] : given
  return specs.map((spec: ResourceSpec) => ({ name: spec.name, weight: spec.weight === undefined || spec.weight === 0 ? 1 : spec.weight }))
}

/** Requests must fit into what the node has left; scores by how full the node becomes. */
export const nodeResourcesFit: PluginDefinition = {
  name,
  create(args) {
    const strategy = (args['scoringStrategy'] ?? {}) as ScoringStrategy
    const ignored = new Set(args['ignoredResources'] as readonly string[] | undefined)
    const ignoredGroups = new Set(args['ignoredResourceGroups'] as readonly string[] | undefined)
    const isIgnored = (column: number): boolean => {
      const resource = resourceName(column)
      return isExtendedResource(resource) && (ignored.has(resource) || ignoredGroups.has(resource.split('/')[0]!))
    }
    const ignoresAny = ignored.size + ignoredGroups.size > 0
    return {
      name,
      local: true,
      events: [
        { resource: 'Pod', actions: podEvents, hint: podChangeHelps },
        { resource: 'Node', actions: ['Add', 'UpdateNodeAllocatable'], hint: nodeChangeHelps },
      ],
      filter: (_state, { requests }, { allocatable, requested, pods }) =>
        insufficient(requests, allocatable, requested, pods.size, ignoresAny ? isIgnored : undefined),
      preScore: () => false,
      score: scorer(strategy),
    }
  },
}

function insufficient(requests: ResourceVector, allocatable: ResourceVector, requested: ResourceVector, pods: number, isIgnored?: (column: number) => boolean): Verdict | undefined {
  let reasons: string[] | undefined
  let unresolvable = false
  if (pods + 1 > (allocatable[podCount] ?? 0)) reasons = ['Too many pods']
  for (let column = 0; column < requests.length; column++) {
    const wanted = requests[column]!
    if (wanted === 0 || column === podCount) continue
    const capacity = allocatable[column] ?? 0
    if (wanted <= capacity - (requested[column] ?? 0) || isIgnored?.(column) === true) continue
    ;(reasons ??= []).push(`Insufficient ${resourceName(column)}`)
    if (wanted > capacity) unresolvable = true
  }
  return reasons === undefined ? undefined : { code: unresolvable ? 'UnschedulableAndUnresolvable' : 'Unschedulable', reasons }
}

function scorer(strategy: ScoringStrategy): (state: unknown, pod: PodInfo, node: NodeInfo) => number {
  const specs = resourceSpecs(strategy.resources)
  const columns = specs.map((spec) => columnOf(spec.name))
  const weights = specs.map((spec) => spec.weight)
  const type = strategy.type ?? 'LeastAllocated'
  const ratio = type === 'RequestedToCapacityRatio'
  const scoreOf = type === 'MostAllocated' ? most : ratio ? byShape(strategy.requestedToCapacityRatio?.shape ?? []) : least
  return (_state, pod, node) => {
    let sum = 0
    let total = 0
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!
      const wanted = pod.nonZero[column] ?? 0
      if (wanted === 0 && column > ephemeralStorage) continue
      const capacity = node.allocatable[column] ?? 0
      if (capacity === 0) continue
      const score = scoreOf((node.nonZeroRequested[column] ?? 0) + wanted, capacity)
      // The shape's zeros do not count, as upstream has it.
      if (ratio && score <= 0) continue
      sum += score * weights[i]!
      total += weights[i]!
    }
    if (total === 0) return 0
    return ratio ? Math.round(sum / total) : Math.trunc(sum / total)
  }
}

function least(requested: number, capacity: number): number {
  return requested > capacity ? 0 : Math.trunc(((capacity - requested) * maxNodeScore) / capacity)
}

function most(requested: number, capacity: number): number {
  return Math.trunc((Math.min(requested, capacity) * maxNodeScore) / capacity)
}

/** Straight lines between the points of the shape; utilization in percent, scores of 0..10 stretched to 0..100. */
export function brokenLine(shape: readonly ShapePoint[]): (utilization: number) => number {
  const points = shape.map(({ utilization, score }) => ({ utilization, score: score * (maxNodeScore / 10) }))
  return (utilization) => {
    for (let i = 0; i < points.length; i++) {
      const point = points[i]!
      if (utilization > point.utilization) continue
      if (i === 0) return point.score
      const before = points[i - 1]!
      return before.score + Math.trunc(((point.score - before.score) * (utilization - before.utilization)) / (point.utilization - before.utilization))
    }
    return points.at(-1)?.score ?? 0
  }
}

function byShape(shape: readonly ShapePoint[]): (requested: number, capacity: number) => number {
  const line = brokenLine(shape)
  return (requested, capacity) => line(requested > capacity ? 100 : Math.trunc((requested * 100) / capacity))
}

function podChangeHelps(pod: Pod, { object, old }: ClusterEvent): boolean {
  const before = old as Pod
  if (object === undefined) return (before.spec?.nodeName ?? '') !== '' || (before.status?.nominatedNodeName ?? '') !== ''
  const now = object as Pod
  if (now.metadata.uid === pod.metadata.uid) return true
  if ((now.spec?.nodeName ?? '') === '') return false
  const was = resourcesOf(before).requests
  const is = resourcesOf(now).requests
  return resourcesOf(pod).requests.some((wanted, column) => wanted > 0 && (was[column] ?? 0) > (is[column] ?? 0))
}

function nodeChangeHelps(pod: Pod, { object, old }: ClusterEvent): boolean {
  const now = vectorOf((object as Node).status?.allocatable)
  const { requests } = resourcesOf(pod)
  if (insufficient(requests, now, [], 0) !== undefined) return false
  if (old === undefined) return true
  const before = vectorOf((old as Node).status?.allocatable)
  if ((now[podCount] ?? 0) > (before[podCount] ?? 0)) return true
  return requests.some((wanted, column) => wanted > 0 && (now[column] ?? 0) > (before[column] ?? 0))
}
