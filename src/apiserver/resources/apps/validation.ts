/** Deployments, replica sets, daemon sets and replication controllers. */
import type { DaemonSet, Deployment, ReplicaSet } from '../../../api/generated/types/apps-v1.ts'
import type { ReplicationController } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired } from '../../../api/meta/field-errors.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { selectorFromSet } from '../../../api/meta/selectors.ts'
import { immutable, nonNegative, size } from '../validation/common.ts'
import { podTemplateErrors, type Gated } from '../validation/pod-spec.ts'
import {
  atMost100Percent, collisionCount, compiled, countErrors, countLimits, intOrPercent, longRunning, numberOf, replicaTemplateErrors, selectorErrors,
  selectorMatches,
} from './workload-validation.ts'

const zero = 0

function* deploymentStrategy({ type = '', rollingUpdate: rolling }: NonNullable<NonNullable<Deployment['spec']>['strategy']>): Generator<FieldError> {
  const path = 'spec.strategy'
  if (type === 'Recreate') {
    if (rolling !== undefined) yield fieldForbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")
  } else if (type !== 'RollingUpdate') {
    // Upstream prints its internal type.
    const shown = rolling === undefined ? null : { MaxUnavailable: rolling.maxUnavailable ?? 0, MaxSurge: rolling.maxSurge ?? 0 }
    yield fieldNotSupported(path, { Type: type, RollingUpdate: shown }, ['Recreate', 'RollingUpdate'])
  } else if (rolling === undefined) yield fieldRequired(`${path}.rollingUpdate`, 'this should be defaulted and never be nil')
  else {
    const { maxUnavailable = zero, maxSurge = zero } = rolling
    yield* intOrPercent(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable)
    yield* intOrPercent(`${path}.rollingUpdate.maxSurge`, maxSurge)
    if (numberOf(maxUnavailable) === 0 && numberOf(maxSurge) === 0) {
      yield fieldInvalid(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0')
    }
    yield* atMost100Percent(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable)
  }
}

export function* validateDeployment({ spec }: Deployment, context: Gated): Generator<FieldError> {
  yield* nonNegative('spec.replicas', spec?.replicas)
  yield* selectorErrors('spec.selector', spec?.selector, 'deployment')
  yield* replicaTemplateErrors(spec ?? {}, context)
  yield* deploymentStrategy(spec?.strategy ?? {})
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds)
  yield* nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit)
  const deadline = spec?.progressDeadlineSeconds
  yield* nonNegative('spec.progressDeadlineSeconds', deadline)
  if (deadline !== undefined && deadline <= (spec?.minReadySeconds ?? 0)) {
    yield fieldInvalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')
  }
}

export function* validateDeploymentUpdate(deployment: Deployment, old: Deployment, context: Gated): Generator<FieldError> {
  yield* validateDeployment(deployment, context)
  yield* immutable('spec.selector', deployment.spec?.selector, old.spec?.selector)
}

export function* validateDeploymentStatus({ status }: Deployment, old: Deployment): Generator<FieldError> {
  yield* countErrors(
    status, 'observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas', 'terminatingReplicas',
    'collisionCount',
  )
  yield* countLimits(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas'])
  yield* collisionCount(status, old.status)
}

export function* validateReplicaSet({ spec }: ReplicaSet, context: Gated): Generator<FieldError> {
  yield* nonNegative('spec.replicas', spec?.replicas)
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds)
  yield* selectorErrors('spec.selector', spec?.selector, 'deployment')
  yield* replicaTemplateErrors(spec ?? {}, context)
}

export function* validateReplicaSetUpdate(set: ReplicaSet, old: ReplicaSet, context: Gated): Generator<FieldError> {
  yield* validateReplicaSet(set, context)
  yield* immutable('spec.selector', set.spec?.selector, old.spec?.selector)
}

/** The status of a ReplicaSet or ReplicationController. */
export function* validateReplicaStatus({ status }: ReplicaSet | ReplicationController): Generator<FieldError> {
  yield* countErrors(status, 'replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration', 'terminatingReplicas')
  yield* countLimits(status, ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'])
}

export function* validateReplicationController({ spec }: ReplicationController, context: Gated): Generator<FieldError> {
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds)
  if (size(spec?.selector) === 0) yield fieldRequired('spec.selector')
  yield* nonNegative('spec.replicas', spec?.replicas)
  if (spec?.template === undefined) {
    yield fieldRequired('spec.template')
    return
  }
  const selector = selectorFromSet(spec.selector)
  if (!selector.empty) yield* selectorMatches('spec.template', selector, spec.template)
  yield* podTemplateErrors('spec.template', spec.template, context)
  yield* longRunning('spec.template', spec.template, 'ReplicationController')
}

type DaemonStrategy = NonNullable<NonNullable<DaemonSet['spec']>['updateStrategy']>

function* daemonStrategy({ type = '', rollingUpdate: rolling }: DaemonStrategy): Generator<FieldError> {
  const path = 'spec.updateStrategy'
  if (type === 'OnDelete') return
  if (type !== 'RollingUpdate') {
    const shown = rolling === undefined ? null : { MaxUnavailable: rolling.maxUnavailable ?? 0, MaxSurge: rolling.maxSurge ?? 0 }
    yield fieldNotSupported(path, { Type: type, RollingUpdate: shown }, ['RollingUpdate', 'OnDelete'])
  } else if (rolling === undefined) yield fieldRequired(`${path}.rollingUpdate`)
  else {
    const at = `${path}.rollingUpdate`
    const { maxUnavailable = zero, maxSurge = zero } = rolling
    yield* intOrPercent(`${at}.maxUnavailable`, maxUnavailable)
    yield* intOrPercent(`${at}.maxSurge`, maxSurge)
    yield* atMost100Percent(`${at}.maxUnavailable`, maxUnavailable)
    yield* atMost100Percent(`${at}.maxSurge`, maxSurge)
    const [unavailable, surge] = [numberOf(maxUnavailable) !== 0, numberOf(maxSurge) !== 0]
    if (unavailable && surge) yield fieldInvalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero')
    if (!unavailable && !surge) yield fieldRequired(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0')
  }
}

export function* validateDaemonSet({ spec }: DaemonSet, context: Gated): Generator<FieldError> {
  yield* validateLabelSelector(spec?.selector, 'spec.selector')
  const selector = compiled(spec?.selector)
  if (selector !== undefined) yield* selectorMatches('spec.template', selector, spec?.template)
  if (selector?.empty) yield fieldInvalid('spec.selector', spec?.selector, 'empty selector is invalid for daemonset')
  yield* podTemplateErrors('spec.template', spec?.template, context)
  yield* longRunning('spec.template', spec?.template, 'DaemonSet')
  yield* nonNegative('spec.minReadySeconds', spec?.minReadySeconds)
  yield* daemonStrategy(spec?.updateStrategy ?? {})
  yield* nonNegative('spec.revisionHistoryLimit', spec?.revisionHistoryLimit)
}

export function* validateDaemonSetUpdate(set: DaemonSet, old: DaemonSet, context: Gated): Generator<FieldError> {
  yield* immutable('spec.selector', set.spec?.selector, old.spec?.selector)
  yield* validateDaemonSet(set, context)
}

export function* validateDaemonSetStatus({ status }: DaemonSet, old: DaemonSet): Generator<FieldError> {
  yield* countErrors(
    status, 'currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady', 'observedGeneration', 'updatedNumberScheduled',
    'numberAvailable', 'numberUnavailable', 'collisionCount',
  )
  yield* collisionCount(status, old.status)
}
