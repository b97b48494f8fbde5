/** Specs of jobs and cron jobs (upstream: pkg/apis/batch/validation). */
import type { CronJob, Job, JobSpec } from '../../../api/generated/types/batch-v1.ts'
import type { Affinity, PodTemplateSpec } from '../../../api/generated/types/core-v1.ts'
import { parseSchedule, ScheduleError, isTimeZone } from '../../../api/helpers/cron-schedule.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import {
  fieldInvalid, fieldInvalidOmitted, fieldDuplicate, fieldNotSupported, fieldRequired, fieldTooLong, fieldTooMany, indexPath,
} from '../../../api/meta/field-errors.ts'
import { byteLength, goMap, goQuote } from '../../../api/meta/go-text.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isDNS1123Label } from '../../../api/meta/names.ts'
import { isConditionTrue } from '../../../api/meta/conditions.ts'
import { compiled, selectorMatches } from '../apps/workload-validation.ts'
import { domainPrefixedPath, immutable, nonNegative, oneOf, qualifiedName, semanticEqual } from '../validation/common.ts'
import { podTemplateErrors, type Gated } from '../validation/pod-spec.ts'
import { indexesOf } from './indexes.ts'

const maxIndexedParallelism = 100_000
const manyCompletions = 100_000
const limitForMany = 10_000

const listed = (values: readonly string[]): string => `valid values: [${values.map(goQuote).join(' ')}]`

type FailureRule = NonNullable<JobSpec['podFailurePolicy']>['rules'][number]
type ExitCodes = NonNullable<FailureRule['onExitCodes']>

function* exitCodeErrors(path: string, { operator, containerName, values = [] }: ExitCodes, containers: ReadonlySet<string>): Generator<FieldError> {
  const operators = ['In', 'NotIn']
  if (!operator) yield fieldRequired(`${path}.operator`, listed(operators))
  else if (!operators.includes(operator)) yield fieldNotSupported(`${path}.operator`, operator, operators)
  if (typeof containerName === 'string' && !containers.has(containerName)) {
    yield fieldInvalid(`${path}.containerName`, containerName, 'must be one of the container or initContainer names in the pod template')
  }
  if (values.length === 0) yield fieldInvalid(`${path}.values`, values, 'at least one value is required')
  else if (values.length > 255) yield fieldTooMany(`${path}.values`, values.length, 255)
  for (const [i, value] of values.entries()) {
    const at = indexPath(`${path}.values`, i)
    if (operator === 'In' && value === 0) yield fieldInvalid(at, value, 'must not be 0 for the In operator')
    if (values.indexOf(value) < i) yield fieldDuplicate(at, value)
  }
  if (values.some((value, i) => i > 0 && values[i - 1]! > value)) yield fieldInvalid(`${path}.values`, values, 'must be ordered')
}

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore']
const conditionStates = ['False', 'True', 'Unknown']

function* failureRuleErrors(path: string, spec: JobSpec, rule: FailureRule, containers: ReadonlySet<string>): Generator<FieldError> {
  const { action, onExitCodes, onPodConditions = [] } = rule
  if (!action) yield fieldRequired(`${path}.action`, listed(actions))
  else if (action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined) yield fieldInvalid(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set')
  } else if (!actions.includes(action)) yield fieldNotSupported(`${path}.action`, action, actions)
  if (onExitCodes) yield* exitCodeErrors(`${path}.onExitCodes`, onExitCodes, containers)
  if (onPodConditions.length > 20) yield fieldTooMany(`${path}.onPodConditions`, onPodConditions.length, 20)
  for (const [i, { type, status }] of onPodConditions.entries()) {
    const at = indexPath(`${path}.onPodConditions`, i)
    yield* qualifiedName(`${at}.type`, type ?? '')
    if (!status) yield fieldRequired(`${at}.status`, listed(conditionStates))
    else if (!conditionStates.includes(status)) yield fieldNotSupported(`${at}.status`, status, conditionStates)
  }
  if (onExitCodes && onPodConditions.length > 0) {
    yield fieldInvalidOmitted(path, 'specifying both OnExitCodes and OnPodConditions is not supported')
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    yield fieldInvalidOmitted(path, 'specifying one of OnExitCodes and OnPodConditions is required')
  }
}

