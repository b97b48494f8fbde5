import type { CronJob } from '../../../api/generated/types/batch-v1.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { ageOf } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { ageColumn, boolean, integer, nameColumn, templateColumns, text, wide } from '../columns.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateCronJob, validateCronJobUpdate } from './job-validation.ts'
import { defaultJobTemplateSpec } from './jobs.ts'
import { cronJobWarnings } from './job-warnings.ts'

function setDefaults({ spec }: CronJob): void {
  if (spec === undefined) return
  spec.concurrencyPolicy ||= 'Allow'
  spec.suspend ??= false
  spec.successfulJobsHistoryLimit ??= 3
  spec.failedJobsHistoryLimit ??= 1
  if (spec.jobTemplate?.spec !== undefined) defaultJobTemplateSpec(spec.jobTemplate.spec)
}

const suspendText = (suspend: boolean | undefined): string => (suspend === undefined ? '<unset>' : suspend ? 'True' : 'False')

export const cronJobs = builtin<CronJob>({
  group: 'batch', version: 'v1', resource: 'cronjobs',
  unconditionalUpdate: true,
  default: setDefaults,
  prepareForCreate(job, { feature }) {
    job.status = {}
    dropDisabledTemplateFields(job.spec?.jobTemplate?.spec?.template, undefined, feature)
  },
  prepareForUpdate: (job, old, { feature }) =>
    dropDisabledTemplateFields(job.spec?.jobTemplate?.spec?.template, old.spec?.jobTemplate?.spec?.template, feature),
  validate: validateCronJob,
  validateUpdate: validateCronJobUpdate,
  subresources: { status: statusSubresource() },
  warnings: cronJobWarnings,
  columns: [
    nameColumn(),
    text('Schedule', (o) => o.spec?.schedule),
    text('Timezone', (o) => o.spec?.timeZone ?? '<none>'),
    boolean('Suspend', (o) => suspendText(o.spec?.suspend)),
    integer('Active', (o) => o.status?.active?.length ?? 0),
    text('Last Schedule', (o, now) => (o.status?.lastScheduleTime ? ageOf(o.status.lastScheduleTime, now) : '<none>')),
    ageColumn(),
    ...templateColumns<CronJob>((o) => o.spec?.jobTemplate?.spec?.template),
    wide('Selector', (o) => formatLabelSelector(o.spec?.jobTemplate?.spec?.selector)),
  ],
})
