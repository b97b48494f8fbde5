/**
 * Where a pod group may go as a whole: sets of nodes that are tried one after the other, and how those that take the group
 * compare (upstream: framework/runtime, RunPlacementGeneratePlugins and RunPlacementScorePlugins).
 * Behind TopologyAwareWorkloadScheduling.
 */
import { type Placement, type PodGroupKey, type ProposedPlacement, type Verdict, unschedulable } from './framework.ts'
import type { Framework } from './runtime.ts'

/** All nodes where no plugin divides them; a verdict when there is no placement. Throws what the plugin throws. */
export function placementsFor(framework: Framework, group: PodGroupKey): readonly Placement[] | Verdict {
  const parent: Placement = { name: '', nodes: framework.handle.nodes }
  const plugin = framework.lists.placementGenerate[0]
  if (plugin === undefined) return [parent]
  const placements = timed(framework, 'PlacementGenerate', () => plugin.generatePlacements!(group, parent))
  return placements.length > 0 ? placements : { ...unschedulable('no feasible placements found'), plugin: plugin.name }
}

/** The weighted sum of every plugin's normalized score, by placement. Throws with upstream's text when a plugin does. */
export function placementScores(framework: Framework, group: PodGroupKey, proposed: readonly ProposedPlacement[]): Float64Array {
  const totals = new Float64Array(proposed.length)
  return timed(framework, 'PlacementScore', () => {
    for (const { plugin, weight } of framework.lists.placementScore) {
      const scores = named('running PlacementScore plugins', plugin.name, () => Float64Array.from(proposed, (each) => plugin.scorePlacement!(group, each)))
      named('running NormalizePlacementScore on PlacementScore plugins', plugin.name, () => plugin.normalizePlacements?.(group, scores))
      for (let i = 0; i < totals.length; i++) totals[i]! += weight * scores[i]!
    }
    return totals
  })
}

function named<T>(doing: string, plugin: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new Error(`${doing}: plugin "${plugin}" failed with: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

function timed<T>({ points }: Framework, point: string, run: () => T): T {
  const began = points.begin()
  let status: 'Success' | 'Error' = 'Error'
  try {
    const result = run()
    status = 'Success'
    return result
  } finally {
    points.end(point, status, began)
  }
}
