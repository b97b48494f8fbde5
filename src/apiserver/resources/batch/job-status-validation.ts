/**
 * What a job's status may become (upstream: pkg/apis/batch/validation, pkg/registry/batch/job). A rule is asked only when
 * what it looks at changed, so that an object that breaks one already can still be written.
 */
import type { Job, JobStatus } from '../../../api/generated/types/batch-v1.ts'
import { isConditionFalse, isConditionTrue } from '../../../api/meta/conditions.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldInvalid, fieldInvalidOmitted, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { parseTime } from '../../../api/meta/time.ts'
import { nonNegative, semanticEqual } from '../validation/common.ts'
import { indexesOf, overlapOf } from './indexes.ts'

function* uncounted(pods: NonNullable<JobStatus['uncountedTerminatedPods']>): Generator<FieldError> {
  const seen = new Set<string>()
  for (const list of ['succeeded', 'failed'] as const) {
    for (const [i, uid] of (pods[list] ?? []).entries()) {
      const at = indexPath(`status.uncountedTerminatedPods.${list}`, i)
      if (uid === '') yield fieldInvalid(at, uid, 'must not be empty')
      else if (seen.has(uid)) yield fieldDuplicate(at, uid)
      seen.add(uid)
    }
  }
}

interface View {
  readonly job: Job
  readonly status: JobStatus
  readonly complete: boolean
  readonly failed: boolean
  readonly failureTarget: boolean
  readonly successMet: boolean
}

function viewOf(job: Job): View {
  const status = job.status ?? {}
  const has = (type: string): boolean => isConditionTrue(status.conditions, type)
  return { job, status, complete: has('Complete'), failed: has('Failed'), failureTarget: has('FailureTarget'), successMet: has('SuccessCriteriaMet') }
}

const conditions = (text: string): FieldError => fieldInvalidOmitted('status.conditions', text)

function* conditionErrors(now: View, old: View, indexesChanged: boolean): Generator<FieldError> {
  const changed = (name: 'complete' | 'failed' | 'failureTarget' | 'successMet'): boolean => now[name] !== old[name]
  if ((changed('complete') || changed('failed')) && now.complete && now.failed) yield conditions('cannot set Complete=True and Failed=true conditions')
  if ((changed('complete') || changed('failureTarget')) && now.complete && now.failureTarget) {
    yield conditions('cannot set Complete=True and FailureTarget=true conditions')
  }
  if ((changed('failed') || indexesChanged) && now.failed && !now.failureTarget) {
    yield conditions('cannot set Failed=True condition without the FailureTarget=true condition')
  }
  if ((changed('complete') || changed('successMet')) && now.complete && !now.successMet) {
    yield conditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition')
  }
  if (now.successMet && now.failed) yield conditions('cannot set SuccessCriteriaMet=True and Failed=true conditions')
  if (now.successMet && now.failureTarget) yield conditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions')
  if (now.job.spec?.successPolicy && !now.successMet && now.complete) {
    yield conditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True')
  }
  for (const [name, type] of [['failed', 'Failed'], ['complete', 'Complete'], ['failureTarget', 'FailureTarget']] as const) {
    if (old[name] && !now[name]) yield conditions(`cannot disable the terminal ${type}=True condition`)
  }
  if (old.successMet && !now.successMet) yield conditions('cannot disable the SuccessCriteriaMet=True condition')
  if (old.complete && !old.successMet && now.successMet) {
    yield conditions('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions')
  }
}

function* timeErrors(now: View, old: View): Generator<FieldError> {
  const { startTime, completionTime } = now.status
  const at = 'status.completionTime'
  const startChanged = (startTime ?? undefined) !== (old.status.startTime ?? undefined)
  const completionChanged = (completionTime ?? undefined) !== (old.status.completionTime ?? undefined)
  if (now.complete !== old.complete || completionChanged) {
    if (completionTime && !now.complete) yield fieldInvalid(at, completionTime, 'cannot set completionTime when there is no Complete=True condition')
    if (!completionTime && now.complete) yield fieldRequired(at, 'completionTime is required for Complete jobs')
  }
  if ((startChanged || completionChanged) && startTime && completionTime && (parseTime(completionTime) ?? 0) < (parseTime(startTime) ?? 0)) {
    yield fieldInvalid(at, completionTime, 'must be equal to or after `startTime`')
  }
  if (completionTime && old.status.completionTime && completionChanged) yield fieldInvalid(at, completionTime, 'field is immutable')
  const resuming = isConditionTrue(old.status.conditions, 'Suspended') && isConditionFalse(now.status.conditions, 'Suspended')
  if (startChanged && !resuming && old.status.startTime && !now.job.spec?.suspend) {
    yield fieldInvalid('status.startTime', startTime ?? null, 'field is immutable for unsuspended job once set')
  }
}

