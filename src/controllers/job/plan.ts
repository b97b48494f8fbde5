/** What to do about a job now (upstream: pkg/controller/job job_controller.go syncJob). */
import type { Job, JobCondition, JobStatus } from '../../api/generated/types/batch-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { jobs, pods as podResource } from '../../api/generated/resources.ts'
import { isPodActive, isPodReady } from '../../api/helpers/pod-conditions.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { claim } from '../../client/controller-refs.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { batch, event, type Outcome, type Step, updateStatus } from '../../client/steps.ts'
import { compileSelector } from '../shared/selectors.ts'
import { type BackoffRecord, finishedAt, nextRecord, remainingMs } from './backoff.ts'
import { completionIndex, failureCounts, firstFree, indexesOf, IndexSet } from './indexes.ts'
import {
  endPods, hasLimitPerIndex, isFailed, isIndexed, isSuspended, isTracked, makePods, releaseFinalizer, removePods,
  replacesFailedOnly, surplusPods,
} from './pods.ts'
import { judgeFailure, matchSuccess } from './policies.ts'
import { compactStatus, newlyEnded, trackPods, type Tracking } from './tracking.ts'

export interface JobSnapshot {
  readonly job: Job
  /** Pods that the job controls, and orphans of its namespace. */
  readonly pods: readonly Pod[]
  readonly backoff: BackoffRecord
  /** Pods of an earlier job of that name which still wait for their finalizer to be taken off. */
  readonly foreign: readonly Pod[]
  /** Keeps the record for the next look. */
  readonly remember: (record: BackoffRecord) => void
}

/** More pods are never made or deleted at once. */
const maxPerSync = 500

type Draft = Pick<JobCondition, 'type' | 'reason' | 'message'>

export const conditionOf = (job: Job, type: string): JobCondition | undefined =>
  job.status?.conditions?.find((condition) => condition.type === type && condition.status === 'True')

export const isFinished = (job: Job): boolean => conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined

/** Everything that the parts of the plan need to know, computed once. */
interface Situation {
  readonly job: Job
  readonly now: number
  readonly pods: readonly Pod[]
  readonly active: readonly Pod[]
  readonly terminating: number
  readonly succeeded: number
  readonly failed: number
  readonly previousIndexes: IndexSet
  readonly succeededIndexes: IndexSet
  readonly failedIndexes: IndexSet | undefined
  readonly delayed: ReadonlyMap<number, Pod>
  readonly record: BackoffRecord
}

export function planJob({ job, pods, foreign, backoff, remember }: JobSnapshot, { now }: World): Plan {
  const selector = compileSelector(job.spec?.selector)
  const { owned, steps: claimSteps } = claim({
    owner: job, ownerResource: jobs as Resource<KubeObject>, ownerKind: { apiVersion: 'batch/v1', kind: 'Job' }, resource: podResource,
    objects: pods, matches: (pod) => selector.matches(pod.metadata.labels),
  })
  const situation = survey(job, owned, backoff, now)
  const end = endOf(situation)
  const management = end === undefined ? manage(situation) : { steps: endPods(job, situation.active) }
  const complete = end ?? completion(situation)
  const ending = complete === undefined ? 'no' : complete.type === 'SuccessCriteriaMet' ? 'success' : 'failure'
  // The end is declared when no pod is active any more that could still change how it comes.
  const settled = situation.active.length === 0 || end !== undefined
  const tracking = trackPods({
    job, pods: owned, ending: settled ? ending : 'no', previousIndexes: situation.previousIndexes, delayed: situation.delayed,
  })
  const status = statusOf(situation, tracking, complete, now)
  return {
    steps: [...foreign.map(releaseFinalizer), ...claimSteps, ...management.steps],
    status: (outcome) => statusSteps(situation, status, tracking, complete, outcome),
    requeueAfterMs: soonest(management.waitMs, deadlineMs(job, now)),
    committed: () => remember(situation.record),
  }
}

