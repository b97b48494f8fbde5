/** A job's pods: which to make, which to remove (upstream: job_controller.go manageJob). Pure. */
import type { Job } from '../../api/generated/types/batch-v1.ts'
import type { Container, Pod, PodTemplateSpec } from '../../api/generated/types/core-v1.ts'
import { pods as podResource } from '../../api/generated/resources.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { batch, patch, type Step } from '../../client/steps.ts'
import { podsToDelete } from '../shared/pod-ranking.ts'
import { createPod, deletePod, podFromTemplate } from '../shared/pods.ts'
import {
  completionIndex, failureCountAnnotation, failureCounts, ignoredFailureCountAnnotation, indexAnnotation,
} from './indexes.ts'
import { judgeFailure } from './policies.ts'

export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
const jobKind = { apiVersion: 'batch/v1', kind: 'Job' }
const maxGeneratedPrefix = 58

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === 'Indexed'
export const isSuspended = (job: Job): boolean => job.spec?.suspend === true
export const isTracked = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(trackingFinalizer) ?? false
export const hasLimitPerIndex = (job: Job): boolean => job.spec?.backoffLimitPerIndex !== undefined && job.spec.backoffLimitPerIndex !== null

/** Whether a pod that is being deleted is replaced only when it has ended. */
export const replacesFailedOnly = (job: Job): boolean => job.spec?.podReplacementPolicy === 'Failed' || job.spec?.podFailurePolicy !== undefined

/** Whether the pod counts as failed: it has, or it is going and nobody waits for how it ends. */
export function isFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === 'Failed') return true
  return !replacesFailedOnly(job) && pod.metadata.deletionTimestamp !== undefined && pod.status?.phase !== 'Succeeded'
}

export function releaseFinalizer({ metadata }: Pod): Step {
  return patch(podResource, { namespace: metadata.namespace, name: metadata.name ?? '' }, 'strategic', {
    metadata: { '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] },
  }, { ignore: ['NotFound'] })
}

/** Deletes pods that are not to be counted: their finalizer goes first. */
export function removePods(job: Job, pods: readonly Pod[]): Step[] {
  if (pods.length === 0) return []
  return [batch(pods.filter(isTracked).map(releaseFinalizer)), batch(pods.map((pod) => deletePod(pod, job)))]
}

/** Deletes pods of a job that has come to its end; they are counted when they are gone. */
export function endPods(job: Job, pods: readonly Pod[]): Step[] {
  return pods.length === 0 ? [] : [batch(pods.map((pod) => deletePod(pod, job)))]
}

/** At least `count` of the active pods: doubles of an index and indexes beyond the last go in any case. */
export function surplusPods(job: Job, active: readonly Pod[], count: number, now: number): Pod[] {
  if (!isIndexed(job)) return least(active, count, now)
  const remove: Pod[] = []
  const left: Pod[] = []
  const byIndex = Map.groupBy(active, (pod) => completionIndex(pod))
  for (const [index, pods] of byIndex) {
    if (index === undefined || index >= (job.spec?.completions ?? 0)) remove.push(...pods)
    else {
      const doubles = least(pods, pods.length - 1, now)
      remove.push(...doubles)
      left.push(...pods.filter((pod) => !doubles.includes(pod)))
    }
  }
  const more = Math.max(0, count - remove.length)
  return [...remove, ...least(left, more, now)]
}

/** Those whose finalizer is off already are on their way out: a deletion was cut short, and nobody would count them. */
function least(active: readonly Pod[], count: number, now: number): Pod[] {
  const going = active.filter((pod) => !isTracked(pod)).slice(0, count)
  const rest = count - going.length
  return rest <= 0 ? going : [...going, ...podsToDelete(active.filter(isTracked), [], rest, now).slice(0, rest)]
}

/** New pods; with `indexes` one for each of them. `replaced` is the failed pod that an index had last. */
export function makePods(job: Job, count: number, indexes: readonly number[] | undefined, replaced: ReadonlyMap<number, Pod>): Step[] {
  const template = job.spec!.template
  const prepared = withFinalizer(indexes === undefined ? template : withIndexVariable(template))
  const reference = newControllerRef(job, jobKind)
  const plain = podFromTemplate(prepared, job, reference)
  const pods = indexes === undefined
    ? Array.from({ length: count }, () => plain)
    : indexes.map((index) => indexedPod(job, plain, index, replaced.get(index)))
  return pods.length === 0 ? [] : [batch(pods.map((pod) => createPod(pod, job)), true)]
}

function withFinalizer(template: PodTemplateSpec): PodTemplateSpec {
  const finalizers = template.metadata?.finalizers ?? []
  if (finalizers.includes(trackingFinalizer)) return template
  return { ...template, metadata: { ...template.metadata, finalizers: [...finalizers, trackingFinalizer] } }
}

function withIndexVariable(template: PodTemplateSpec): PodTemplateSpec {
  const name = 'JOB_COMPLETION_INDEX'
  const variable = { name, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexAnnotation}']` } } }
  const add = (container: Container): Container =>
    container.env?.some((one) => one.name === name) === true ? container : { ...container, env: [...(container.env ?? []), variable] }
  const spec = template.spec!
  return {
    ...template,
    spec: {
      ...spec, containers: spec.containers.map(add),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(add) }),
    },
  }
}

function indexedPod(job: Job, plain: Pod, index: number, replaced: Pod | undefined): Pod {
  const name = job.metadata.name ?? ''
  const suffix = `-${index}-`
  const value = { [indexAnnotation]: String(index) }
  return {
    ...plain,
    metadata: {
      ...plain.metadata,
      generateName: `${name}${suffix}`.length > maxGeneratedPrefix ? name.slice(0, maxGeneratedPrefix - suffix.length) + suffix : name + suffix,
      labels: { ...plain.metadata.labels, ...value },
      annotations: { ...plain.metadata.annotations, ...value, ...(hasLimitPerIndex(job) ? newFailureCounts(job, replaced) : {}) },
    },
    spec: { ...plain.spec!, hostname: `${name}-${index}` },
  }
}

function newFailureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (replaced === undefined) return { [failureCountAnnotation]: '0' }
  const { counted, ignored } = failureCounts(replaced)
  const counts = judgeFailure(job, replaced).counts
  const nowIgnored = ignored + (counts ? 0 : 1)
  return {
    [failureCountAnnotation]: String(counted + (counts ? 1 : 0)),
    ...(nowIgnored > 0 ? { [ignoredFailureCountAnnotation]: String(nowIgnored) } : {}),
  }
}
