/** The best of the placements that take a group (upstream: schedule_one_podgroup.go, podGroupSchedulingPlacementAlgorithm). */
import type { SchedulerContext } from './context.ts'
import type { Placement, ProposedPlacement } from './framework.ts'
import { type Group, type GroupTrial, type TrialOptions, tryGroup } from './group-trial.ts'
import { placementScores, placementsFor } from './placements.ts'
import { pickBest } from './schedule-one.ts'

/** Tries the group on each placement alone; what is wrong with all of them is told by the first. */
export async function tryPlacements(context: SchedulerContext, group: Group, options: TrialOptions): Promise<GroupTrial> {
  try {
    const placements = placementsFor(group.framework, group)
    if ('code' in placements) return { result: 'unschedulable', message: placements.reasons.join(', '), outcomes: [] }
    return await tryEach(context, group, placements, options)
  } catch (error) {
    return { result: 'error', message: error instanceof Error ? error.message : String(error), outcomes: [] }
  }
}

async function tryEach(context: SchedulerContext, group: Group, placements: readonly Placement[], options: TrialOptions): Promise<GroupTrial> {
  const all = context.cache.nodes.length
  const taking: { placement: Placement; trial: GroupTrial }[] = []
  let first: GroupTrial | undefined
  for (const placement of placements) {
    const trial = await tryGroup(context, group, placement.nodes.length === all ? options : { ...options, placement })
    if (trial.result === 'error') return trial
    first ??= trial
    if (trial.result !== 'unschedulable') taking.push({ placement, trial })
  }
  if (taking.length === 0) return { ...first!, message: `0/${placements.length} placements are available, first placement status: ${first!.message}` }
  if (taking.length === 1) return taking[0]!.trial
  return pickBest(taking, placementScores(group.framework, group, taking.map(proposed)), context.env.random).trial
}

function proposed({ placement, trial }: { placement: Placement; trial: GroupTrial }): ProposedPlacement {
  const assignments = trial.outcomes.filter((outcome) => outcome.kind === 'placed').map(({ attempt, node }) => ({ pod: attempt.queued.info, node: node.name }))
  return { placement, assignments }
}
