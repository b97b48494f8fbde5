import type { Job } from '../../api/generated/types/batch-v1.ts'
import { cronJobs, jobs } from '../../api/generated/resources.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
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
}
