import type { Job } from '../../api/generated/types/batch-v1.ts'
import { cronJobs, jobs } from '../../api/generated/resources.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { parseTime } from '../../api/meta/time.ts'
import { watch } from '../../client/controller.ts'
import { byController, type Index } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { ownKey } from '../shared/owners.ts'
import { type CronJobSnapshot, planCronJob } from './plan.ts'

/** Starts jobs at their times (upstream: pkg/controller/cronjob). */
export const cronJobController: ControllerDefinition<CronJobSnapshot> = {
  name: 'cronjob-controller',
  workers: 5,
  watches: [
    watch(cronJobs, ownKey),
    watch(jobs, (job) => {
      const controller = controllerOf(job)
      return controller?.kind === 'CronJob' ? [`${job.metadata.namespace}/${controller.name}`] : []
    }),
  ],
  snapshot(key, informers) {
    const cronJob = informers.of(cronJobs).get(key)
    if (cronJob === undefined) return undefined
    return { cronJob, jobs: informers.of(jobs).by(byController as Index<Job>, cronJob.metadata.uid ?? '') }
  },
  plan: planCronJob,
  measure({ steps, failed, now }, metrics) {
    if (failed) return
    const buckets = Array.from({ length: 10 }, (_, at) => 2 ** at)
    for (const step of steps) {
      const due = step.do === 'create' ? parseTime(step.object.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'] ?? '') : undefined
      if (due === undefined) continue
      metrics.histogram('cronjob_controller_job_creation_skew_duration_seconds', 'Time between when a cronjob is scheduled to be run, and when the corresponding job is created', buckets)
        .observe(Math.max(0, now - due) / 1000)
    }
  },
}
