/** Stateful sets and controller revisions. */
import type { ControllerRevision, StatefulSet, StatefulSetSpec } from '../../../api/generated/types/apps-v1.ts'
import type { PodTemplateSpec, Volume } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { validateAnnotations, validateLabels } from '../../../api/meta/metadata-validation.ts'
import { claimSpecErrors } from '../validation/claim-spec.ts'
import { dnsLabel, immutable, nonNegative, semanticEqual } from '../validation/common.ts'
import { podAnnotationErrors } from '../validation/pod-annotations.ts'
import { podTemplateErrors, type Gated } from '../validation/pod-spec.ts'
import {
  atMost100Percent, collisionCount, compiled, countErrors, countLimits, intOrPercent, longRunning, numberOf, selectorErrors, selectorMatches,
} from './workload-validation.ts'

function* rollingUpdate(path: string, rolling: NonNullable<NonNullable<StatefulSetSpec['updateStrategy']>['rollingUpdate']>): Generator<FieldError> {
  yield* nonNegative(`${path}.partition`, rolling.partition)
  const most = rolling.maxUnavailable
  if (most === undefined) return
  yield* intOrPercent(`${path}.maxUnavailable`, most)
  if (numberOf(most) === 0) yield fieldInvalid(`${path}.maxUnavailable`, most, 'cannot be 0')
  yield* atMost100Percent(`${path}.maxUnavailable`, most)
}

function* strategy({ podManagementPolicy: policy, updateStrategy = {} }: StatefulSetSpec): Generator<FieldError> {
  if (!policy) yield fieldRequired('spec.podManagementPolicy')
  else if (policy !== 'OrderedReady' && policy !== 'Parallel') yield fieldInvalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")
  const { type, rollingUpdate: rolling } = updateStrategy
  const path = 'spec.updateStrategy'
  // Upstream prints its internal types.
  const shown = rolling === undefined ? null : { Partition: rolling.partition ?? 0, MaxUnavailable: rolling.maxUnavailable ?? null }
  if (!type) yield fieldRequired(path)
  else if (type === 'OnDelete') {
    if (rolling !== undefined) yield fieldInvalid(`${path}.rollingUpdate`, shown, "only allowed for updateStrategy 'RollingUpdate'")
  } else if (type !== 'RollingUpdate') yield fieldInvalid(path, { Type: type, RollingUpdate: shown }, "must be 'RollingUpdate' or 'OnDelete'")
  else if (rolling !== undefined) yield* rollingUpdate(`${path}.rollingUpdate`, rolling)
}

function* retention({ persistentVolumeClaimRetentionPolicy: policy }: StatefulSetSpec): Generator<FieldError> {
  if (policy === undefined) return
  for (const name of ['whenDeleted', 'whenScaled'] as const) {
    const value = policy[name] ?? ''
    const path = `spec.persistentVolumeClaimRetentionPolicy.${name}`
    if (value !== 'Retain' && value !== 'Delete') yield fieldNotSupported(path, value, ['Retain', 'Delete'])
  }
}

/** The template as its pods will be: with the claims' volumes, and without the names that the set gives. */
function templateOfPods(spec: StatefulSetSpec): PodTemplateSpec {
  const claims = new Map<string, Volume>()
  for (const { metadata } of spec.volumeClaimTemplates ?? []) {
    const name = metadata?.name ?? ''
    claims.set(name, { name, persistentVolumeClaim: { claimName: name } })
  }
  const { subdomain: _s, hostname: _h, ...rest } = spec.template.spec!
  if (claims.size === 0) return { ...spec.template, spec: rest }
  const volumes = [...claims.values(), ...(rest.volumes ?? []).filter((volume) => !claims.has(volume.name))]
  return { ...spec.template, spec: { ...rest, volumes } }
}

interface Skip { readonly template: boolean; readonly claims: boolean; readonly serviceName: boolean }

function* specErrors(spec: StatefulSetSpec, context: Gated, skip: Skip): Generator<FieldError> {
  yield* strategy(spec)
  yield* retention(spec)
  for (const [i, claim] of (skip.claims ? [] : spec.volumeClaimTemplates ?? []).entries()) {
    yield* claimSpecErrors(`${indexPath('spec.volumeClaimTemplates', i)}.spec`, claim.spec)
  }
  yield* nonNegative('spec.replicas', spec.replicas)
  yield* nonNegative('spec.minReadySeconds', spec.minReadySeconds)
  yield* nonNegative('spec.ordinals.start', spec.ordinals?.start)
  if (!skip.serviceName && spec.serviceName) yield* dnsLabel('spec.serviceName', spec.serviceName)
  yield* selectorErrors('spec.selector', spec.selector, 'statefulset')
  const selector = compiled(spec.selector)
  if (selector === undefined) yield fieldInvalid('spec.selector', spec.selector, '')
  else {
    const template = templateOfPods(spec)
    const metadata = template.metadata ?? {}
    if (!selector.empty) yield* selectorMatches('spec.template', selector, template)
    if (!skip.template) yield* podTemplateErrors('spec.template', template, context)
    yield* validateLabels(metadata.labels, 'spec.template.labels')
    yield* validateAnnotations(metadata.annotations, 'spec.template.annotations')
    yield* podAnnotationErrors('spec.template.annotations', metadata.annotations, template.spec!)
  }
  yield* longRunning('spec.template', spec.template, 'StatefulSet')
}

export function* validateStatefulSet({ spec }: StatefulSet, context: Gated): Generator<FieldError> {
  yield* specErrors(spec!, context, { template: false, claims: false, serviceName: false })
}

const changeable = [
  'replicas', 'template', 'updateStrategy', 'minReadySeconds', 'ordinals', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy',
] as const

export function* validateStatefulSetUpdate(set: StatefulSet, old: StatefulSet, context: Gated): Generator<FieldError> {
  const [spec, before] = [set.spec!, old.spec!]
  const lenient = { template: false, claims: true, serviceName: true }
  const wasWrong = [...specErrors(before, context, lenient)].length > 0
  yield* specErrors(spec, context, { ...lenient, template: wasWrong })
  const munged: Record<string, unknown> = { ...spec }
  for (const name of changeable) munged[name] = before[name]
  if (!semanticEqual(munged, before)) {
    yield fieldForbidden('spec', "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
  }
}

export function* validateStatefulSetStatus({ status }: StatefulSet, old: StatefulSet): Generator<FieldError> {
  yield* countErrors(
    status, 'replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas', 'observedGeneration', 'collisionCount',
  )
  yield* countLimits(status, ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'], 'status.readyReplicas')
  yield* collisionCount(status, old.status)
}

export function* validateControllerRevision({ revision, data }: ControllerRevision): Generator<FieldError> {
  yield* nonNegative('revision', revision)
  if (data === undefined || data === null) yield fieldRequired('data', 'data is mandatory')
  else if (typeof data !== 'object' || Array.isArray(data)) yield fieldRequired('data', 'data must be a valid JSON object')
}

export function* validateControllerRevisionUpdate(now: ControllerRevision, old: ControllerRevision): Generator<FieldError> {
  yield* nonNegative('revision', now.revision)
  yield* immutable('data', now.data, old.data)
}
