/** What to do about a cron job now (upstream: pkg/controller/cronjob cronjob_controllerv2.go). Pure. */
import type { CronJob, Job } from '../../api/generated/types/batch-v1.ts'
import type { ObjectReference } from '../../api/generated/types/core-v1.ts'
import { cronJobs, jobs as jobResource } from '../../api/generated/resources.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { create, event, isNamespaceTerminating, type Outcome, remove, type Step, updateStatus } from '../../client/steps.ts'
import { formatIn3339, isTimeZone, nextTime, parseSchedule, type Schedule } from '../../api/helpers/cron-schedule.ts'

export interface CronJobSnapshot {
  readonly cronJob: CronJob
  /** Those that it controls. */
  readonly jobs: readonly Job[]
}

type Status = NonNullable<CronJob['status']>

/** Looks a little after the time, so that the clock is past it. */
const deltaMs = 100

export function planCronJob({ cronJob, jobs }: CronJobSnapshot, { now }: World): Plan {
  const seen = takeStock(cronJob, jobs)
  const history = oldJobs(cronJob, jobs)
  const status: Status = { ...seen.status, active: (seen.status.active ?? []).filter(({ uid }) => !history.some((job) => job.metadata.uid === uid)) }
  const cleanup = history.map((job) => deletion(cronJob, job))
  const due = schedule(cronJob, status, now)
  const begun = due.at === undefined ? undefined : begin(cronJob, jobs, status, due.at)
  return {
    steps: [...seen.events, ...cleanup, ...due.events, ...(begun?.steps ?? [])],
    status: (outcome) => statusSteps(cronJob, begun === undefined ? status : begun.status(outcome)),
    requeueAfterMs: due.nextMs,
  }
}

const finishedAs = (job: Job): string | undefined =>
  job.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')?.type

/** Compares the list of active jobs with what there is. */
function takeStock(cronJob: CronJob, jobs: readonly Job[]): { status: Status; events: Step[] } {
  const events: Step[] = []
  let active = cronJob.status?.active ?? []
  let lastSuccessfulTime = cronJob.status?.lastSuccessfulTime
  for (const job of jobs) {
    const { name, uid } = job.metadata
    const listed = active.some((one) => one.uid === uid)
    const finished = finishedAs(job)
    if (finished === undefined) {
      if (!listed) events.push(event(cronJob, 'Warning', 'UnexpectedJob', `Saw a job that the controller did not create or forgot: ${name}`))
      continue
    }
    if (listed) {
      active = active.filter((one) => one.uid !== uid)
      events.push(event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${finished}`))
    }
    const completed = job.status?.completionTime
    if (finished === 'Complete' && completed !== undefined && completed > (lastSuccessfulTime ?? '')) lastSuccessfulTime = completed
  }
  const known = new Set(jobs.map(({ metadata }) => metadata.uid))
  for (const missing of active.filter(({ uid }) => !known.has(uid))) {
    events.push(event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${missing.name}`))
  }
  return { events, status: { ...cronJob.status, active: active.filter(({ uid }) => known.has(uid)), lastSuccessfulTime } }
}

/** Finished jobs beyond the history limits, the oldest first. */
function oldJobs(cronJob: CronJob, jobs: readonly Job[]): Job[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec ?? {}
  const surplus = (type: string, limit: number | undefined): Job[] => {
    if (limit === undefined) return []
    const finished = jobs.filter((job) => finishedAs(job) === type && job.metadata.deletionTimestamp === undefined).sort(byStart)
    return finished.slice(0, Math.max(0, finished.length - limit))
  }
  return [...surplus('Complete', successfulJobsHistoryLimit), ...surplus('Failed', failedJobsHistoryLimit)]
}

function byStart(a: Job, b: Job): number {
  const [left = '~', right = '~'] = [a.status?.startTime, b.status?.startTime]
  if (left !== right) return left < right ? -1 : 1
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
}

function deletion(cronJob: CronJob, { metadata }: Pick<Job, 'metadata'>): Step {
  const { namespace, name = '' } = metadata
  return remove(jobResource, { namespace, name }, { propagationPolicy: 'Background' }, {
    ignore: ['NotFound'], tolerate: true,
    onDone: () => [event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`)],
    onError: (error) => [event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${error.message}`)],
  })
}

interface Due {
  /** The time for which a job is to be started now. */
  readonly at?: number
  readonly nextMs?: number
  readonly events: Step[]
}

