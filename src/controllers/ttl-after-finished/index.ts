import type { Job } from '../../api/generated/types/batch-v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { parseTime } from '../../api/meta/time.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { check, remove } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

/** When the job may go, in ms; undefined when it is not finished or has no time to live. */
export function expiresAt({ spec, status }: Job): number | undefined {
  const ttl = spec?.ttlSecondsAfterFinished
  const finished = status?.conditions?.find((one) => (one.type === 'Complete' || one.type === 'Failed') && one.status === 'True')
  const at = parseTime(finished?.lastTransitionTime ?? '')
  return ttl === undefined || ttl === null || at === undefined ? undefined : at + ttl * 1000
}

/** Deletes finished jobs when their time is over (upstream: pkg/controller/ttlafterfinished). */
export const ttlAfterFinishedController: ControllerDefinition<Job> = {
  name: 'ttl-after-finished-controller',
  workers: 5,
  watches: [watch(jobs, ownKey, { deleted: false })],
  snapshot: (key, informers) => informers.of(jobs).get(key),
  plan(job, { now }) {
    const at = job.metadata.deletionTimestamp === undefined ? expiresAt(job) : undefined
    if (at === undefined) return { steps: [] }
    if (at > now) return { steps: [], requeueAfterMs: at - now }
    const { namespace, name = '', uid = '', resourceVersion } = job.metadata
    return {
      steps: [
        // The time to live may have been changed a moment ago: the version guards the deletion.
        check(jobs as Resource<KubeObject>, { namespace, name }, uid),
        remove(jobs, { namespace, name }, { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } }, { ignore: ['NotFound'] }),
      ],
    }
  },
  measure({ snapshot, steps, failed, now }, metrics) {
    if (failed || steps.length === 0) return
    const buckets = Array.from({ length: 14 }, (_, at) => 0.1 * 2 ** at)
    metrics.histogram('ttl_after_finished_controller_job_deletion_duration_seconds', 'The time it took to delete the job since it became eligible for deletion', buckets)
      .observe((now - (expiresAt(snapshot) ?? now)) / 1000)
  },
}
