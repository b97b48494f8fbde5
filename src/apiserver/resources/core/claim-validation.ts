/** What may change of a claim, and what its status may hold. */
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, keyPath } from '../../../api/meta/field-errors.ts'
import { isQualifiedName } from '../../../api/meta/names.ts'
import { compareQuantity, quantityValue, type QuantityLike } from '../../../api/meta/quantity.ts'
import { claimSpecErrors } from '../validation/claim-spec.ts'
import { immutable, invalidAll, semanticEqual } from '../validation/common.ts'
import { unifiedDiff } from '../validation/text-diff.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The new spec with everything put back that may change. */
function withoutAllowedChanges(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): { now: PersistentVolumeClaimSpec; before: PersistentVolumeClaimSpec } {
  const now = { ...claim.spec! }
  const before = { ...old.spec! }
  if (!before.volumeName && now.volumeName !== undefined) before.volumeName = now.volumeName
  const annotated = old.metadata.annotations?.[classAnnotation]
  const given = now.storageClassName !== undefined && before.storageClassName === undefined
  if (given && (annotated === undefined || annotated === now.storageClassName)) delete now.storageClassName
  if (claim.status?.phase === 'Bound') {
    if (now.resources?.requests !== undefined) {
      const storage = before.resources?.requests?.storage
      if (storage !== undefined) now.resources = { ...now.resources, requests: { ...now.resources.requests, storage } }
    }
    if (before.volumeAttributesClassName === undefined) delete now.volumeAttributesClassName
    else now.volumeAttributesClassName = before.volumeAttributesClassName
  }
  return { now, before }
}

function* sizeChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim, mayShrink: boolean): Generator<FieldError> {
  const amount = ({ spec }: PersistentVolumeClaim): QuantityLike => spec?.resources?.requests?.storage ?? '0'
  if (compareQuantity(amount(claim), amount(old)) >= 0) return
  const path = 'spec.resources.requests.storage'
  if (!mayShrink) yield fieldForbidden(path, 'field can not be less than previous value')
  else if (compareQuantity(amount(claim), old.status?.capacity?.storage ?? '0') <= 0) yield fieldForbidden(path, 'field can not be less than status.capacity')
}

function* annotationChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): Generator<FieldError> {
  const [now, before] = [claim, old].map((c) => c.metadata.annotations?.[classAnnotation])
  if (now === before) return
  const upgraded = before !== undefined && old.spec?.storageClassName === undefined && claim.spec?.storageClassName === before && now === undefined
  if (!upgraded) yield fieldInvalid(`metadata.annotations.${classAnnotation}`, now ?? '', 'field is immutable')
}

export function* validateClaim({ spec }: PersistentVolumeClaim): Generator<FieldError> {
  yield* claimSpecErrors('spec', spec)
}

export function* validateClaimUpdate(
  claim: PersistentVolumeClaim, old: PersistentVolumeClaim, { feature }: { readonly feature: (name: string) => boolean },
): Generator<FieldError> {
  const anyGroup = old.spec?.dataSource?.apiGroup !== undefined || old.spec?.dataSourceRef?.apiGroup !== undefined
  yield* claimSpecErrors('spec', claim.spec, anyGroup)
  yield* annotationChange(claim, old)
  const { now, before } = withoutAllowedChanges(claim, old)
  if (!semanticEqual(now, before)) {
    yield fieldForbidden('spec', `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${unifiedDiff(before, now)}`)
  }
  yield* sizeChange(claim, old, feature('RecoverVolumeExpansionFailure') || old.status?.allocatedResources !== undefined)
  yield* immutable('volumeMode', claim.spec?.volumeMode, old.spec?.volumeMode)
  const attributes = claim.spec?.volumeAttributesClassName
  if (attributes === old.spec?.volumeAttributesClassName || old.status?.currentVolumeAttributesClassName === undefined) return
  const held = 'is forbidden when status.currentVolumeAttributesClassName is not nil'
  if (attributes === undefined) yield fieldForbidden('spec.volumeAttributesClassName', `update to nil ${held}`)
  else if (attributes === '') yield fieldForbidden('spec.volumeAttributesClassName', `update to empty string ${held}`)
}

const resizeStatuses = [
  'ControllerResizeInProgress', 'ControllerResizeInfeasible', 'NodeResizeInProgress', 'NodeResizeInfeasible', 'NodeResizePending',
].sort()

function* resourceKey(path: string, name: string): Generator<FieldError> {
  const wrong = [...invalidAll(path, name, isQualifiedName(name))]
  yield* wrong
  const native = !name.includes('/') || name.includes('kubernetes.io/')
  if (wrong.length === 0 && native && name !== 'storage') yield fieldNotSupported(path, name, ['storage'])
}

function* notNegative(path: string, amount: QuantityLike): Generator<FieldError> {
  if (quantityValue(amount) < 0) yield fieldInvalid(path, quantityValue(amount), 'must be a valid resource quantity')
}

export function* validateClaimStatus({ spec, status }: PersistentVolumeClaim): Generator<FieldError> {
  if (!spec?.accessModes?.length) yield fieldRequired('Spec.accessModes')
  for (const [name, amount] of Object.entries(status?.capacity ?? {})) yield* notNegative(keyPath('status.capacity', name), amount)
  for (const [name, value] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    yield* resourceKey('status.allocatedResourceStatuses', name)
    if (!resizeStatuses.includes(value)) yield fieldNotSupported('status.allocatedResourceStatuses', name, resizeStatuses)
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    const wrong = [...resourceKey('status.allocatedResources', name)]
    yield* wrong
    if (wrong.length === 0) yield* notNegative(keyPath('status.allocatedResources', name), amount)
  }
}
