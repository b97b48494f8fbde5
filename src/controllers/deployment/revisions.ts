/** Annotations that carry a replica set's revision and what was wanted of it. */
import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import {
  desiredReplicasAnnotation, maxReplicasAnnotation, maxSurge, revisionAnnotation, revisionHistoryAnnotation, wanted,
} from './replica-sets.ts'

/** Annotations that belong to one object and are never copied. */
const ownAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration', revisionAnnotation, revisionHistoryAnnotation,
  desiredReplicasAnnotation, maxReplicasAnnotation, 'deprecated.deployment.rollback.to',
])
const maxHistoryLength = 2000

export type Annotations = Record<string, string>

/** The new set's annotations: the deployment's, its revision, and the revisions that it had before. */
export function newSetAnnotations(deployment: Deployment, current: Readonly<Annotations>, revision: bigint): Annotations {
  const next: Annotations = { ...current }
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ownAnnotations.has(key)) next[key] = value
  }
  const old = current[revisionAnnotation]
  if (old !== undefined && old !== '' && !/^-?\d+$/.test(old)) return next
  const oldNumber = old === undefined || old === '' ? 0n : BigInt(old)
  if (oldNumber >= revision) return next
  next[revisionAnnotation] = String(revision)
  if (old === undefined) return next
  const history = appendHistory(current[revisionHistoryAnnotation] ?? '', old)
  if (history !== undefined) next[revisionHistoryAnnotation] = history
  return next
}

/** The oldest revisions make room; undefined when even that is not enough. */
function appendHistory(history: string, revision: string): string | undefined {
  if (history === '') return revision
  const revisions = history.split(',')
  let length = history.length + revision.length + 1
  let start = 0
  while (length > maxHistoryLength && start < revisions.length) {
    length -= revisions[start]!.length + 1
    start++
  }
  return length > maxHistoryLength ? undefined : [...revisions.slice(start), revision].join(',')
}

/** The numbers that proportional scaling starts from. */
export function replicasAnnotations(deployment: Deployment): Annotations {
  return {
    [desiredReplicasAnnotation]: String(wanted(deployment)),
    [maxReplicasAnnotation]: String(wanted(deployment) + maxSurge(deployment)),
  }
}

/** Whether every annotation of `wantedOnes` is on the set with that value. */
export function hasAnnotations(set: ReplicaSet, wantedOnes: Annotations): boolean {
  return Object.entries(wantedOnes).every(([key, value]) => set.metadata.annotations?.[key] === value)
}