function schedule(cronJob: CronJob, status: Status, now: number): Due {
  const { spec, metadata } = cronJob
  const warn = (reason: string, message: string): Due => ({ events: [event(cronJob, 'Warning', reason, message)] })
  if (metadata.deletionTimestamp !== undefined || spec === undefined) return { events: [] }
  const { timeZone } = spec
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    return warn('UnknownTimeZone', `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`)
  }
  if (spec.suspend === true) return { events: [] }
  let parsed: Schedule
  try {
    parsed = parseSchedule(spec.schedule, timeZone)
  } catch (error) {
    return warn('UnparseableSchedule', `unparseable schedule: ${JSON.stringify(spec.schedule)} : ${(error as Error).message}`)
  }
  const earliest = parseTime(cronJob.status?.lastScheduleTime ?? metadata.creationTimestamp ?? '') ?? now
  const nextMs = nextAfter(parsed, now)
  const deadline = spec.startingDeadlineSeconds
  const limited = deadline === undefined ? earliest : Math.max(earliest, now - deadline * 1000)
  const { at, missed } = mostRecent(parsed, limited, now)
  const events: Step[] = []
  if (missed > 100) {
    const text = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
    events.push(event(cronJob, 'Warning', 'TooManyMissedTimes', text))
  }
  if (at === undefined) return { events, nextMs }
  if (deadline !== undefined && at + deadline * 1000 < now) {
    const text = `Missed scheduled time to start a job: ${new Date(at).toUTCString().replace('GMT', '+0000')}`
    return { events: [...events, event(cronJob, 'Warning', 'MissSchedule', text)], nextMs }
  }
  const active = status.active ?? []
  if (active.some(({ name }) => name === jobName(cronJob, at)) || cronJob.status?.lastScheduleTime === formatTime(at)) return { events, nextMs }
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    const text = 'Not starting job because prior execution is running and concurrency policy is Forbid'
    return { events: [...events, event(cronJob, 'Normal', 'JobAlreadyActive', text)], nextMs }
  }
  return { at, events, nextMs }
}

function nextAfter(parsed: Schedule, now: number): number | undefined {
  const next = nextTime(parsed, now)
  return next === undefined ? undefined : next + deltaMs - now
}

/** The last scheduled time in (earliest, now], and how many there were. */
function mostRecent(parsed: Schedule, earliest: number, now: number): { at: number | undefined; missed: number } {
  const first = nextTime(parsed, earliest)
  if (first === undefined || first > now) return { at: undefined, missed: 0 }
  const second = nextTime(parsed, first)
  if (second === undefined || second > now) return { at: first, missed: 0 }
  const distance = second - first
  const missed = Math.floor((now - first) / distance) + 1
  // Times are not always equally far apart: the last steps are taken one by one.
  let at = first
  for (let next = nextTime(parsed, first + (missed - 2) * distance); next !== undefined && next <= now; next = nextTime(parsed, next)) at = next
  return { at, missed }
}

export const jobName = (cronJob: CronJob, at: number): string => `${cronJob.metadata.name}-${Math.floor(at / 60_000)}`

function begin(cronJob: CronJob, jobs: readonly Job[], status: Status, at: number): { steps: Step[]; status: (outcome: Outcome) => Status } {
  const replace = cronJob.spec?.concurrencyPolicy === 'Replace' ? (status.active ?? []) : []
  const job = jobFor(cronJob, at)
  const kept: Status = { ...status, active: (status.active ?? []).filter((one) => !replace.includes(one)) }
  return {
    steps: [
      ...replace.map(({ namespace, name }) => deletion(cronJob, { metadata: { namespace, name } })),
      create(jobResource, job, {
        ignore: ['AlreadyExists'],
        onDone: () => [event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`)],
        onError: (error) => (isNamespaceTerminating(error) ? [] : [event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${error.message}`)]),
      }),
    ],
    status(outcome) {
      const made = outcome.made.find(({ metadata }) => metadata?.name === job.metadata.name && metadata.creationTimestamp !== undefined)
        ?? jobs.find(({ metadata }) => metadata.name === job.metadata.name)
      if (made === undefined || outcome.errors.length > 0) return kept
      const { name, namespace, uid, resourceVersion } = made.metadata
      const reference: ObjectReference = { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid, resourceVersion }
      return { ...kept, active: [...(kept.active ?? []), reference], lastScheduleTime: formatTime(at) }
    },
  }
}

function jobFor(cronJob: CronJob, at: number): Job {
  const template = cronJob.spec!.jobTemplate
  return {
    apiVersion: 'batch/v1', kind: 'Job',
    metadata: {
      name: jobName(cronJob, at), namespace: cronJob.metadata.namespace,
      labels: { ...template.metadata?.labels },
      annotations: {
        ...template.metadata?.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': formatIn3339(at, cronJob.spec?.timeZone ?? 'UTC'),
      },
      ownerReferences: [newControllerRef(cronJob, { apiVersion: 'batch/v1', kind: 'CronJob' })],
    },
    spec: template.spec!,
  }
}

function statusSteps(cronJob: CronJob, status: Status): Step[] {
  const { active = [], ...rest } = status
  const next: Status = active.length === 0 ? rest : { ...rest, active }
  const { active: before = [], ...others } = cronJob.status ?? {}
  if (equalJson(next, before.length === 0 ? others : { ...others, active: before })) return []
  return [updateStatus(cronJobs, { ...cronJob, status: next })]
}
