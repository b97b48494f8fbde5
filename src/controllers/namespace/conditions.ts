/** How far the deletion of a namespace has come, as conditions (upstream: namespace/deletion/status_condition_utils.go). */
import type { NamespaceCondition } from '../../api/generated/types/core-v1.ts'
import { formatTime } from '../../api/meta/time.ts'

/** What is known after a round of deletions. */
export interface DeletionReport {
  readonly discoveryError?: string
  readonly contentErrors: readonly string[]
  /** "resource.group" to the number of objects that are still there. */
  readonly remaining: ReadonlyMap<string, number>
  readonly finalizers: ReadonlyMap<string, number>
  /** False when other resources have not been looked at, because pods go first. */
  readonly totals: boolean
}

const fine: Readonly<Record<string, readonly [reason: string, message: string]>> = {
  NamespaceDeletionDiscoveryFailure: ['ResourcesDiscovered', 'All resources successfully discovered'],
  NamespaceDeletionGroupVersionParsingFailure: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  NamespaceDeletionContentFailure: ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
  NamespaceContentRemaining: ['ContentRemoved', 'All content successfully removed'],
  NamespaceFinalizersRemaining: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
}

/** The conditions with the report's truth in them; the list itself when nothing changes. */
export function deletionConditions(
  current: readonly NamespaceCondition[], report: DeletionReport, now: number,
): readonly NamespaceCondition[] {
  const bad = failures(report)
  let next = current
  for (const type of Object.keys(fine)) {
    const [reason, message] = bad.get(type) ?? fine[type]!
    const status = bad.has(type) ? 'True' : 'False'
    const at = next.findIndex((condition) => condition.type === type)
    const old = next[at]
    if (old === undefined) next = [...next, { type, status, lastTransitionTime: formatTime(now), reason, message }]
    else if (old.status !== status || old.reason !== reason || old.message !== message) {
      const lastTransitionTime = old.status === status ? old.lastTransitionTime : formatTime(now)
      next = next.with(at, { type, status, lastTransitionTime, reason, message })
    }
  }
  return next
}

function failures(report: DeletionReport): Map<string, readonly [string, string]> {
  const { discoveryError, contentErrors, remaining, finalizers, totals } = report
  const bad = new Map<string, readonly [string, string]>()
  if (discoveryError !== undefined) bad.set('NamespaceDeletionDiscoveryFailure', ['DiscoveryFailed', discoveryError])
  if (contentErrors.length > 0) {
    const text = [...contentErrors].sort().join(', ')
    bad.set('NamespaceDeletionContentFailure', [
      'ContentDeletionFailed', `Failed to delete all resource types, ${contentErrors.length} remaining: ${text}`,
    ])
  }
  if (totals && remaining.size > 0) {
    const parts = [...remaining].map(([resource, count]) => `${resource} has ${count} resource instances`).sort()
    bad.set('NamespaceContentRemaining', ['SomeResourcesRemain', `Some resources are remaining: ${parts.join(', ')}`])
  }
  if (totals && finalizers.size > 0) {
    const parts = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`).sort()
    bad.set('NamespaceFinalizersRemaining', [
      'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`,
    ])
  }
  return bad
}