function survey(job: Job, pods: readonly Pod[], backoff: BackoffRecord, now: number): Situation {
  const active = pods.filter(isPodActive)
  const ended = newlyEnded(job, pods)
  const uncounted = job.status?.uncountedTerminatedPods ?? {}
  const completions = job.spec?.completions ?? 0
  const indexed = isIndexed(job)
  const previousIndexes = indexed ? IndexSet.parse(job.status?.completedIndexes, completions) : new IndexSet()
  const valid = (pod: Pod): boolean => isTracked(pod) && (completionIndex(pod) ?? Infinity) < completions
  const succeededIndexes = indexed
    ? previousIndexes.with(indexesOf(pods.filter((pod) => valid(pod) && pod.status?.phase === 'Succeeded')).values())
    : previousIndexes
  const failedIndexes = indexed && hasLimitPerIndex(job)
    ? IndexSet.parse(job.status?.failedIndexes, completions).with(indexesOf(pods.filter((pod) => valid(pod) && isIndexLost(job, pod))).values())
    : undefined
  return {
    job, now, pods, active, previousIndexes, succeededIndexes, failedIndexes,
    terminating: pods.filter((pod) => pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded').length,
    succeeded: indexed ? succeededIndexes.size : (job.status?.succeeded ?? 0) + ended.succeeded.length + (uncounted.succeeded ?? []).length,
    failed: (job.status?.failed ?? 0) + ended.failed.filter((pod) => judgeFailure(job, pod).counts).length + (uncounted.failed ?? []).length,
    delayed: failedIndexes === undefined ? new Map() : lastFailures(job, pods.filter(valid), [succeededIndexes, failedIndexes, indexesOf(active)]),
    record: nextRecord(backoff, ended.succeeded, ended.failed),
  }
}

/** Whether the pod's failure was its index's last chance. */
function isIndexLost(job: Job, pod: Pod): boolean {
  if (!isFailed(pod, job)) return false
  const { action, counts } = judgeFailure(job, pod)
  return action === 'FailIndex' || (counts && failureCounts(pod).counted >= job.spec!.backoffLimitPerIndex!)
}

/** The failed pod that each index had last, for indexes that are to be tried again. */
function lastFailures(job: Job, pods: readonly Pod[], settled: readonly IndexSet[]): Map<number, Pod> {
  const last = new Map<number, Pod>()
  const total = (pod: Pod): number => failureCounts(pod).counted + failureCounts(pod).ignored
  for (const pod of pods) {
    const index = completionIndex(pod)!
    if (!isFailed(pod, job) || settled.some((set) => set.has(index))) continue
    const known = last.get(index)
    if (known === undefined || (total(known) <= total(pod) && finishedAt(pod) >= finishedAt(known))) last.set(index, pod)
  }
  return last
}

/** The reason for the job to end although it may have active pods, or undefined. */
function endOf({ job, now, pods, failed, succeededIndexes, failedIndexes }: Situation): Draft | undefined {
  const already = conditionOf(job, 'SuccessCriteriaMet') ?? conditionOf(job, 'FailureTarget')
  if (already !== undefined) return already
  const failure = (reason: string, message: string): Draft => ({ type: 'FailureTarget', reason, message })
  const fatal = pods.filter((pod) => isFailed(pod, job)).map((pod) => judgeFailure(job, pod).message).find((message) => message !== undefined)
  if (fatal !== undefined) return failure('PodFailurePolicy', fatal)
  if (failed > (job.spec?.backoffLimit ?? 6) || restartsExceeded(job, pods)) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  if ((deadlineMs(job, now) ?? 1) <= 0) return failure('DeadlineExceeded', 'Job was active longer than specified deadline')
  const completions = job.spec?.completions ?? 0
  if (failedIndexes !== undefined) {
    const { maxFailedIndexes } = job.spec!
    if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
      return failure('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
    }
    if (failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= completions) return failure('FailedIndexes', 'Job has failed indexes')
  }
  const met = isIndexed(job) ? matchSuccess(job.spec?.successPolicy, completions, succeededIndexes) : undefined
  return met === undefined ? undefined : { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: met }
}

/** Containers that restart in place fail the job too when they have done so too often. */
function restartsExceeded(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false
  const running = pods.filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
  const restarts = running.flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0)
  const limit = job.spec.backoffLimit ?? 6
  return limit === 0 ? restarts > 0 : restarts >= limit
}

