/** Checks of metadata that every kind shares (apimachinery pkg/api/validation, pkg/apis/meta/v1/validation). */
import type { FieldError } from './errors.ts'
import {
  childPath, fieldDuplicate, fieldForbidden, fieldInternal, fieldInvalid, fieldNotSupported, fieldRequired, fieldTooLong, indexPath,
} from './field-errors.ts'
import { byteLength, compareText, goQuote } from './go-text.ts'
import type { LabelSelectorObject } from './label-selector.ts'
import { isLabelValue, isQualifiedName, nameIsDNSLabel, regexError } from './names.ts'
import type { NameCheck } from './names.ts'
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from './object.ts'
import { parseApiVersion } from './object.ts'

export const fieldImmutable = 'field is immutable'
export const notNegative = 'must be greater than or equal to 0'
/** Keys and values of all annotations together, in bytes. */
export const annotationsLimit = 256 * 1024

export function* validateLabelName(key: string, path: string): Generator<FieldError> {
  for (const message of isQualifiedName(key)) yield fieldInvalid(path, key, message)
}

export function* validateLabels(
  labels: Readonly<Record<string, string>> | undefined, path: string,
): Generator<FieldError> {
  for (const key in labels) {
    yield* validateLabelName(key, path)
    for (const message of isLabelValue(labels[key]!)) yield fieldInvalid(path, labels[key], message)
  }
}

export function* validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined, path: string,
): Generator<FieldError> {
  let size = 0
  for (const key in annotations) {
    for (const message of isQualifiedName(key.toLowerCase())) yield fieldInvalid(path, key, message)
    size += byteLength(key) + byteLength(annotations[key]!)
  }
  if (size > annotationsLimit) yield fieldTooLong(path, annotationsLimit)
}

function* validateOwnerReference(ref: OwnerReference, path: string): Generator<FieldError> {
  const { group, version } = parseApiVersion(ref.apiVersion ?? '')
  if (version === '') {
    yield fieldInvalid(childPath(path, 'apiVersion'), ref.apiVersion ?? '', 'version must not be empty')
  }
  if (!ref.kind) yield fieldInvalid(childPath(path, 'kind'), ref.kind ?? '', 'must not be empty')
  if (!ref.name) yield fieldInvalid(childPath(path, 'name'), ref.name ?? '', 'must not be empty')
  if (!ref.uid) yield fieldInvalid(childPath(path, 'uid'), ref.uid ?? '', 'must not be empty')
  if (group === '' && version === 'v1' && ref.kind === 'Event') {
    yield fieldInvalid(path, ref, '/v1, Kind=Event is disallowed from being an owner')
  }
}

export function* validateOwnerReferences(
  refs: readonly OwnerReference[] | undefined, path: string,
): Generator<FieldError> {
  let controller = ''
  for (const ref of refs ?? []) {
    yield* validateOwnerReference(ref, path)
    if (ref.controller !== true) continue
    const name = `${ref.kind}/${ref.name}`
    if (controller === '') controller = name
    else {
      yield fieldInvalid(path, refs, `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`)
    }
  }
}

export const orphanFinalizer = 'orphan'
export const foregroundFinalizer = 'foregroundDeletion'

export function* validateFinalizers(finalizers: readonly string[] | undefined, path: string): Generator<FieldError> {
  const list = finalizers ?? []
  for (const finalizer of list) {
    for (const message of isQualifiedName(finalizer)) yield fieldInvalid(path, finalizer, message)
  }
  if (list.includes(orphanFinalizer) && list.includes(foregroundFinalizer)) {
    yield fieldInvalid(path, list, `finalizer ${orphanFinalizer} and ${foregroundFinalizer} cannot be both set`)
  }
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion']

/** Built-in kinds take only well-known finalizers and those with a domain. */
export function* validateFinalizerNames(finalizers: readonly string[], path = 'metadata.finalizers'): Generator<FieldError> {
  for (const [i, finalizer] of finalizers.entries()) {
    if (finalizer.includes('/') || standardFinalizers.includes(finalizer)) continue
    yield fieldInvalid(indexPath(path, i), finalizer, 'name is neither a standard finalizer name nor is it fully qualified')
  }
}

/** A field manager's name: at most 128 bytes, printable. */
export function* validateFieldManager(manager: string | undefined, path: string): Generator<FieldError> {
  const name = manager ?? ''
  if (byteLength(name) > 128) yield fieldTooLong(path, 128)
  let at = 0
  for (const char of name) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) {
      const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')
      yield fieldInvalid(path, name, `invalid character U+${code} (at position ${at})`)
    }
    at += byteLength(char)
  }
}

