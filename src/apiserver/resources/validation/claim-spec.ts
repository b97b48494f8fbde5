/** Specs of persistent volume claims, of their own or within templates. */
import type { PersistentVolumeClaimSpec, TypedLocalObjectReference, TypedObjectReference } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, keyPath } from '../../../api/meta/field-errors.ts'
import { validateAnnotations, validateLabels, validateLabelSelector } from '../../../api/meta/metadata-validation.ts'
import { isDNS1123Subdomain } from '../../../api/meta/names.ts'
import type { ObjectMeta } from '../../../api/meta/object.ts'
import { compareQuantity } from '../../../api/meta/quantity.ts'
import { dnsSubdomain, invalidAll, namespaceName, nonNegativeQuantity, positiveQuantity, required } from './common.ts'

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
export const volumeModes = ['Block', 'Filesystem']

/** Templates say nothing of metadata but labels and annotations. */
export function* templateMetadata(path: string, metadata: ObjectMeta | undefined): Generator<FieldError> {
  yield* validateAnnotations(metadata?.annotations, `${path}.annotations`)
  yield* validateLabels(metadata?.labels, `${path}.labels`)
  for (const name of ['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation', 'ownerReferences', 'finalizers'] as const) {
    const value = metadata?.[name]
    if (value !== undefined && value !== '' && value !== 0) yield fieldForbidden(`${path}.${name}`, 'cannot be set')
  }
}

function* dataSource(path: string, source: TypedLocalObjectReference | TypedObjectReference, anyGroup: boolean): Generator<FieldError> {
  yield* required(`${path}.name`, source.name)
  yield* required(`${path}.kind`, source.kind)
  const group = source.apiGroup ?? ''
  if (group === '' && source.kind !== 'PersistentVolumeClaim') {
    yield fieldInvalid(path, source.kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
  }
  if (group !== '' && !anyGroup) yield* invalidAll(`${path}.apiGroup`, group, isDNS1123Subdomain(group))
  const namespace = 'namespace' in source ? source.namespace : undefined
  if (namespace) yield* namespaceName(`${path}.namespace`, namespace)
}

function* sources(path: string, spec: PersistentVolumeClaimSpec, anyGroup: boolean): Generator<FieldError> {
  const { dataSource: own, dataSourceRef: ref } = spec
  if (own !== undefined) yield* dataSource(`${path}.dataSource`, own, anyGroup)
  if (ref !== undefined) yield* dataSource(`${path}.dataSourceRef`, ref, anyGroup)
  if (own === undefined || ref === undefined) return
  // Upstream prints the path itself as the bad value.
  if (ref.namespace) yield fieldInvalid(path, {}, 'may not be specified when dataSourceRef.namespace is specified')
  else if (own.apiGroup !== ref.apiGroup || own.kind !== ref.kind || own.name !== ref.name) yield fieldInvalid(path, {}, 'must match dataSourceRef')
}

function* modes(path: string, list: readonly string[]): Generator<FieldError> {
  if (list.length === 0) yield fieldRequired(`${path}.accessModes`, 'at least 1 access mode is required')
  for (const mode of list) if (!accessModes.includes(mode)) yield fieldNotSupported(`${path}.accessModes`, mode, accessModes)
}

/** `anyGroup`: the old object had a data source, whose group may be anything. */
export function* claimSpecErrors(path: string, spec: PersistentVolumeClaimSpec | undefined, anyGroup = false): Generator<FieldError> {
  const list = spec?.accessModes ?? []
  const single = list.includes('ReadWriteOncePod')
  const [missing, ...wrong] = [...modes(path, list)]
  if (list.length === 0 && missing !== undefined) yield missing
  yield* validateLabelSelector(spec?.selector, `${path}.selector`)
  if (list.length > 0 && missing !== undefined) yield missing
  yield* wrong
  if (single && list.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode))) {
    yield fieldForbidden(`${path}.accessModes`, 'may not use ReadWriteOncePod with other access modes')
  }
  const storage = spec?.resources?.requests?.storage
  const at = keyPath(`${path}.resources`, 'storage')
  if (storage === undefined) yield fieldRequired(at)
  else if (compareQuantity(storage, '0') <= 0) yield* positiveQuantity(at, storage)
  else yield* nonNegativeQuantity(at, storage)
  if (spec?.storageClassName) yield* dnsSubdomain(`${path}.storageClassName`, spec.storageClassName)
  if (spec?.volumeMode !== undefined && !volumeModes.includes(spec.volumeMode)) yield fieldNotSupported(`${path}.volumeMode`, spec.volumeMode, volumeModes)
  if (spec !== undefined) yield* sources(path, spec, anyGroup)
  if (spec?.volumeAttributesClassName) yield* dnsSubdomain(`${path}.volumeAttributesClassName`, spec.volumeAttributesClassName)
}
