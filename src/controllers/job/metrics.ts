/** Metrics under upstream's names (pkg/controller/job/metrics). */
import type { Job } from '../../api/generated/types/batch-v1.ts'
import type { Metrics } from '../../base/env.ts'
import type { Measured } from '../../client/reconcile.ts'
import { isFinished, type JobSnapshot } from './plan.ts'

const prefix = 'job_controller_'
const buckets = Array.from({ length: 15 }, (_, at) => 0.004 * 2 ** at)

/** Counts one look at a job that was not finished before. */
export function measureJob({ snapshot: { job }, steps, outcome, failed, seconds }: Measured<JobSnapshot>, metrics: Metrics): void {
  const mode = job.spec?.completionMode ?? 'NonIndexed'
  const ofPods = steps.filter((step) => 'resource' in step && step.resource.resource === 'pods')
  const created = ofPods.filter((step) => step.do === 'create').length
  const action = created > 0 ? 'pods_created' : ofPods.some((step) => step.do === 'delete') ? 'pods_deleted' : 'tracking'
  const labels = ['completion_mode', 'result', 'action']
  const values = { completion_mode: mode, result: failed ? 'error' : 'success', action }
  metrics.histogram(`${prefix}job_sync_duration_seconds`, 'The time it took to sync a job', buckets, labels).observe(seconds, values)
  metrics.counter(`${prefix}job_syncs_total`, 'The number of job syncs', labels).inc(values)
  if (created > 0) {
    const pods = metrics.counter(`${prefix}job_pods_creation_total`, 'The number of Pods created by the Job controller labelled with a reason for the Pod creation.', ['reason', 'status'])
    const refused = Math.min(created, outcome.errors.length)
    const made = Math.max(0, created - refused - outcome.skipped)
    const reason = reasonOf(job)
    if (made > 0) pods.inc({ reason, status: 'succeeded' }, made)
    if (refused > 0) pods.inc({ reason, status: 'failed' }, refused)
  }
  const written = steps.findLast((step) => step.do === 'update' && step.subresource === 'status')
  if (failed || written?.do !== 'update') return
  const next = written.object as Job
  const ended = metrics.counter(`${prefix}job_pods_finished_total`, 'The number of finished Pods that are fully tracked', ['completion_mode', 'result'])
  for (const result of ['succeeded', 'failed'] as const) {
    const more = (next.status?.[result] ?? 0) - (job.status?.[result] ?? 0)
    if (more > 0) ended.inc({ completion_mode: mode, result }, more)
  }
  if (!isFinished(next)) return
  const end = next.status?.conditions?.find(({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True')
  metrics.counter(`${prefix}jobs_finished_total`, 'The number of finished jobs', ['completion_mode', 'result', 'reason'])
    .inc({ completion_mode: mode, result: end?.type === 'Complete' ? 'succeeded' : 'failed', reason: end?.reason ?? '' })
}

/** Pods take the place of others once some have ended or are ending. */
function reasonOf({ spec, status }: Job): string {
  const failed = (status?.failed ?? 0) > 0
  if (failed && spec?.podReplacementPolicy === 'Failed') return 'recreate_failed'
  return failed || (status?.terminating ?? 0) > 0 ? 'recreate_terminating_or_failed' : 'new'
}
