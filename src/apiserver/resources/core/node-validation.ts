/** What a Node may be (upstream: ValidateNode, ValidateNodeUpdate) and a Namespace. */
import { isIPv6 } from 'node:net'
import type { Namespace, Node, Taint } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { validateLabelName } from '../../../api/meta/metadata-validation.ts'
import { isLabelValue, isQualifiedName } from '../../../api/meta/names.ts'
import { invalidAll, positive } from '../validation/common.ts'
import { validateLegacyCIDR } from '../validation/ip.ts'
import { taintEffects } from '../validation/pod-scheduling.ts'
import { resourceAmount } from '../validation/resource-lists.ts'

function* taintErrors(taints: readonly Taint[] | undefined): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, taint] of (taints ?? []).entries()) {
    // Upstream has them below metadata.
    const path = indexPath('metadata.taints', i)
    yield* validateLabelName(taint.key ?? '', `${path}.key`)
    const wrong = isLabelValue(taint.value ?? '')
    if (wrong.length > 0) yield fieldInvalid(`${path}.value`, taint.value, wrong.join(';'))
    if (!taint.effect) yield fieldRequired(`${path}.effect`)
    else if (!taintEffects.includes(taint.effect)) yield fieldNotSupported(`${path}.effect`, taint.effect, taintEffects)
    const key = `${taint.effect} ${taint.key}`
    if (seen.has(key)) {
      const shown = { Key: taint.key ?? '', Value: taint.value ?? '', Effect: taint.effect ?? '', TimeAdded: taint.timeAdded ?? null }
      const error = fieldDuplicate(path, shown)
      yield { ...error, message: `${error.message}: taints must be unique by key and effect pair` }
    }
    seen.add(key)
  }
}

function* featureErrors(features: readonly string[]): Generator<FieldError> {
  const form = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z0-9]+)*$/
  for (const [i, name] of features.entries()) {
    const at = (index: number): string => indexPath('status.declaredFeatures', index)
    if (name.length > 253) yield fieldInvalid(at(i), name, `invalid feature name ${goQuote(name)}: must be no more than 253 characters`)
    else if (!form.test(name)) {
      yield fieldInvalid(at(i), name, `invalid feature name ${goQuote(name)}: must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`)
    }
    const next = features[i + 1]
    if (next === undefined) continue
    if (name === next) yield fieldDuplicate(at(i + 1), next)
    else if (name > next) yield fieldInvalid(at(i + 1), next, 'list must be sorted alphabetically')
  }
}

function* amounts(node: Node): Generator<FieldError> {
  for (const list of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(node.status?.[list] ?? {})) {
      yield* resourceAmount(`status.${list}.${name}`, name, amount)
    }
  }
}

export function* validateNode(node: Node): Generator<FieldError> {
  yield* taintErrors(node.spec?.taints)
  yield* amounts(node)
  const swap = node.status?.nodeInfo?.swap?.capacity
  if (swap !== undefined) yield* positive('metadata.nodeSwapStatus.capacity', swap)
  yield* featureErrors(node.status?.declaredFeatures ?? [])
  const ranges = node.spec?.podCIDRs ?? []
  for (const [i, range] of ranges.entries()) yield* validateLegacyCIDR(`spec.podCIDRs[${i}]`, range)
  if (ranges.length < 2) return
  const sixes = ranges.filter((range) => isIPv6(range.split('/')[0]!)).length
  if (ranges.length > 2 || sixes !== 1) yield fieldInvalid('spec.podCIDRs', ranges, 'may specify no more than one CIDR for each IP family')
}

/** What may change through /status too; an update of the node itself is checked as a whole besides. */
export function* validateNodeStatus(node: Node, old: Node): Generator<FieldError> {
  yield* amounts(node)
  yield* featureErrors(node.status?.declaredFeatures ?? [])
  const seen = new Set<string>()
  for (const [i, { type, address }] of (node.status?.addresses ?? []).entries()) {
    if (seen.has(`${type} ${address}`)) yield fieldDuplicate(`status.addresses[${i}]`, { Type: type, Address: address })
    seen.add(`${type} ${address}`)
  }
  const [now, before] = [node.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []]
  const refused = 'node updates may not change podCIDR except from "" to valid'
  if (before.length > 0 && before.length !== now.length) yield fieldForbidden('spec.podCIDRs', refused)
  else for (const [i, range] of before.entries()) if (range !== now[i]) yield fieldForbidden('spec.podCIDRs', refused)
  if (old.spec?.providerID && old.spec.providerID !== node.spec?.providerID) {
    yield fieldForbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')
  }
  yield* taintErrors(node.spec?.taints)
  if ((node.spec?.externalID ?? '') !== (old.spec?.externalID ?? '')) yield fieldForbidden('spec.externalID', 'may not be updated')
}

export function* validateNodeUpdate(node: Node, old: Node): Generator<FieldError> {
  yield* validateNode(node)
  yield* validateNodeStatus(node, old)
}

function* finalizerName(path: string, name: string): Generator<FieldError> {
  yield* invalidAll(path, name, isQualifiedName(name))
  if (!name.includes('/') && !['kubernetes', 'orphan', 'foregroundDeletion'].includes(name)) {
    yield fieldInvalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified')
  }
}

export function* validateNamespace({ spec }: Namespace): Generator<FieldError> {
  for (const name of spec?.finalizers ?? []) yield* finalizerName('spec.finalizers', name)
}

export function* validateNamespaceFinalize({ spec }: Namespace): Generator<FieldError> {
  for (const [i, name] of (spec?.finalizers ?? []).entries()) yield* finalizerName(indexPath('spec.finalizers', i), name)
}

export function* validateNamespaceStatus({ metadata, status }: Namespace): Generator<FieldError> {
  const phase = status?.phase ?? ''
  if (metadata.deletionTimestamp === undefined) {
    if (phase !== 'Active') yield fieldInvalid('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")
  } else if (phase !== 'Terminating') yield fieldInvalid('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")
}