function* failurePolicyErrors(path: string, spec: JobSpec): Generator<FieldError> {
  const rules = spec.podFailurePolicy?.rules ?? []
  if (rules.length > 20) yield fieldTooMany(`${path}.rules`, rules.length, 20)
  const pod = spec.template?.spec
  const names = new Set([...pod?.containers ?? [], ...pod?.initContainers ?? []].map(({ name }) => name))
  for (const [i, rule] of rules.entries()) yield* failureRuleErrors(indexPath(`${path}.rules`, i), spec, rule, names)
}

function* successPolicyErrors(path: string, { successPolicy, completions = 0 }: JobSpec): Generator<FieldError> {
  const rules = successPolicy?.rules ?? []
  if (rules.length === 0) yield fieldRequired(`${path}.rules`, 'at least one rules must be specified when the successPolicy is specified')
  if (rules.length > 20) yield fieldTooMany(`${path}.rules`, rules.length, 20)
  for (const [i, { succeededCount, succeededIndexes }] of rules.entries()) {
    const at = indexPath(`${path}.rules`, i)
    if (succeededCount === undefined && succeededIndexes === undefined) {
      yield fieldRequired(at, 'at least one of succeededCount or succeededIndexes must be specified')
    }
    let total = 0
    if (succeededIndexes !== undefined) {
      if (byteLength(succeededIndexes) > 65536) yield fieldTooLong(`${at}.succeededIndexes`, 65536)
      const indexes = indexesOf(succeededIndexes, completions)
      if (typeof indexes === 'string') yield fieldInvalid(`${at}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${indexes}`)
      else total = indexes.total
    }
    if (succeededCount === undefined) continue
    yield* nonNegative(`${at}.succeededCount`, succeededCount)
    const atMost = (limit: number, of: string): FieldError =>
      fieldInvalid(`${at}.succeededCount`, succeededCount, `must be less than or equal to ${limit} (the number of ${of})`)
    if (succeededCount > completions) yield atMost(completions, 'specified completions')
    if (succeededIndexes !== undefined && succeededCount > total) yield atMost(total, 'indexes in the specified succeededIndexes field')
  }
}

/** As upstream prints its internal type. */
function internalSuccessPolicy({ successPolicy }: JobSpec): unknown {
  if (!successPolicy) return null
  return { Rules: successPolicy.rules?.map((r) => ({ SucceededIndexes: r.succeededIndexes ?? null, SucceededCount: r.succeededCount ?? null })) ?? null }
}

function internalFailurePolicy({ podFailurePolicy }: JobSpec): unknown {
  if (!podFailurePolicy) return null
  const rules = podFailurePolicy.rules?.map(({ action = '', onExitCodes: codes, onPodConditions }) => ({
    Action: action,
    OnExitCodes: codes ? { ContainerName: codes.containerName ?? null, Operator: codes.operator ?? '', Values: codes.values ?? null } : null,
    OnPodConditions: onPodConditions?.map(({ type = '', status = '' }) => ({ Type: type, Status: status })) ?? null,
  }))
  return { Rules: rules ?? null }
}

