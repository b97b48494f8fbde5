/**
 * Counting ended pods exactly once (upstream: job_controller.go trackJobStatusAndRemoveFinalizers). A pod keeps its
 * finalizer until its end is noted in the status; it stays noted as uncounted until the finalizer is seen to be gone.
 */
import type { Job, JobStatus } from '../../api/generated/types/batch-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { completionIndex, type IndexSet } from './indexes.ts'
import { hasLimitPerIndex, isFailed, isIndexed, isTracked } from './pods.ts'
import { judgeFailure } from './policies.ts'

/** The status must not grow without bound. */
const maxUncounted = 500

export interface Tracking {
  readonly uncounted: { succeeded: string[]; failed: string[] }
  /** Additions to the counts of the status. */
  readonly countedSucceeded: number
  readonly countedFailed: number
  readonly newSucceededIndexes: number[]
  /** Pods whose end is noted once the status is written. */
  readonly release: Pod[]
  readonly full: boolean
}

export interface TrackingInput {
  readonly job: Job
  readonly pods: readonly Pod[]
  /** Whether the job is at its end, and whether by success. */
  readonly ending: 'no' | 'success' | 'failure'
  readonly previousIndexes: IndexSet
  /** Failed pods that keep their finalizer because their index waits for its next try. */
  readonly delayed: ReadonlyMap<number, Pod>
}

export function trackPods({ job, pods, ending, previousIndexes, delayed }: TrackingInput): Tracking {
  const before = job.status?.uncountedTerminatedPods ?? {}
  const tracked = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid ?? ''))
  const still = (uids: readonly string[] | undefined): string[] => (uids ?? []).filter((uid) => tracked.has(uid))
  const succeeded = still(before.succeeded)
  const failed = still(before.failed)
  const result = {
    uncounted: { succeeded, failed },
    countedSucceeded: (before.succeeded ?? []).length - succeeded.length,
    countedFailed: (before.failed ?? []).length - failed.length,
    newSucceededIndexes: [] as number[], release: [] as Pod[], full: false,
  }
  const known = { succeeded: new Set(before.succeeded ?? []), failed: new Set(before.failed ?? []) }
  for (const pod of inIndexOrder(job, pods)) {
    if (!isTracked(pod) || !mayRelease(job, pod, ending, delayed)) continue
    result.release.push(pod)
    note(job, pod, ending, previousIndexes, known, result)
    if (result.newSucceededIndexes.length + succeeded.length + failed.length >= maxUncounted) {
      return { ...result, full: true }
    }
  }
  return result
}

function inIndexOrder(job: Job, pods: readonly Pod[]): readonly Pod[] {
  return isIndexed(job) ? [...pods].sort((a, b) => (completionIndex(a) ?? -1) - (completionIndex(b) ?? -1)) : pods
}

function mayRelease(job: Job, pod: Pod, ending: TrackingInput['ending'], delayed: ReadonlyMap<number, Pod>): boolean {
  if (job.metadata.deletionTimestamp !== undefined || ending !== 'no' || pod.status?.phase === 'Succeeded') return true
  if (!isFailed(pod, job)) return false
  if (!hasLimitPerIndex(job)) return true
  const index = completionIndex(pod)
  return index === undefined || delayed.get(index)?.metadata.uid !== pod.metadata.uid
}

function note(
  job: Job, pod: Pod, ending: TrackingInput['ending'], previousIndexes: IndexSet,
  known: { succeeded: ReadonlySet<string>; failed: ReadonlySet<string> }, result: { uncounted: Tracking['uncounted']; newSucceededIndexes: number[] },
): void {
  const uid = pod.metadata.uid ?? ''
  const index = completionIndex(pod)
  const countable = !isIndexed(job) || (index !== undefined && index < (job.spec?.completions ?? 0))
  if (pod.status?.phase === 'Succeeded' && !known.failed.has(uid)) {
    if (isIndexed(job)) {
      if (countable && !previousIndexes.has(index!)) result.newSucceededIndexes.push(index!)
    } else if (!known.succeeded.has(uid)) result.uncounted.succeeded.push(uid)
    return
  }
  if (!isFailed(pod, job) && ending !== 'failure') return
  if (!known.failed.has(uid) && countable && judgeFailure(job, pod).counts) result.uncounted.failed.push(uid)
}

/** Pods that have ended and are noted nowhere yet. */
export function newlyEnded(job: Job, pods: readonly Pod[]): { succeeded: Pod[]; failed: Pod[] } {
  const known = { succeeded: new Set(job.status?.uncountedTerminatedPods?.succeeded), failed: new Set(job.status?.uncountedTerminatedPods?.failed) }
  const valid = pods.filter((pod) => {
    if (!isTracked(pod)) return false
    const index = completionIndex(pod)
    return !isIndexed(job) || (index !== undefined && index < (job.spec?.completions ?? 0))
  })
  return {
    succeeded: valid.filter((pod) => pod.status?.phase === 'Succeeded' && !known.succeeded.has(pod.metadata.uid ?? '')),
    failed: valid.filter((pod) => isFailed(pod, job) && !known.failed.has(pod.metadata.uid ?? '')),
  }
}

/** As it is on the wire: counts of zero are left out but those that upstream points to. */
export function compactStatus(status: JobStatus): JobStatus {
  const kept = { ...status }
  for (const name of ['active', 'succeeded', 'failed'] as const) if (kept[name] === 0) delete kept[name]
  if (kept.completedIndexes === '') delete kept.completedIndexes
  if (kept.conditions?.length === 0) delete kept.conditions
  const { succeeded = [], failed = [] } = kept.uncountedTerminatedPods ?? {}
  kept.uncountedTerminatedPods = { ...(succeeded.length > 0 ? { succeeded } : {}), ...(failed.length > 0 ? { failed } : {}) }
  return kept
}
