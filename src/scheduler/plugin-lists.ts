/** A profile's plugins by extension point. */
import type { SchedulerPlugin } from './framework.ts'

export interface WeightedPlugin {
  readonly plugin: SchedulerPlugin
  /** Factor of its score. */
  readonly weight: number
}

/** Plugins of each extension point, in the order in which they run. */
export interface PluginLists {
  readonly preEnqueue: readonly SchedulerPlugin[]
  readonly queueSort: readonly SchedulerPlugin[]
  readonly preFilter: readonly SchedulerPlugin[]
  readonly filter: readonly SchedulerPlugin[]
  readonly postFilter: readonly SchedulerPlugin[]
  readonly preScore: readonly SchedulerPlugin[]
  readonly score: readonly WeightedPlugin[]
  readonly reserve: readonly SchedulerPlugin[]
  readonly permit: readonly SchedulerPlugin[]
  readonly preBind: readonly SchedulerPlugin[]
  readonly bind: readonly SchedulerPlugin[]
  readonly postBind: readonly SchedulerPlugin[]
  readonly placementGenerate: readonly SchedulerPlugin[]
  readonly placementScore: readonly WeightedPlugin[]
}