/** ms until the job's time is over; undefined without a deadline. */
function deadlineMs(job: Job, now: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec ?? {}
  const started = parseTime(job.status?.startTime ?? '')
  if (activeDeadlineSeconds === undefined || activeDeadlineSeconds === null || isSuspended(job)) return undefined
  return (started ?? now) + activeDeadlineSeconds * 1000 - now
}

function completion({ job, active, succeeded }: Situation): Draft | undefined {
  const completions = job.spec?.completions ?? undefined
  const reached = completions === undefined ? succeeded > 0 : succeeded >= completions
  if (!reached || active.length > 0) return undefined
  return { type: 'SuccessCriteriaMet', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
}

interface Management {
  readonly steps: Step[]
  readonly waitMs?: number
}

/** Brings the number of active pods to what parallelism and completions ask for. */
function manage(situation: Situation): Management {
  const { job, now, active, terminating, succeeded } = situation
  if (job.metadata.deletionTimestamp !== undefined) return { steps: [] }
  if (isSuspended(job)) return { steps: removePods(job, active) }
  const parallelism = job.spec?.parallelism ?? 1
  const completions = job.spec?.completions ?? undefined
  const wanted = completions === undefined
    ? (succeeded > 0 ? active.length : parallelism)
    : Math.max(0, Math.min(parallelism, completions - succeeded))
  const surplus = surplusPods(job, active, Math.max(0, active.length - wanted), now).slice(0, maxPerSync)
  if (surplus.length > 0) return { steps: removePods(job, surplus) }
  const missing = Math.min(maxPerSync, wanted - active.length - (replacesFailedOnly(job) ? terminating : 0))
  if (missing <= 0) return { steps: [] }
  if (!hasLimitPerIndex(job)) {
    const waitMs = remainingMs(situation.record.failures, situation.record.lastFailureAt, now)
    if (waitMs > 0) return { steps: [], waitMs }
  }
  if (!isIndexed(job)) return { steps: makePods(job, missing, undefined, new Map()) }
  return manageIndexes(situation, missing)
}

function manageIndexes({ job, now, pods, active, succeededIndexes, failedIndexes, delayed }: Situation, missing: number): Management {
  const going = replacesFailedOnly(job) ? indexesOf(pods.filter((pod) => !isPodActive(pod) && pod.metadata.deletionTimestamp !== undefined)) : new IndexSet()
  const free = firstFree(missing, job.spec?.completions ?? 0, [succeededIndexes, indexesOf(active), failedIndexes ?? new IndexSet(), going])
  if (!hasLimitPerIndex(job)) return { steps: makePods(job, 0, free, delayed) }
  const wait = (index: number): number => {
    const failed = delayed.get(index)
    if (failed === undefined) return 0
    const { counted, ignored } = failureCounts(failed)
    return remainingMs(counted + ignored + 1, finishedAt(failed), now)
  }
  const ready = free.filter((index) => wait(index) === 0)
  if (ready.length > 0) return { steps: makePods(job, 0, ready, delayed) }
  return { steps: [], ...(free.length === 0 ? {} : { waitMs: Math.min(...free.map(wait)) }) }
}

function statusOf(situation: Situation, tracking: Tracking, end: Draft | undefined, now: number): { next: JobStatus; finished: Draft | undefined } {
  const { job, active, terminating, succeededIndexes, failedIndexes } = situation
  const before = job.status ?? {}
  let conditions = [...(before.conditions ?? [])]
  let { startTime } = before
  if (startTime === undefined && !isSuspended(job)) startTime = formatTime(now)
  if (end === undefined && job.metadata.deletionTimestamp === undefined) {
    const suspension = suspendCondition(job, conditions, now)
    if (suspension !== undefined) {
      conditions = suspension
      startTime = isSuspended(job) ? undefined : formatTime(now)
    }
  }
  if (end !== undefined && !conditions.some(({ type, status }) => type === end.type && status === 'True')) conditions.push(newCondition(end, now))
  const indexes = isIndexed(job) ? succeededIndexes.with(tracking.newSucceededIndexes) : undefined
  const pending = tracking.uncounted.succeeded.length + tracking.uncounted.failed.length
  const done = end !== undefined && pending === 0 && !tracking.full && active.length === 0 && terminating === 0 && tracking.release.length === 0
  const finished: Draft | undefined = done ? { ...end, type: end.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed' } : undefined
  if (finished !== undefined) conditions.push(newCondition(finished, now))
  return {
    finished,
    next: compactStatus({
      ...before, startTime, conditions, active: active.length, ready: active.filter(isPodReady).length, terminating,
      succeeded: indexes === undefined ? (before.succeeded ?? 0) + tracking.countedSucceeded : indexes.size,
      failed: (before.failed ?? 0) + tracking.countedFailed,
      uncountedTerminatedPods: tracking.uncounted,
      ...(indexes === undefined ? {} : { completedIndexes: indexes.toString() }),
      ...(failedIndexes === undefined ? {} : { failedIndexes: failedIndexes.toString() }),
      ...(finished?.type === 'Complete' ? { completionTime: formatTime(now) } : {}),
    }),
  }
}

function newCondition({ type, reason, message }: Draft, now: number): JobCondition {
  return { type, status: 'True', reason, message, lastProbeTime: formatTime(now), lastTransitionTime: formatTime(now) }
}

/** The conditions with Suspended as the job wants it; undefined when it is so already. */
function suspendCondition(job: Job, conditions: readonly JobCondition[], now: number): JobCondition[] | undefined {
  const current = conditions.find(({ type }) => type === 'Suspended')
  const suspended = isSuspended(job)
  if (suspended ? current?.status === 'True' : current === undefined || current.status === 'False') return undefined
  const draft = suspended ? { reason: 'JobSuspended', message: 'Job suspended' } : { reason: 'JobResumed', message: 'Job resumed' }
  const next = { ...newCondition({ type: 'Suspended', ...draft }, now), status: suspended ? 'True' : 'False' }
  return current === undefined ? [...conditions, next] : conditions.map((condition) => (condition === current ? next : condition))
}

function statusSteps(
  { job }: Situation, { next, finished }: { next: JobStatus; finished: Draft | undefined }, tracking: Tracking, end: Draft | undefined, outcome: Outcome,
): Step[] {
  // Pods that could not be deleted may still change how the job ends.
  if (end !== undefined && outcome.errors.length > 0) return []
  const steps: Step[] = []
  if (!equalJson(next, compactStatus(job.status ?? {}))) {
    steps.push(updateStatus(jobs, { ...job, status: next }, { onDone: () => eventsOf(job, next, finished) }))
  }
  if (tracking.release.length > 0) steps.push(batch(tracking.release.map(releaseFinalizer)))
  return steps
}

function eventsOf(job: Job, next: JobStatus, finished: Draft | undefined): ReturnType<typeof event>[] {
  const was = job.status?.conditions?.find(({ type }) => type === 'Suspended')?.status
  const is = next.conditions?.find(({ type }) => type === 'Suspended')?.status
  const events: ReturnType<typeof event>[] = []
  if (was !== is) events.push(is === 'True' ? event(job, 'Normal', 'Suspended', 'Job suspended') : event(job, 'Normal', 'Resumed', 'Job resumed'))
  if (finished?.type === 'Complete') {
    if (job.spec?.completions !== undefined && (next.succeeded ?? 0) > job.spec.completions) {
      events.push(event(job, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached'))
    }
    events.push(event(job, 'Normal', 'Completed', 'Job completed'))
  } else if (finished !== undefined) events.push(event(job, 'Warning', finished.reason ?? '', finished.message ?? ''))
  return events
}

function soonest(...waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait): wait is number => wait !== undefined && wait > 0)
  return known.length === 0 ? undefined : Math.min(...known)
}