export function* validateManagedFields(
  entries: readonly ManagedFieldsEntry[] | undefined, path: string,
): Generator<FieldError> {
  for (const [i, entry] of (entries ?? []).entries()) {
    const at = indexPath(path, i)
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      yield fieldInvalid(childPath(at, 'operation'), entry.operation ?? '', 'must be `Apply` or `Update`')
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      yield fieldInvalid(childPath(at, 'fieldsType'), entry.fieldsType, 'must be `FieldsV1`')
    }
    yield* validateFieldManager(entry.manager, childPath(at, 'manager'))
    if (byteLength(entry.subresource ?? '') > 256) yield fieldTooLong(childPath(at, 'subresource'), 256)
  }
}

function* validateCommonMeta(meta: ObjectMeta, namespaced: boolean, path: string): Generator<FieldError> {
  const namespacePath = childPath(path, 'namespace')
  if (namespaced) {
    if (!meta.namespace) yield fieldRequired(namespacePath)
    else for (const message of nameIsDNSLabel(meta.namespace, false)) yield fieldInvalid(namespacePath, meta.namespace, message)
  } else if (meta.namespace) yield fieldForbidden(namespacePath, 'not allowed on this type')
  if ((meta.generation ?? 0) < 0) yield fieldInvalid(childPath(path, 'generation'), meta.generation, notNegative)
  yield* validateLabels(meta.labels, childPath(path, 'labels'))
  yield* validateAnnotations(meta.annotations, childPath(path, 'annotations'))
  yield* validateOwnerReferences(meta.ownerReferences, childPath(path, 'ownerReferences'))
  yield* validateFinalizers(meta.finalizers, childPath(path, 'finalizers'))
  yield* validateManagedFields(meta.managedFields, childPath(path, 'managedFields'))
}

/** What is wrong with the metadata of an object, its name checked by `nameCheck`. */
export function* validateObjectMeta(
  meta: ObjectMeta, namespaced: boolean, nameCheck: NameCheck, path = 'metadata',
): Generator<FieldError> {
  if (meta.generateName) {
    for (const message of nameCheck(meta.generateName, true)) {
      yield fieldInvalid(childPath(path, 'generateName'), meta.generateName, message)
    }
  }
  if (!meta.name) yield fieldRequired(childPath(path, 'name'), 'name or generateName is required')
  else for (const message of nameCheck(meta.name, false)) yield fieldInvalid(childPath(path, 'name'), meta.name, message)
  yield* validateCommonMeta(meta, namespaced, path)
}

/** The form for kinds whose name check makes whole field errors. */
export function* validateObjectMetaWith(
  meta: ObjectMeta, namespaced: boolean, nameCheck: (path: string, name: string) => Iterable<FieldError>, path = 'metadata',
): Generator<FieldError> {
  const namePath = childPath(path, 'name')
  if (meta.generateName && !meta.name) {
    yield fieldInternal(namePath, `generateName was specified (${goQuote(meta.generateName)}), but no name was generated`)
  }
  if (!meta.name) yield fieldRequired(namePath, 'name or generateName is required')
  else yield* nameCheck(namePath, meta.name)
  yield* validateCommonMeta(meta, namespaced, path)
}

const immutableMeta = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const
/** What upstream prints for an absent value: its zero value where the field is no pointer. */
const zeroMeta: Readonly<Record<string, unknown>> = { name: '', namespace: '', uid: '' }

/** What is wrong with a change of metadata. */
export function* validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): Generator<FieldError> {
  if (old.deletionTimestamp) {
    yield* validateNoNewFinalizers(meta.finalizers, old.finalizers, childPath(path, 'finalizers'))
  }
  if (!meta.resourceVersion) {
    yield fieldInvalid(childPath(path, 'resourceVersion'), '', 'must be specified for an update')
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    yield fieldInvalid(childPath(path, 'generation'), meta.generation ?? 0, 'must not be decremented')
  }
  for (const name of immutableMeta) {
    if ((meta[name] ?? undefined) === (old[name] ?? undefined)) continue
    yield fieldInvalid(childPath(path, name), meta[name] ?? zeroMeta[name] ?? null, fieldImmutable)
  }
  yield* validateLabels(meta.labels, childPath(path, 'labels'))
  yield* validateAnnotations(meta.annotations, childPath(path, 'annotations'))
  yield* validateOwnerReferences(meta.ownerReferences, childPath(path, 'ownerReferences'))
  yield* validateManagedFields(meta.managedFields, childPath(path, 'managedFields'))
}

