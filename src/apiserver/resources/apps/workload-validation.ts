/** What the kinds that make pods from a template have in common. */
import type { PodTemplateSpec } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired } from '../../../api/meta/field-errors.ts'
import { goMap } from '../../../api/meta/go-text.ts'
import { validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isPercent } from '../../../api/meta/names.ts'
import { selectorFromObject, type LabelSelector, type LabelSelectorObject } from '../../../api/meta/selectors.ts'
import { invalidAll, nonNegative, size } from '../validation/common.ts'
import { podTemplateErrors, type Gated } from '../validation/pod-spec.ts'

export function compiled(selector: LabelSelectorObject | null | undefined): LabelSelector | undefined {
  try {
    return selectorFromObject(selector)
  } catch {
    return undefined
  }
}

/** A selector that must be there and select something less than all. `kind` is what upstream's text says. */
export function* selectorErrors(path: string, selector: LabelSelectorObject | null | undefined, kind: string): Generator<FieldError> {
  if (!selector) {
    yield fieldRequired(path)
    return
  }
  yield* validateLabelSelector(selector, path)
  if (size(selector.matchLabels) + (selector.matchExpressions?.length ?? 0) === 0) {
    yield fieldInvalid(path, selector, `empty selector is invalid for ${kind}`)
  }
}

export function* selectorMatches(path: string, selector: LabelSelector, template: PodTemplateSpec | undefined): Generator<FieldError> {
  const labels = template?.metadata?.labels
  if (!selector.matches(labels ?? {})) yield fieldInvalid(`${path}.metadata.labels`, goMap(labels) ?? null, '`selector` does not match template `labels`')
}

/** Pods that a controller keeps running start again and have no end. */
export function* longRunning(path: string, template: PodTemplateSpec | undefined, kind: string): Generator<FieldError> {
  const spec = template?.spec
  if (spec?.restartPolicy !== 'Always') yield fieldNotSupported(`${path}.spec.restartPolicy`, spec?.restartPolicy ?? '', ['Always'])
  if (spec?.activeDeadlineSeconds !== undefined) {
    yield fieldForbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)
  }
}

/** The template of a ReplicaSet or Deployment with the selector over it. */
export function* replicaTemplateErrors(
  spec: { selector?: LabelSelectorObject; template?: PodTemplateSpec }, context: Gated,
): Generator<FieldError> {
  const selector = compiled(spec.selector)
  if (selector === undefined) {
    yield fieldInvalid('spec.selector', spec.selector, 'invalid label selector')
    return
  }
  if (!selector.empty) yield* selectorMatches('spec.template', selector, spec.template)
  yield* podTemplateErrors('spec.template', spec.template, context)
  yield* longRunning('spec.template', spec.template, 'ReplicaSet')
}

/** A whole number or a percentage; never negative. */
export function* intOrPercent(path: string, value: number | string): Generator<FieldError> {
  if (typeof value === 'string') yield* invalidAll(path, value, isPercent(value))
  else yield* nonNegative(path, value)
}

const percentOf = (value: number | string): number | undefined =>
  typeof value === 'string' && isPercent(value).length === 0 ? Number(value.slice(0, -1)) : undefined

export function numberOf(value: number | string): number {
  return percentOf(value) ?? (typeof value === 'number' ? value : Number.parseInt(value, 10) || 0)
}

export function* atMost100Percent(path: string, value: number | string): Generator<FieldError> {
  if ((percentOf(value) ?? 0) > 100) yield fieldInvalid(path, value, 'must not be greater than 100%')
}

type Counts = object | undefined

/** None of the counts of a status is negative. */
export function* countErrors(status: Counts, ...names: readonly string[]): Generator<FieldError> {
  for (const name of names) yield* nonNegative(`status.${name}`, (status as Record<string, number> | undefined)?.[name])
}

/** No count exceeds status.replicas, and none is available that is not ready. */
export function* countLimits(status: Counts, names: readonly string[], readyText = 'readyReplicas'): Generator<FieldError> {
  const value = (name: string): number => (status as Record<string, number> | undefined)?.[name] ?? 0
  for (const name of names) {
    if (value(name) > value('replicas')) yield fieldInvalid(`status.${name}`, value(name), 'cannot be greater than status.replicas')
  }
  if (value('availableReplicas') > value('readyReplicas')) {
    yield fieldInvalid('status.availableReplicas', value('availableReplicas'), `cannot be greater than ${readyText}`)
  }
}

export function* collisionCount(now: { collisionCount?: number } | undefined, old: { collisionCount?: number } | undefined): Generator<FieldError> {
  const [count, before] = [now?.collisionCount ?? 0, old?.collisionCount]
  if (before !== undefined && count < before) yield fieldInvalid('status.collisionCount', count, 'cannot be decremented')
}