function* finishedErrors(now: View, old: View): Generator<FieldError> {
  const { status } = now
  const finished = now.complete || now.failed
  if (!finished) return
  const changed = finished !== (old.complete || old.failed)
  const { active = 0, terminating = 0, startTime, uncountedTerminatedPods: pods } = status
  if ((changed || active !== (old.status.active ?? 0)) && active > 0) yield fieldInvalid('status.active', active, 'active>0 is invalid for finished job')
  const startChanged = (startTime ?? undefined) !== (old.status.startTime ?? undefined)
  const emptyAndSuspended = now.job.spec?.suspend === true && now.job.spec.completions === 0
  if ((changed || startChanged) && !emptyAndSuspended && !startTime) yield fieldRequired('status.startTime', 'startTime is required for finished job')
  if ((changed || !semanticEqual(pods, old.status.uncountedTerminatedPods)) && (pods?.failed?.length ?? 0) + (pods?.succeeded?.length ?? 0) > 0) {
    yield fieldInvalid('status.uncountedTerminatedPods', { Succeeded: pods?.succeeded ?? null, Failed: pods?.failed ?? null }, 'must be empty for finished job')
  }
  if ((changed || terminating !== (old.status.terminating ?? 0)) && terminating > 0) {
    yield fieldInvalid('status.terminating', terminating, 'terminating>0 is invalid for finished job')
  }
}

function* indexErrors({ job: { spec }, status }: View, completedChanged: boolean, failedChanged: boolean): Generator<FieldError> {
  const { completedIndexes: completed = '', failedIndexes: failed } = status
  const completions = spec?.completions
  const malformed = function* (name: string, text: string): Generator<FieldError> {
    const indexes = indexesOf(text, completions!)
    if (typeof indexes === 'string') yield fieldInvalid(`status.${name}`, text, `error parsing ${name}: ${indexes}`)
  }
  if (completedChanged && completions !== undefined) yield* malformed('completedIndexes', completed)
  if (failedChanged && completions !== undefined && spec?.backoffLimitPerIndex !== undefined && failed !== undefined) {
    yield* malformed('failedIndexes', failed)
  }
  if (completedChanged && completed !== '' && spec?.completionMode !== 'Indexed') {
    yield fieldInvalid('status.completedIndexes', completed, 'cannot set non-empty completedIndexes when non-indexed completion mode')
  }
  if (failedChanged && spec?.backoffLimitPerIndex === undefined && failed !== undefined) {
    yield fieldInvalid('status.failedIndexes', failed, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')
  }
  if ((completedChanged || failedChanged) && completions !== undefined && failed !== undefined) {
    const hit = overlapOf(completed, failed, completions)
    if (hit !== undefined) yield fieldInvalid('status.failedIndexes', failed, `failedIndexes and completedIndexes overlap at index: ${hit}`)
  }
}

export function* validateJobStatus(job: Job, oldJob: Job): Generator<FieldError> {
  const [now, old] = [viewOf(job), viewOf(oldJob)]
  const { status } = now
  for (const name of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const) yield* nonNegative(`status.${name}`, status[name])
  if (status.uncountedTerminatedPods) yield* uncounted(status.uncountedTerminatedPods)
  const completedChanged = (status.completedIndexes ?? '') !== (old.status.completedIndexes ?? '')
  const failedChanged = status.failedIndexes !== old.status.failedIndexes
  yield* conditionErrors(now, old, failedChanged)
  yield* timeErrors(now, old)
  yield* finishedErrors(now, old)
  yield* indexErrors(now, completedChanged, failedChanged)
  const { ready, active = 0, failed = 0, succeeded = 0 } = status
  if ((ready !== old.status.ready || active !== (old.status.active ?? 0)) && ready !== undefined && ready > active) {
    yield fieldInvalid('status.ready', ready, 'cannot set more ready pods than active')
  }
  if (failed < (old.status.failed ?? 0)) yield fieldInvalid('status.failed', failed, 'cannot decrease the failed counter')
  const scalable = job.spec?.completionMode === 'Indexed' && job.spec.completions === job.spec.parallelism
  if (!scalable && succeeded < (old.status.succeeded ?? 0)) yield fieldInvalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter')
}