/** An object that is being deleted takes no finalizers any more. */
export function* validateNoNewFinalizers(
  next: readonly string[] | undefined, old: readonly string[] | undefined, path: string,
): Generator<FieldError> {
  const extra = [...new Set(next)].filter((finalizer) => !(old ?? []).includes(finalizer)).sort(compareText)
  if (extra.length === 0) return
  yield fieldForbidden(path, `no new finalizers can be added if the object is being deleted, found new finalizers []string{${extra.map(goQuote).join(', ')}}`)
}

/** What is wrong with a LabelSelector object. */
export function* validateLabelSelector(
  selector: LabelSelectorObject | null | undefined, path: string, options: { allowInvalidValues?: boolean } = {},
): Generator<FieldError> {
  if (!selector) return
  yield* validateLabels(selector.matchLabels, childPath(path, 'matchLabels'))
  for (const [i, expression] of (selector.matchExpressions ?? []).entries()) {
    const at = indexPath(childPath(path, 'matchExpressions'), i)
    const values = expression.values ?? []
    const valuesPath = childPath(at, 'values')
    if (expression.operator === 'In' || expression.operator === 'NotIn') {
      if (values.length === 0) yield fieldRequired(valuesPath, "must be specified when `operator` is 'In' or 'NotIn'")
    } else if (expression.operator === 'Exists' || expression.operator === 'DoesNotExist') {
      if (values.length > 0) {
        yield fieldForbidden(valuesPath, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
      }
    } else yield fieldInvalid(childPath(at, 'operator'), expression.operator ?? '', 'not a valid selector operator')
    yield* validateLabelName(expression.key ?? '', childPath(at, 'key'))
    if (options.allowInvalidValues) continue
    for (const [j, value] of values.entries()) {
      for (const message of isLabelValue(value)) yield fieldInvalid(indexPath(valuesPath, j), value, message)
    }
  }
}

const reasonFormat = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?'
const reasonMessage = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'"

interface WireCondition {
  type: string
  status: string
  observedGeneration?: number
  lastTransitionTime?: string | null
  reason?: string
  message?: string
}

/** What is wrong with metav1 conditions. */
export function* validateConditions(
  conditions: readonly WireCondition[] | undefined, path: string,
): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, condition] of (conditions ?? []).entries()) {
    const at = indexPath(path, i)
    if (seen.has(condition.type)) yield fieldDuplicate(childPath(at, 'type'), condition.type)
    seen.add(condition.type)
    yield* validateCondition(condition, at)
  }
}

function* validateCondition(condition: WireCondition, path: string): Generator<FieldError> {
  yield* validateLabelName(condition.type ?? '', childPath(path, 'type'))
  if (!['True', 'False', 'Unknown'].includes(condition.status)) {
    yield fieldNotSupported(childPath(path, 'status'), condition.status ?? '', ['False', 'True', 'Unknown'])
  }
  if ((condition.observedGeneration ?? 0) < 0) {
    yield fieldInvalid(
      childPath(path, 'observedGeneration'), condition.observedGeneration, 'must be greater than or equal to zero',
    )
  }
  if (!condition.lastTransitionTime) yield fieldRequired(childPath(path, 'lastTransitionTime'))
  const reason = condition.reason ?? ''
  const reasonPath = childPath(path, 'reason')
  if (reason === '') yield fieldRequired(reasonPath)
  else {
    if (!new RegExp(`^${reasonFormat}$`).test(reason)) {
      yield fieldInvalid(
        reasonPath, reason, regexError(reasonMessage, reasonFormat, 'my_name', 'MY_NAME', 'MyName', 'ReasonA,ReasonB', 'ReasonA:ReasonB'),
      )
    }
    if (byteLength(reason) > 1024) yield fieldTooLong(reasonPath, 1024)
  }
  if (byteLength(condition.message ?? '') > 32768) yield fieldTooLong(childPath(path, 'message'), 32768)
}
