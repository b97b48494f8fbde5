/** What is told of jobs and of what cron jobs make (upstream: pkg/api/job). */
import type { CronJob, Job, JobSpec } from '../../../api/generated/types/batch-v1.ts'
import { hostnameWarnings, templateWarnings } from '../validation/pod-warnings.ts'
import { semanticEqual } from '../validation/common.ts'

function* specWarnings(path: string, spec: JobSpec | undefined, old: { readonly spec: JobSpec | undefined } | undefined): Generator<string> {
  if (old !== undefined && semanticEqual(spec, old.spec)) return
  if (spec?.completionMode === 'Indexed' && (spec.completions ?? 0) > 100_000 && (spec.parallelism ?? 0) > 10_000) {
    yield `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`
  }
  yield* templateWarnings(`${path}.template`, spec?.template, old === undefined ? undefined : { template: old.spec?.template })
}

export function* jobWarnings({ metadata, spec }: Job, old: Job | undefined): Generator<string> {
  if (old === undefined) yield* hostnameWarnings(metadata.name ?? '')
  yield* specWarnings('spec', spec, old === undefined ? undefined : { spec: old.spec })
}

export function* cronJobWarnings({ metadata, spec }: CronJob, old: CronJob | undefined): Generator<string> {
  if (old === undefined) yield* hostnameWarnings(metadata.name ?? '')
  yield* specWarnings('spec.jobTemplate.spec', spec?.jobTemplate?.spec, old === undefined ? undefined : { spec: old.spec?.jobTemplate?.spec })
  if (old !== undefined && spec?.schedule?.includes('TZ') === true) {
    yield 'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details'
  }
}