function* indexedErrors(path: string, spec: JobSpec): Generator<FieldError> {
  const { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec
  if (completions === undefined) yield fieldRequired(`${path}.completions`, 'when completion mode is Indexed')
  if (parallelism > maxIndexedParallelism) {
    yield fieldInvalid(`${path}.parallelism`, parallelism, `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`)
  }
  if (completions !== undefined && (maxFailedIndexes ?? 0) > completions) {
    yield fieldInvalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions')
  }
  if ((maxFailedIndexes ?? 0) > 100_000) yield fieldInvalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to 100000')
  if ((completions ?? 0) <= manyCompletions || backoffLimitPerIndex === undefined) return
  if (maxFailedIndexes === undefined) yield fieldRequired(`${path}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`)
  for (const [name, value] of [['parallelism', parallelism], ['maxFailedIndexes', maxFailedIndexes ?? 0]] as const) {
    if (value <= limitForMany) continue
    yield fieldInvalid(`${path}.${name}`, value,
      `must be less than or equal to ${limitForMany} when completions are above ${manyCompletions} and used with backoff limit per index`)
  }
}

function* counts(path: string, spec: JobSpec): Generator<FieldError> {
  for (const name of [
    'parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished', 'backoffLimitPerIndex', 'maxFailedIndexes',
  ] as const) yield* nonNegative(`${path}.${name}`, spec[name])
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    yield fieldRequired(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')
  }
}

function* restartPolicy(path: string, { template, podFailurePolicy }: JobSpec): Generator<FieldError> {
  const policy = template?.spec?.restartPolicy
  const at = `${path}.template.spec.restartPolicy`
  if (!policy || policy === 'Always') yield fieldRequired(at, 'valid values: "OnFailure", "Never"')
  else if (policy !== 'OnFailure' && policy !== 'Never') yield fieldNotSupported(at, policy, ['OnFailure', 'Never'])
  else if (podFailurePolicy && policy !== 'Never') {
    yield fieldInvalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')
  }
}

function* replacementPolicy(path: string, { podReplacementPolicy: policy, podFailurePolicy }: JobSpec): Generator<FieldError> {
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']
  if (policy !== undefined && !supported.includes(policy)) yield fieldNotSupported(`${path}.podReplacementPolicy`, policy, supported)
}

/** What jobs and the templates of cron jobs share. */
function* jobSpecErrors(path: string, spec: JobSpec, context: Gated): Generator<FieldError> {
  yield* counts(path, spec)
  if (spec.managedBy !== undefined) {
    yield* domainPrefixedPath(`${path}.managedBy`, spec.managedBy)
    if (byteLength(spec.managedBy) > 63) yield fieldTooLong(`${path}.managedBy`, 63)
  }
  const mode = spec.completionMode ?? 'NonIndexed'
  if (mode !== 'NonIndexed' && mode !== 'Indexed') yield fieldNotSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed'])
  if (mode === 'Indexed') yield* indexedErrors(path, spec)
  if (mode === 'NonIndexed') {
    for (const name of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const) {
      if (spec[name] !== undefined) yield fieldInvalid(`${path}.${name}`, spec[name], 'requires indexed completion mode')
    }
  }
  if (spec.podFailurePolicy) yield* failurePolicyErrors(`${path}.podFailurePolicy`, spec)
  if (spec.successPolicy) {
    if (mode !== 'Indexed') {
      yield fieldInvalid(`${path}.successPolicy`, internalSuccessPolicy(spec), 'requires indexed completion mode')
    } else if (spec.completions !== undefined) yield* successPolicyErrors(`${path}.successPolicy`, spec)
  }
  yield* replacementPolicy(path, spec)
  yield* podTemplateErrors(`${path}.template`, spec.template, context)
  yield* restartPolicy(path, spec)
}

function* hasLabel(labels: Readonly<Record<string, string>> | undefined, key: string, expected: string): Generator<FieldError> {
  const at = 'spec.template.metadata.labels'
  const actual = labels?.[key]
  if (actual === undefined) yield fieldRequired(`${at}[${key}]`, `must be '${expected}'`)
  else if (actual !== expected) yield fieldInvalid(`${at}[${key}]`, goMap(labels), `must be '${expected}'`)
}

const jobNameLabel = 'batch.kubernetes.io/job-name'
const controllerUidLabel = 'batch.kubernetes.io/controller-uid'

function sortedSelector<S extends { matchLabels?: Record<string, string> }>(selector: S): S {
  return selector.matchLabels === undefined ? selector : { ...selector, matchLabels: goMap(selector.matchLabels) }
}

/** The selector and labels that the server makes are those that it would have made. */
function* generatedSelector({ metadata, spec }: Job, prefixed: boolean): Generator<FieldError> {
  if (spec?.manualSelector || !spec?.selector) return
  const { uid = '', name = '' } = metadata
  if (uid === '') yield fieldRequired('metadata.uid')
  const expected: Record<string, string> = { 'controller-uid': uid, 'job-name': name }
  if (prefixed) Object.assign(expected, { [controllerUidLabel]: uid, [jobNameLabel]: name })
  for (const [key, value] of Object.entries(expected)) yield* hasLabel(spec.template?.metadata?.labels, key, value)
  if (compiled(spec.selector)?.matches(expected) === false) yield fieldInvalid('spec.selector', sortedSelector(spec.selector), '`selector` not auto-generated')
}

function* jobErrors(job: Job, context: Gated, prefixed: boolean): Generator<FieldError> {
  const spec = job.spec ?? ({} as JobSpec)
  yield* generatedSelector(job, prefixed)
  yield* jobSpecErrors('spec', spec, context)
  if (!spec.selector) yield fieldRequired('spec.selector')
  else yield* validateLabelSelector(spec.selector, 'spec.selector')
  const selector = compiled(spec.selector)
  if (selector !== undefined) yield* selectorMatches('spec.template', selector, spec.template)
  if (spec.completionMode !== 'Indexed' || !spec.completions || spec.completions <= 0) return
  const hostname = `${job.metadata.name}-${spec.completions - 1}`
  if (isDNS1123Label(hostname).length > 0) {
    yield fieldInvalid('metadata.name', job.metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`)
  }
}

/** A new job. */
export function validateJob(job: Job, context: Gated): Generator<FieldError> {
  return jobErrors(job, context, true)
}

/** The old template with what may change of it taken from the new one. */
function withSchedulingDirectives(template: PodTemplateSpec, old: PodTemplateSpec): PodTemplateSpec {
  const { nodeAffinity: _, ...others } = old.spec?.affinity ?? {}
  const kept: Affinity = { ...others, ...(template.spec?.affinity?.nodeAffinity ? { nodeAffinity: template.spec.affinity.nodeAffinity } : {}) }
  const affinity = template.spec?.affinity || Object.keys(kept).length > 0 ? kept : undefined
  const { nodeSelector, tolerations, schedulingGates } = template.spec ?? {}
  return {
    ...old, metadata: { ...old.metadata, annotations: template.metadata?.annotations, labels: template.metadata?.labels },
    spec: { ...old.spec!, affinity, nodeSelector, tolerations, schedulingGates },
  }
}

function withResources(template: PodTemplateSpec, old: PodTemplateSpec): PodTemplateSpec {
  const taken = <C extends { name: string; resources?: unknown }>(next: C[] | undefined, before: C[] | undefined): C[] | undefined =>
    (next?.length !== before?.length ? before : before?.map((c, i) => (c.name === next?.[i]?.name ? { ...c, resources: next[i].resources } : c)))
  return {
    ...old, spec: {
      ...old.spec!, containers: taken(template.spec?.containers, old.spec?.containers) ?? [],
      initContainers: taken(template.spec?.initContainers, old.spec?.initContainers),
    },
  }
}

function* templateUpdate(job: Job, old: Job): Generator<FieldError> {
  const template = job.spec!.template
  const suspended = old.spec?.suspend === true
  const mutable = suspended && (!old.status?.startTime || isConditionTrue(old.status?.conditions, 'Suspended')) && !old.status?.active
  let before = old.spec!.template
  if (mutable) before = withSchedulingDirectives(template, before)
  if (!mutable) yield* immutable('spec.template', template, before)
  else if (!semanticEqual(template.spec, withResources(template, before).spec)) yield* immutable('spec.template.spec', template.spec, undefined)
}

function* completionsUpdate(spec: JobSpec, old: JobSpec): Generator<FieldError> {
  if (spec.completionMode !== 'Indexed') yield* immutable('spec.completions', spec.completions, old.completions)
  else if (spec.completions !== undefined && spec.completions !== old.completions && spec.completions !== spec.parallelism) {
    yield fieldInvalid('spec.completions', spec.completions, 'can only be modified in tandem with spec.parallelism')
  }
}

export function* validateJobUpdate(job: Job, old: Job, context: Gated): Generator<FieldError> {
  const labels = old.spec?.template?.metadata?.labels ?? {}
  yield* jobErrors(job, context, jobNameLabel in labels && controllerUidLabel in labels)
  const [spec, before] = [job.spec ?? ({} as JobSpec), old.spec ?? ({} as JobSpec)]
  yield* completionsUpdate(spec, before)
  yield* immutable('spec.selector', spec.selector, before.selector)
  yield* templateUpdate(job, old)
  for (const name of ['completionMode', 'backoffLimitPerIndex', 'managedBy'] as const) yield* immutable(`spec.${name}`, spec[name], before[name])
  if (!semanticEqual(spec.podFailurePolicy, before.podFailurePolicy)) {
    yield fieldInvalid('spec.podFailurePolicy', internalFailurePolicy(spec), 'field is immutable')
  }
  if (!semanticEqual(spec.successPolicy, before.successPolicy)) yield fieldInvalid('spec.successPolicy', internalSuccessPolicy(spec), 'field is immutable')
}

function* scheduleErrors(path: string, schedule: string, zoneInSchedule: boolean, timeZone: string | undefined): Generator<FieldError> {
  try {
    parseSchedule(schedule)
  } catch (error) {
    yield fieldInvalid(path, schedule, error instanceof ScheduleError ? error.message : String(error))
  }
  if (!schedule.includes('TZ')) return
  if (!zoneInSchedule) yield fieldInvalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')
  else if (timeZone !== undefined) yield fieldInvalid(path, schedule, 'cannot use both timeZone field and TZ or CRON_TZ in schedule')
}

const zonePart = /^[A-Za-z.\-_0-9+]{1,14}$/

function* timeZoneErrors(path: string, timeZone: string): Generator<FieldError> {
  if (timeZone === '') yield fieldInvalid(path, timeZone, 'timeZone must be nil or non-empty string')
  else if (timeZone.split('/').some((part) => part === '.' || part === '..' || part.startsWith('-') || !zonePart.test(part))) {
    yield fieldInvalid(path, timeZone, `unknown time zone ${timeZone}`)
  } else {
    if (timeZone.toLowerCase() === 'local') {
      yield fieldInvalid(path, timeZone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones')
    }
    if (timeZone !== 'Local' && !isTimeZone(timeZone)) yield fieldInvalid(path, timeZone, `unknown time zone ${timeZone}`)
  }
}

function* cronJobErrors({ spec }: CronJob, old: CronJob | undefined, context: Gated): Generator<FieldError> {
  if (!spec?.schedule) yield fieldRequired('spec.schedule')
  else yield* scheduleErrors('spec.schedule', spec.schedule, old?.spec?.schedule.includes('TZ') ?? false, spec.timeZone)
  yield* nonNegative('spec.startingDeadlineSeconds', spec?.startingDeadlineSeconds)
  if (spec?.timeZone !== undefined && old?.spec?.timeZone !== spec.timeZone) yield* timeZoneErrors('spec.timeZone', spec.timeZone)
  yield* oneOf('spec.concurrencyPolicy', spec?.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'])
  const job = spec?.jobTemplate?.spec ?? ({} as JobSpec)
  yield* jobSpecErrors('spec.jobTemplate.spec', job, context)
  if (job.selector) yield fieldInvalid('spec.jobTemplate.spec.selector', job.selector, '`selector` will be auto-generated')
  if (job.manualSelector) yield fieldNotSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false'])
  yield* nonNegative('spec.successfulJobsHistoryLimit', spec?.successfulJobsHistoryLimit)
  yield* nonNegative('spec.failedJobsHistoryLimit', spec?.failedJobsHistoryLimit)
}

export function* validateCronJob(job: CronJob, context: Gated): Generator<FieldError> {
  yield* cronJobErrors(job, undefined, context)
  if (byteLength(job.metadata.name ?? '') > 52) yield fieldInvalid('metadata.name', job.metadata.name, 'must be no more than 52 characters')
}

export const validateCronJobUpdate = (job: CronJob, old: CronJob, context: Gated): Generator<FieldError> => cronJobErrors(job, old, context)
