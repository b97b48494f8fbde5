/** Metrics under upstream's names (pkg/controller/job/metrics). */
import type { Job } from '../../api/generated/types/batch-v1.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { jobs as jobResource, pods as podResource } from '../../api/generated/resources.ts'
import type { Metrics } from '../../base/env.ts'
import type { Informers } from '../../client/informer.ts'
import type { Measured } from '../../client/reconcile.ts'
import { IndexSet } from './indexes.ts'
import { isFinished, type JobSnapshot } from './plan.ts'
import { hasLimitPerIndex, isIndexed, isTracked } from './pods.ts'
import { judgeFailure } from './policies.ts'
import { newlyEnded } from './tracking.ts'

const prefix = 'job_controller_'
const buckets = Array.from({ length: 15 }, (_, at) => 0.004 * 2 ** at)

/** Counts one look at a job that was not finished before. */
export function measureJob({ snapshot: { job, pods }, steps, outcome, failed, seconds }: Measured<JobSnapshot>, metrics: Metrics): void {
  const mode = job.spec?.completionMode ?? 'NonIndexed'
  const ofPods = steps.filter((step) => 'resource' in step && step.resource.resource === 'pods')
  const created = ofPods.filter((step) => step.do === 'create').length
  const action = created > 0 ? 'pods_created' : ofPods.some((step) => step.do === 'delete') ? 'pods_deleted' : 'tracking'
  const labels = ['completion_mode', 'result', 'action']
  const values = { completion_mode: mode, result: failed ? 'error' : 'success', action }
  metrics.histogram(`${prefix}job_sync_duration_seconds`, 'The time it took to sync a job', buckets, labels).observe(seconds, values)
  metrics.counter(`${prefix}job_syncs_total`, 'The number of job syncs', labels).inc(values)
  if (created > 0) {
    const creations = metrics.counter(`${prefix}job_pods_creation_total`, 'The number of Pods created by the Job controller labelled with a reason for the Pod creation.', ['reason', 'status'])
    const refused = Math.min(created, outcome.errors.length)
    const made = Math.max(0, created - refused - outcome.skipped)
    const reason = reasonOf(job)
    if (made > 0) creations.inc({ reason, status: 'succeeded' }, made)
    if (refused > 0) creations.inc({ reason, status: 'failed' }, refused)
  }
  const written = steps.findLast((step) => step.do === 'update' && step.subresource === 'status')
  if (failed || written?.do !== 'update') return
  const next = written.object as Job
  const ended = metrics.counter(`${prefix}job_pods_finished_total`, 'The number of finished Pods that are fully tracked', ['completion_mode', 'result'])
  for (const result of ['succeeded', 'failed'] as const) {
    const more = (next.status?.[result] ?? 0) - (job.status?.[result] ?? 0)
    if (more > 0) ended.inc({ completion_mode: mode, result }, more)
  }
  countIndexes(job, next, metrics)
  countPolicies(job, next, pods, metrics)
  if (!isFinished(next)) return
  const end = next.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')
  metrics.counter(`${prefix}jobs_finished_total`, 'The number of finished jobs', ['completion_mode', 'result', 'reason'])
    .inc({ completion_mode: mode, result: end?.type === 'Complete' ? 'succeeded' : 'failed', reason: end?.reason ?? '' })
}

function countIndexes(job: Job, next: Job, metrics: Metrics): void {
  const completions = job.spec?.completions ?? 0
  if (!isIndexed(job)) return
  const size = (text: string | undefined): number => IndexSet.parse(text, completions).size
  const backoffLimit = hasLimitPerIndex(job) ? 'perIndex' : 'global'
  const finished = metrics.counter(`${prefix}job_finished_indexes_total`, 'The number of finished indexes.', ['status', 'backoffLimit'])
  const succeeded = size(next.status?.completedIndexes) - size(job.status?.completedIndexes)
  const failed = size(next.status?.failedIndexes) - size(job.status?.failedIndexes)
  if (succeeded > 0) finished.inc({ status: 'succeeded', backoffLimit }, succeeded)
  if (failed > 0) finished.inc({ status: 'failed', backoffLimit }, failed)
}

/** Failed pods whose end this status notes for the first time, by what the policy did with them. */
function countPolicies(job: Job, next: Job, pods: readonly Pod[], metrics: Metrics): void {
  if (job.spec?.podFailurePolicy === undefined) return
  const handled = metrics.counter(`${prefix}pod_failures_handled_by_failure_policy_total`, 'The number of failed Pods handled by failure policy with respect to the failure policy action applied based on the matched rule.', ['action'])
  const noted = new Set(next.status?.uncountedTerminatedPods?.failed)
  for (const pod of newlyEnded(job, pods).failed) {
    const { action, counts } = judgeFailure(job, pod)
    if (action !== undefined && (!counts || noted.has(pod.metadata.uid ?? ''))) handled.inc({ action })
  }
}

/** Counts what is seen of pods and jobs themselves, whoever owns them. Answers how to stop. */
export function observeJobs(informers: Informers, metrics: Metrics): () => void {
  const external = metrics.counter(`${prefix}jobs_by_external_controller_total`, 'The number of Jobs managed by an external controller', ['controller_name'])
  const waiting = metrics.counter(`${prefix}terminated_pods_tracking_finalizer_total`, 'The number of terminated pods (phase=Failed|Succeeded) that have the finalizer batch.kubernetes.io/job-tracking. The event label can be "add" or "delete".', ['event'])
  const isWaiting = (pod: Pod | undefined): boolean => pod !== undefined && (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') && isTracked(pod)
  const note = (old: Pod | undefined, pod: Pod | undefined): void => {
    if (isWaiting(old) !== isWaiting(pod)) waiting.inc({ event: isWaiting(pod) ? 'add' : 'delete' })
  }
  const stops = [
    informers.of(jobResource).addHandler({
      add: ({ spec }) => {
        if (spec?.managedBy !== undefined && spec.managedBy !== 'kubernetes.io/job-controller') external.inc({ controller_name: spec.managedBy })
      },
    }),
    informers.of(podResource).addHandler({ add: (pod) => note(undefined, pod), update: (pod, old) => note(old, pod), delete: (pod) => note(pod, undefined) }),
  ]
  return () => stops.forEach((stop) => stop())
}

/** Pods take the place of others once some have ended or are ending. */
function reasonOf({ spec, status }: Job): string {
  const failed = (status?.failed ?? 0) > 0
  if (failed && spec?.podReplacementPolicy === 'Failed') return 'recreate_failed'
  return failed || (status?.terminating ?? 0) > 0 ? 'recreate_terminating_or_failed' : 'new'
}
