import type { Job, JobSpec } from '../../../api/generated/types/batch-v1.ts'
import { isConditionTrue } from '../../../api/meta/conditions.ts'
import { formatLabelSelector } from '../../../api/meta/selectors.ts'
import { ageOf, humanDuration, parseTime } from '../../../api/meta/time.ts'
import { builtin, statusSubresource } from '../builtin.ts'
import { jobWarnings } from './job-warnings.ts'
import { ageColumn, nameColumn, templateColumns, text, wide } from '../columns.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { dropDisabledTemplateFields } from '../core/pod-gates.ts'
import { validateJobStatus } from './job-status-validation.ts'
import { validateJob, validateJobUpdate } from './job-validation.ts'

const maxInt32 = 2147483647

export function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : maxInt32
  spec.completionMode ??= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ??= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  spec.manualSelector ??= false
}

/** What a job's spec gets in a CronJob too, where the job's own defaults come only with the job. */
export function defaultJobTemplateSpec(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True'
  }
  defaultPodTemplate(spec.template)
}

function setDefaults({ metadata, spec }: Job): void {
  if (spec === undefined) return
  defaultJobSpec(spec)
  takeTemplateLabels({ metadata, spec } as Job)
  defaultJobTemplateSpec(spec)
}

function takeTemplateLabels({ metadata, spec }: Job): void {
  const labels = spec?.template?.metadata?.labels
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = labels
}

/** Labels that tie pods to their job, and the selector over them, unless the user selects by hand. */
function generateSelector({ metadata, spec }: Job): void {
  if (spec === undefined || spec.manualSelector) return
  const template = (spec.template.metadata ??= {})
  const labels: Record<string, string> = { ...template.labels }
  for (const key of ['job-name', 'batch.kubernetes.io/job-name']) labels[key] ??= metadata.name ?? ''
  for (const key of ['controller-uid', 'batch.kubernetes.io/controller-uid']) labels[key] ??= metadata.uid ?? ''
  // Labels that were defaulted from the template's are one map with it in upstream's memory, and grow with it.
  if (template.labels !== undefined && template.labels === metadata.labels) metadata.labels = { ...labels }
  template.labels = labels
  const selector = (spec.selector ??= {})
  selector.matchLabels = { 'batch.kubernetes.io/controller-uid': metadata.uid ?? '', ...selector.matchLabels }
}

const states = [
  ['Complete', 'Complete'], ['Failed', 'Failed'], ['', 'Terminating'], ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'], ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
] as const

function statusText(o: Job): string {
  const found = states.find(([type]) => (type === '' ? Boolean(o.metadata.deletionTimestamp) : isConditionTrue(o.status?.conditions, type)))
  return found?.[1] ?? 'Running'
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function durationText({ status }: Job, now: Date): string {
  if (!status?.startTime) return ''
  if (!status.completionTime) return ageOf(status.startTime, now)
  return humanDuration((parseTime(status.completionTime) ?? 0) - (parseTime(status.startTime) ?? 0))
}

export const jobs = builtin<Job>({
  group: 'batch', version: 'v1', resource: 'jobs',
  unconditionalUpdate: true,
  defaultDeletionPropagation: 'Orphan',
  default: setDefaults,
  settle: takeTemplateLabels,
  prepareForCreate(job, { feature }) {
    generateSelector(job)
    job.status = {}
    dropDisabledTemplateFields(job.spec?.template, undefined, feature)
  },
  prepareForUpdate: (job, old, { feature }) => dropDisabledTemplateFields(job.spec?.template, old.spec?.template, feature),
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  subresources: { status: statusSubresource({ validateUpdate: validateJobStatus }) },
  unselectable: (field) => `field label ${JSON.stringify(field)} not supported for Job`,
  selectableFields: { 'status.successful': (o) => String(o.status?.succeeded ?? 0) },
  warnings: jobWarnings,
  columns: [
    nameColumn(),
    text('Status', statusText),
    text('Completions', completionsText),
    text('Duration', durationText),
    ageColumn(),
    ...templateColumns<Job>((o) => o.spec?.template),
    wide('Selector', (o) => formatLabelSelector(o.spec?.selector)),
  ],
})
