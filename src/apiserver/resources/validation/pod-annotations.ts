/** Annotations of pods that once were features, and must agree with the fields that replaced them. */
import type { PodSpec } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, keyPath } from '../../../api/meta/field-errors.ts'
import { localDescendingPath } from './common.ts'
import { forEachContainer } from './pod-walk.ts'

type Annotations = Readonly<Record<string, string>> | undefined

export const mirrorKey = 'kubernetes.io/config.mirror'
export const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'
const deletionCostKey = 'controller.kubernetes.io/pod-deletion-cost'
const seccompPodKey = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompPrefix = 'container.seccomp.security.alpha.kubernetes.io/'
const localhost = 'localhost/'

function* seccompValue(path: string, value: string): Generator<FieldError> {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(value)) return
  if (value.startsWith(localhost)) yield* localDescendingPath(path, value.slice(localhost.length))
  else yield fieldInvalid(path, value, 'must be a valid seccomp profile')
}

function containerNames(spec: PodSpec): Set<string> {
  const names = new Set<string>()
  forEachContainer('', spec, (container) => void names.add(container.name))
  return names
}

function* appArmorValues(path: string, annotations: NonNullable<Annotations>, spec: PodSpec): Generator<FieldError> {
  const names = containerNames(spec)
  for (const [key, value] of Object.entries(annotations)) {
    if (!key.startsWith(appArmorPrefix)) continue
    const name = key.slice(appArmorPrefix.length)
    if (!names.has(name)) yield fieldInvalid(keyPath(path, key), name, 'container not found')
    if (value !== '' && value !== 'runtime/default' && value !== 'unconfined' && !value.startsWith(localhost)) {
      yield fieldInvalid(keyPath(path, key), value, `invalid AppArmor profile name: ${JSON.stringify(value)}`)
    }
  }
}

function isInt32(text: string): boolean {
  return /^-?(0|[1-9][0-9]*)$/.test(text) && Number(text) >= -2147483648 && Number(text) <= 2147483647
}

/** `path` is that of the annotations. */
export function* podAnnotationErrors(path: string, annotations: Annotations, spec: PodSpec): Generator<FieldError> {
  if (annotations === undefined) return
  const mirror = annotations[mirrorKey]
  if (mirror !== undefined && !spec.nodeName) yield fieldInvalid(keyPath(path, mirrorKey), mirror, 'must set spec.nodeName if mirror pod annotation is set')
  const cost = annotations[deletionCostKey]
  if (cost !== undefined && !isInt32(cost)) yield fieldInvalid(keyPath(path, deletionCostKey), cost, 'must be a 32bit integer')
  for (const [key, value] of Object.entries(annotations)) {
    if (key === seccompPodKey || key.startsWith(seccompPrefix)) yield* seccompValue(`${path}.${key}`, value)
  }
  yield* appArmorValues(path, annotations, spec)
}

interface Profile { type: string; localhostProfile?: string }

function* mismatch(path: string, what: string, profile: Profile, annotation: string): Generator<FieldError> {
  const type = fieldForbidden(`${path}.type`, `${what} type in annotation and field must match`)
  switch (profile.type) {
    case 'Unconfined':
      if (annotation !== 'unconfined') yield type
      break
    case 'RuntimeDefault':
      if (annotation !== 'runtime/default' && !(what === 'seccomp' && annotation === 'docker/default')) yield type
      break
    case 'Localhost':
      if (!annotation.startsWith(localhost)) yield type
      else if (annotation.slice(localhost.length) !== profile.localhostProfile) {
        yield fieldForbidden(`${path}.localhostProfile`, `${what} profile in annotation and field must match`)
      }
      break
  }
}

/** `path` is that of the spec. */
export function* seccompAnnotationErrors(path: string, annotations: Annotations, spec: PodSpec): Generator<FieldError> {
  const own = spec.securityContext?.seccompProfile
  const ofPod = annotations?.[seccompPodKey]
  if (own !== undefined && ofPod !== undefined) yield* mismatch(`${path}.securityContext.seccompProfile`, 'seccomp', own, ofPod)
  const errors: FieldError[] = []
  forEachContainer(path, spec, (container, at) => {
    const profile = container.securityContext?.seccompProfile
    const annotation = annotations?.[seccompPrefix + container.name]
    if (profile !== undefined && annotation !== undefined) {
      errors.push(...mismatch(`${at}.securityContext.seccompProfile`, 'seccomp', profile, annotation))
    }
  })
  yield* errors
}

export function* appArmorAnnotationErrors(path: string, annotations: Annotations, spec: PodSpec): Generator<FieldError> {
  if (annotations === undefined || spec.os?.name === 'windows') return
  const errors: FieldError[] = []
  forEachContainer(path, spec, (container, at) => {
    const profile = container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile
    const annotation = annotations[appArmorPrefix + container.name]
    if (profile !== undefined && annotation !== undefined) {
      errors.push(...mismatch(`${at}.securityContext.appArmorProfile`, 'apparmor', profile, annotation))
    }
  })
  yield* errors
}

/** Annotations that a running pod cannot gain, lose or change. */
export function* podAnnotationUpdateErrors(path: string, annotations: Annotations, old: Annotations, spec: PodSpec): Generator<FieldError> {
  const names = new Set([...Object.keys(old ?? {}), ...Object.keys(annotations ?? {})])
  for (const key of names) {
    const [now, before] = [annotations?.[key], old?.[key]]
    if (now === before) continue
    const action = before === undefined ? 'add' : 'remove or update'
    if (key.startsWith(appArmorPrefix)) yield fieldForbidden(keyPath(path, key), `may not ${action} AppArmor annotations`)
    if (key === mirrorKey) yield fieldForbidden(keyPath(path, key), `may not ${action} mirror pod annotation`)
  }
  yield* podAnnotationErrors(path, annotations, spec)
}
