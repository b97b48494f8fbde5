/** What the parts of one scheduler share. */
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import type { InformerFactory } from '../client/informer.ts'
import type { SeriesRecorder } from '../client/series-events.ts'
import type { SchedulerCache } from './cache.ts'
import type { Extender } from './extender.ts'
import type { Evictions } from './evictions.ts'
import type { SchedulerMetrics } from './metrics.ts'
import type { PodGroups } from './pod-groups.ts'
import type { SchedulingQueue } from './queue.ts'
import type { Framework } from './runtime.ts'
import type { WaitingPods } from './waiting-pods.ts'

export interface SchedulerContext {
  readonly env: Env
  readonly client: Client
  readonly informers: InformerFactory
  readonly cache: SchedulerCache
  readonly queue: SchedulingQueue
  readonly groups: PodGroups
  readonly waiting: WaitingPods
  readonly evictions: Evictions
  readonly metrics: SchedulerMetrics
  readonly extenders: readonly Extender[]
  /** By spec.schedulerName. */
  readonly profiles: ReadonlyMap<string, Framework>
  /** Records events in the name of the profile. */
  recorder(profile: string): SeriesRecorder
}
