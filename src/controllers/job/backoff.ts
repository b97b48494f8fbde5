/** How long a job waits before it replaces a failed pod (upstream: backoff_utils.go). Pure. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { podCondition } from '../../api/helpers/pod-conditions.ts'
import { parseTime } from '../../api/meta/time.ts'

const initialMs = 10_000
const maxMs = 600_000

/** What is remembered of a job between two looks. */
export interface BackoffRecord {
  readonly failures: number
  readonly lastFailureAt: number | undefined
}

export const noFailures: BackoffRecord = { failures: 0, lastFailureAt: undefined }

/** The record after some pods have ended that had not been counted yet. */
export function nextRecord(record: BackoffRecord, succeeded: readonly Pod[], failed: readonly Pod[]): BackoffRecord {
  if (succeeded.length === 0 && failed.length === 0) return record
  const failedAt = failed.map(finishedAt)
  if (succeeded.length === 0) return { failures: record.failures + failed.length, lastFailureAt: Math.max(...failedAt) }
  const lastSuccessAt = Math.max(...succeeded.map(finishedAt))
  const later = failedAt.filter((at) => at > lastSuccessAt)
  return later.length === 0 ? noFailures : { failures: later.length, lastFailureAt: Math.max(...later) }
}

/** ms until a new pod may be made after `failures` in a row. */
export function remainingMs(failures: number, lastFailureAt: number | undefined, now: number): number {
  if (failures === 0 || lastFailureAt === undefined) return 0
  return Math.max(0, Math.min(maxMs, initialMs * 2 ** Math.min(failures - 1, 30)) - (now - lastFailureAt))
}

/** When the pod ended, in ms: by its containers, its readiness, its deletion, or at worst its creation. */
export function finishedAt(pod: Pod): number {
  return byContainers(pod) ?? byReadiness(pod) ?? byDeletion(pod) ?? parseTime(pod.metadata.creationTimestamp ?? '') ?? 0
}

function byContainers(pod: Pod): number | undefined {
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map(({ name }) => name))
  const statuses = [
    ...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ]
  const times = statuses.map(({ state }) => parseTime(state?.terminated?.finishedAt ?? ''))
  if (times.length === 0 || times.includes(undefined)) return undefined
  return Math.max(...(times as number[]))
}

function byReadiness(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready')
  return ready?.status === 'False' ? parseTime(ready.lastTransitionTime ?? '') : undefined
}

function byDeletion({ metadata }: Pod): number | undefined {
  const at = parseTime(metadata.deletionTimestamp ?? '')
  return at === undefined ? undefined : at - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
}
